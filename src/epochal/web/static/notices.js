/** Short messages at the bottom of the page: what was done, or why it was not. */
import { html, useEffect, useState } from "epochal/html.js";

const SHOWN_MS = { done: 3000, error: 8000 };
let show = () => {};

/**
 * Tells the person something, without a dialog in the way.
 * @param {string} text
 * @param {"done"|"error"} [kind]
 */
export function notify(text, kind = "done") {
  show({ text, kind });
}

/**
 * Copies a text and says so.
 * @param {string} text
 * @param {string} [what] such as "The link"
 */
export async function copy(text, what = "Text") {
  try {
    await navigator.clipboard.writeText(text);
    notify(`${what} copied`);
  } catch {
    notify("The browser does not let this page copy; select the text instead.", "error");
  }
}

/** The place where messages appear; once on the page. */
export function Notice() {
  const [notice, setNotice] = useState(null);
  useEffect(() => {
    show = setNotice;
    return () => (show = () => {});
  }, []);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => setNotice(null), SHOWN_MS[notice.kind]);
    return () => clearTimeout(timer);
  }, [notice]);
  return html`<div class="notice-place" role="status" aria-live="polite">
    ${notice && html`<div class=${`notice notice-${notice.kind}`}>${notice.text}</div>`}
  </div>`;
}
