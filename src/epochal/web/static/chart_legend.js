/** Under a chart: which color is which group, and which dash which metric. */

import { html } from "epochal/html.js";
import { Swatch } from "epochal/chart_tooltip.js";

const MOST = 12;
const MOST_FULL = 60;

/**
 * The legend; resting on an entry raises its curve.
 * @param {{entries: Array<object>, title?: string, full?: boolean, onRaise: (key: string|null) => void}} props
 */
export function Legend({ entries, title, full = false, onRaise }) {
  if (!entries.length) return null;
  const most = full ? MOST_FULL : MOST;
  return html`<ul class="chart-legend" aria-label=${title || "Legend"}>
    ${title && html`<li class="legend-title">${title}</li>`}
    ${entries.slice(0, most).map((entry) => html`<li key=${entry.key}
      onPointerEnter=${() => onRaise(entry.curve)} onPointerLeave=${() => onRaise(null)}>
      <${Swatch} color=${entry.color} dash=${entry.dash} />
      <span class="legend-label">${entry.label}</span>
      ${entry.size && html`<span class="legend-size">${entry.size}</span>`}</li>`)}
    ${entries.length > most && html`<li class="muted">${entries.length - most} more</li>`}
  </ul>`;
}
