/** The help page: the keys that work at the moment, and how to filter. */
import { html } from "epochal/html.js";
import { Dialog } from "epochal/dialog.js";
import { EXAMPLES } from "epochal/filter.js";
import { IconButton } from "epochal/icons.js";
import { takenKeys } from "epochal/keys.js";

/** What a chart takes while it has the focus; chart_input.js does it. */
const CHART_KEYS = [
  ["ArrowLeft ArrowRight", "Move the cursor; with Shift ten points"], ["Home End", "First and last point"],
  ["ArrowUp ArrowDown", "Curve above or below"], ["Enter", "Pin the values"], ["+ -", "Zoom in and out"],
];
const SHOWN = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

/**
 * @param {{onClose: () => void}} props
 */
export function Help({ onClose }) {
  return html`<${Dialog} label="Help" onClose=${onClose} class="help">
    <header class="dialog-head">
      <h2>Keys</h2>
      <${IconButton} icon="cross" label="Close" onClick=${onClose} />
    </header>
    <dl class="keys">
      ${takenKeys().map(
        ([key, what]) => html`<div key=${key}><dt><${Key} name=${key} /></dt><dd>${what}</dd></div>`,
      )}
    </dl>
    ${document.querySelector(".chart") && html`<h2>In a chart that has the focus</h2>
      <dl class="keys">${CHART_KEYS.map(([keys, what]) => html`<div key=${keys}><dt>${keys.split(" ").map(
        (key) => html`<${Key} name=${key} /> `)}</dt><dd>${what}</dd></div>`)}</dl>`}
    <h2>Filter</h2>
    <p>A word finds names. An expression selects by anything that was recorded:</p>
    <dl class="examples">
      ${EXAMPLES.map(
        ([example, what]) => html`<div key=${example}><dt><code>${example}</code></dt><dd>${what}</dd></div>`,
      )}
    </dl>
  <//>`;
}

/**
 * A key as it stands on the keyboard.
 * @param {{name: string}} props
 */
export function Key({ name }) {
  return html`<kbd>${SHOWN[name] ?? name.replace("Ctrl-", "Ctrl ").replace(/ (.)$/, (_, c) => ` ${c.toUpperCase()}`)}</kbd>`;
}
