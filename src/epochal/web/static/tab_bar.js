/** The tabs of a page: links, so that each has an address and opens in a tab of the browser. */
import { html, useEffect } from "epochal/html.js";
import { link } from "epochal/store.js";

/**
 * @param {{label: string, path: string[], tabs: [string, string][], tab: string,
 *   keep?: Record<string, string | undefined>}} props path: of the page; tabs: name and word of
 *   each; keep: what of the view stays when another one is opened
 */
export function TabBar({ label, path, tabs, tab, keep = {} }) {
  useEffect(() => document.getElementById("content")?.scrollTo(0, 0), [path.join("/"), tab]);
  const kept = Object.fromEntries(Object.entries(keep).filter(([, value]) => value));
  return html`<nav class="tabs tab-bar" aria-label=${label}>${tabs.map(([name, word]) =>
    html`<a key=${name} href=${link([...path, name], kept)} aria-current=${name === tab ? "page" : null}>
      ${word}</a>`)}
  </nav>`;
}
