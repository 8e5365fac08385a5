/** A chart's numbers as a table to read and as CSV to take along. */

import { html, useState } from "epochal/html.js";
import { tableRows, toCsv } from "epochal/chart_values.js";
import { Dialog } from "epochal/dialog.js";
import { exact, num } from "epochal/format.js";
import { IconButton } from "epochal/icons.js";
import { CopyButton } from "epochal/panel.js";

const ROWS = 200;
const COLUMNS = 40;

/**
 * The table, over the page.
 * @param {{title: string, curves: object[], xName: string, xText: (x: number, width: number) => string,
 *   manyMetrics: boolean, onClose: () => void}} props
 */
export function DataTable({ title, curves, xName, xText, manyMetrics, onClose }) {
  const [from, setFrom] = useState(0);
  const shown = curves.slice(0, COLUMNS);
  const rows = tableRows(shown);
  const part = rows.slice(from, from + ROWS);
  const name = (curve) => (manyMetrics ? `${curve.label} · ${curve.metric}` : curve.label);
  return html`<${Dialog} label=${`Table of ${title}`} class="chart-table" onClose=${onClose}>
    <div class="dialog-head"><h2>${title}</h2>
      <${IconButton} icon="cross" label="Close" onClick=${onClose} /></div>
    <p class="muted">${rows.length.toLocaleString("en-US")} rows${
      shown.length < curves.length ? `, the first ${COLUMNS} of ${curves.length} columns; the CSV has all` : ""}.
      ${" "}${what(curves)}</p>
    <div class="chart-table-scroll" tabindex="0" role="region" aria-label=${`Values of ${title}`}><table>
      <thead><tr><th scope="col">${xName}</th>
        ${shown.map((curve) => html`<th scope="col" key=${curve.key}>${name(curve)}</th>`)}</tr></thead>
      <tbody>${part.map((row) => html`<tr key=${row.x}><th scope="row">${xText(row.x, row.width)}</th>
        ${row.values.map((value, i) => html`<td key=${i} title=${exact(value)}>${
          Number.isNaN(value) ? "" : num(value, 5)}</td>`)}</tr>`)}</tbody>
    </table></div>
    <div class="dialog-actions">
      ${rows.length > ROWS && html`<${Pages} from=${from} total=${rows.length} onFrom=${setFrom} />`}
      <${CopyButton} text=${() => toCsv(curves, xName)} label="Copy as CSV" word="Copy as CSV" /></div>
  <//>`;
}

/** What the values are, in a sentence. */
function what(curves) {
  const exact = curves.every((curve) => curve.exact);
  const points = curves.some((curve) => curve.repeated) ? "means of points with the same x" : "all points";
  const of = exact ? points : "means of buckets";
  if (curves.some((curve) => curve.raw)) return `Values are smoothed from ${of}; the CSV has both.`;
  return `Values are ${of}${of !== "all points" ? "; the CSV has their extremes too" : ""}.`;
}

function Pages({ from, total, onFrom }) {
  const last = Math.min(from + ROWS, total);
  return html`<span class="chart-table-pages">
    <${IconButton} icon="arrowLeft" label="Rows before" disabled=${from === 0}
      onClick=${() => onFrom(Math.max(0, from - ROWS))} />
    <span>${from + 1} to ${last}</span>
    <${IconButton} icon="arrowRight" label="Rows after" disabled=${last === total}
      onClick=${() => onFrom(from + ROWS)} /></span>`;
}
