/**
 * What Gradio's page lacks: the header by which the server knows its own page, JSON files that are
 * opened and saved without ever lying on the server, and messages that screen readers find.
 * It is loaded before Gradio's own modules.
 */

/** Of a larger file only the beginning is sent, which the server refuses with a reason. */
const MAX_FILE_BYTES = 400_000;

if (location.hash.startsWith("#token=")) location.replace(`/login${location.hash}`);

const plainFetch = window.fetch.bind(window);

/**
 * Fetches as before; requests to this server carry the header that no other page can send.
 * @param {RequestInfo | URL} to
 * @param {RequestInit} [how]
 * @returns {Promise<Response>}
 */
function fetchAsOwnPage(to, how = {}) {
  const address = new URL(to instanceof Request ? to.url : to, location.href);
  if (address.origin !== location.origin) return plainFetch(to, how);
  const headers = new Headers(how.headers ?? (to instanceof Request ? to.headers : undefined));
  headers.set("X-Epochal", "1");
  return plainFetch(to, { ...how, headers });
}
window.fetch = fetchAsOwnPage;

/** Lets one choose a file, and hands its text to the form. */
function openFile() {
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = ".json,application/json";
  chooser.addEventListener("change", async () => {
    const file = chooser.files?.[0];
    if (!file) return;
    const field = document.querySelector("#uploaded textarea, #uploaded input");
    const text = await file.slice(0, MAX_FILE_BYTES).text();
    for (const value of ["", text]) {
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  chooser.click();
}

/** Saves the file that the server has made, once. */
function saveFile() {
  for (const link of document.querySelectorAll(".ep-fetch a")) {
    if (link.dataset.fetched) continue;
    link.dataset.fetched = "yes";
    link.removeAttribute("target");
    link.click();
  }
}

/** Ties what stands beside a field to the field, and says which ones are wrong. */
function describeFields() {
  for (const block of document.querySelectorAll("[id^='field-']")) {
    const info = block.querySelector("[class*='info-text'], .info");
    const input = block.querySelector("input, textarea");
    if (!input) continue;
    input.setAttribute("aria-invalid", String(block.classList.contains("ep-wrong")));
    if (info) {
      info.id = `${block.id}-info`;
      input.setAttribute("aria-describedby", info.id);
    }
  }
}

/** Makes links to this server's own pages and to the dashboard stay in the tab. */
function keepInTab() {
  for (const link of document.querySelectorAll("#dashboard[target]")) link.removeAttribute("target");
}

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("#upload")) openFile();
});

let waiting = false;
new MutationObserver(() => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    saveFile();
    describeFields();
    keepInTab();
  });
}).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
