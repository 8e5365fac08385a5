/** Exchanges a token, of the address or of the form, for a cookie. */

/**
 * Asks for the cookie, unless this browser has it, and goes to the panel.
 * @param {string} token
 * @returns {Promise<void>}
 */
async function arrive(token) {
  const known = await (await fetch("/health")).json();
  const answer = known.in || (await fetch("/api/login", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Epochal": "1" },
    body: JSON.stringify({ token }),
  }));
  if (answer === true || answer.ok) location.replace("/");
  else if (answer.status === 401) say("This token was used already or is too old: start epochal control again.");
  else say((await answer.json()).error);
}

/**
 * Shows a message.
 * @param {string} text
 */
function say(text) {
  document.getElementById("message").textContent = text;
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = new FormData(event.target).get("token").trim().replace(/^.*#token=/, "");
  arrive(token).catch(() => say("The panel does not answer."));
});

const found = /^#token=([^&]+)/.exec(location.hash);
if (found) {
  history.replaceState(null, "", location.pathname);
  arrive(decodeURIComponent(found[1])).catch(() => say("The panel does not answer."));
}
