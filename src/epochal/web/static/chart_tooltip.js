/** The values at the cursor: sorted, the nearest curve marked, with the extremes of its bucket. */

import { html, useLayoutEffect, useRef } from "epochal/html.js";
import { around, MOST_ROWS } from "epochal/chart_values.js";
import { exact, num } from "epochal/format.js";
import { IconButton } from "epochal/icons.js";
import { link } from "epochal/store.js";

const SWATCH = 14;

/**
 * The box at the cursor.
 * @param {object} props title: the x; rows; near: key of the nearest curve; at: client position;
 *   pinned: it stays, and its rows can be used; onClose; onPin: pins a run; manyMetrics: rows say
 *   their metric; band: what the band of groups shows, "" for runs; extra: more at the end
 */
export function Tooltip({ title, rows, near, at, pinned, manyMetrics, band, onClose, onPin, extra }) {
  const box = useRef(null);
  useLayoutEffect(() => place(box.current, at));
  const part = around(rows, near, pinned ? 40 : MOST_ROWS);
  const smoothed = part.rows.some(({ curve }) => curve.raw);
  const more = (n, where) => n > 0 && html`<p class="tip-more">${n} more ${where}</p>`;
  return html`<div ref=${box} class=${pinned ? "chart-tip pinned" : "chart-tip"}
    role=${pinned ? "dialog" : null} aria-label=${pinned ? `Values at ${title}` : null}>
    <div class="tip-head"><strong>${title}</strong>
      ${pinned && html`<${IconButton} icon="cross" label="Close" class="small" onClick=${onClose} />`}</div>
    ${more(part.above, "above")}
    <table>${(smoothed || band) && html`<thead><tr><td></td><td></td><th scope="col">${smoothed ? "smoothed" : "mean"}</th>
      ${smoothed && html`<th scope="col">${band ? "mean" : "value"}</th>`}<th scope="col">${band || "min – max"}</th></tr></thead>`}<tbody>${part.rows.map((row) => html`<${Row} key=${row.curve.key} row=${row}
      near=${row.curve.key === near} pinned=${pinned} manyMetrics=${manyMetrics} smoothed=${smoothed}
      onPin=${onPin} />`)}
    </tbody></table>
    ${more(part.below, "below")}
    ${pinned && extra}
  </div>`;
}

function Row({ row, near, pinned, manyMetrics, smoothed, onPin }) {
  const { curve, value, low, high, index } = row;
  const name = manyMetrics ? `${curve.label} · ${curve.metric}` : curve.label;
  const mean = curve.raw ? curve.raw[index] : value;
  const spread = Number.isFinite(low) && Number.isFinite(high) && (low !== mean || high !== mean);
  return html`<tr class=${near ? "near" : null}>
    <td><${Swatch} color=${curve.color} dash=${curve.dash} /></td>
    <th scope="row">${pinned && curve.run
      ? html`<a href=${link(["r", curve.run, "charts"])}>${name}</a>` : name}</th>
    <td class="tip-value" title=${exact(value)}>${num(value)}</td>
    ${smoothed && html`<td class="tip-value" title=${exact(mean)}>${num(mean)}</td>`}
    <td class="tip-spread">${spread ? `${num(low, 3)} – ${num(high, 3)}` : ""}</td>
    ${curve.n && html`<td class="tip-n">n ${curve.n[index]}</td>`}
    ${pinned && curve.run && onPin && html`<td><${IconButton} icon="pin" class="small"
      label=${`Pin ${curve.label} in the table`} onClick=${() => onPin(curve.run)} /></td>`}
  </tr>`;
}

/**
 * A piece of a curve, as legends show it.
 * @param {{color: string, dash: number[]}} props
 */
export function Swatch({ color, dash }) {
  return html`<svg class="chart-swatch" width=${SWATCH} height="8" viewBox="0 0 14 8" aria-hidden="true">
    <line x1="0" x2="14" y1="4" y2="4" stroke=${color} stroke-width="2.5"
      stroke-dasharray=${dash.length ? dash.join(" ") : null} /></svg>`;
}

/** Beside the pointer, inside the window. */
function place(box, { x, y }) {
  const { offsetWidth: width, offsetHeight: height } = box;
  const right = x + 18 + width <= innerWidth - 8;
  const left = right ? x + 18 : Math.max(8, x - 18 - width);
  const top = Math.min(Math.max(8, y - height / 2), innerHeight - height - 8);
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
