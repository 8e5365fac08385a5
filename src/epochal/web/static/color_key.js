/** What the colors of a picture stand for. */
import { html } from "epochal/html.js";
import { slotColor } from "epochal/color.js";
import { num } from "epochal/format.js";
import { sequential } from "epochal/sequential.js";

const SHADES = Array.from({ length: 24 }, (_, i) => i / 23);
const LEVELS = 12;

/**
 * The key of a dimension.
 * @param {{dimension: import("epochal/dimensions.js").Dimension | undefined}} props
 */
export function ColorKey({ dimension }) {
  if (!dimension) return null;
  const { label, extent, levels, kind, log } = dimension;
  if (kind === "number" && extent) {
    return html`<div class="color-key"><span>${label}</span><span class="muted">${num(extent[0], 3)}</span>
      <span class="color-ramp" aria-hidden="true">${SHADES.map((share) => html`<span key=${share}
        style=${{ background: sequential(share) }}></span>`)}</span>
      <span class="muted">${num(extent[1], 3)}${log ? " (log)" : ""}</span></div>`;
  }
  return html`<div class="color-key"><span>${label}</span>${levels.slice(0, LEVELS).map((name, i) => html`<span
    class="color-level" key=${name}>
    <span class="run-dot" style=${{ background: slotColor(i) }} aria-hidden="true"></span>${name}</span>`)}
    ${levels.length > LEVELS && html`<span
      class="muted">and ${levels.length - LEVELS} more, colors repeat</span>`}</div>`;
}
