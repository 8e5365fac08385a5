/** A custom chart of kind "bar": where each run or group ends, largest first. */

import { html } from "epochal/html.js";
import { lastValues } from "epochal/chart_values.js";
import { exact, num } from "epochal/format.js";
import { setHover } from "epochal/hover.js";

/**
 * Bars from zero; of groups with their interval.
 * @param {{curves: object[], manyMetrics: boolean}} props
 */
export function Bars({ curves, manyMetrics }) {
  const rows = lastValues(curves);
  const ends = rows.flatMap(({ curve, value, low, high }) => (curve.n && low === low ? [value, low, high] : [value]));
  const least = Math.min(0, ...ends);
  const most = Math.max(0, ...ends);
  const at = (value) => (most > least ? ((value - least) / (most - least)) * 100 : 0);
  return html`<div class="chart-bars" tabindex="0" role="group" aria-label="Last values"><table>
    <thead class="sr-only"><tr><th>Name</th><th>Bar</th><th>Value</th></tr></thead>
    <tbody>${rows.map(({ curve, value, low, high }) => html`<tr key=${curve.key}
      onPointerEnter=${() => setHover(curve.run)} onPointerLeave=${() => setHover(null)}>
      <th scope="row" title=${curve.label}>${manyMetrics ? `${curve.label} · ${curve.metric}` : curve.label}</th>
      <td class="bar-cell"><svg preserveAspectRatio="none" viewBox="0 0 100 10" aria-hidden="true">
        <rect x=${Math.min(at(0), at(value))} width=${Math.abs(at(value) - at(0))} y="1" height="8" fill=${curve.color} />
        ${curve.n && low === low && html`<rect class="bar-interval" x=${at(low)} width=${at(high) - at(low)} y="4" height="2" />`}
      </svg></td>
      <td class="tip-value" title=${exact(value)}>${num(value)} <span class="tip-n">${curve.size}</span></td>
    </tr>`)}</tbody></table></div>`;
}
