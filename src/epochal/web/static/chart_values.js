/** A chart's curves as values at an x, as a legend, as a table, as CSV. No page. */

import { indexAt } from "epochal/chart_model.js";

/** How many rows a tooltip has. */
export const MOST_ROWS = 12;

/**
 * Return the values of curves at an x, the largest first.
 * @param {import("./chart_model.js").Curve[]} curves
 * @param {number} x
 * @returns {Array<{curve: object, index: number, x: number, value: number, low: number, high: number}>}
 */
export function valuesAt(curves, x) {
  const rows = [];
  for (const curve of curves) {
    const index = indexAt(curve, x);
    if (index < 0) continue;
    const { line, low, high, grid } = curve;
    rows.push({ curve, index, x: grid[index], value: line[index], low: low[index], high: high[index] });
  }
  return rows.sort((a, b) => b.value - a.value);
}

/**
 * Return as many rows as fit, those around the nearest, and how many stand above and below.
 * @param {Array<object>} rows
 * @param {string|null} key of the nearest curve
 * @param {number} [most]
 * @returns {{above: number, rows: Array<object>, below: number}}
 */
export function around(rows, key, most = MOST_ROWS) {
  if (rows.length <= most) return { above: 0, rows, below: 0 };
  const at = Math.max(0, rows.findIndex((row) => row.curve.key === key));
  const first = Math.min(Math.max(0, at - (most >> 1)), rows.length - most);
  return { above: first, rows: rows.slice(first, first + most), below: rows.length - most - first };
}

/**
 * Return the last value of each curve, the largest first.
 * @param {import("./chart_model.js").Curve[]} curves
 * @returns {Array<{curve: object, value: number, low: number, high: number, x: number}>}
 */
export function lastValues(curves) {
  const rows = [];
  for (const curve of curves) {
    let i = curve.grid.length - 1;
    while (i >= curve.lead && Number.isNaN(curve.line[i])) i -= 1;
    if (i < curve.lead) continue;
    rows.push({ curve, value: curve.line[i], low: curve.low[i], high: curve.high[i], x: curve.grid[i] });
  }
  return rows.sort((a, b) => b.value - a.value);
}

/**
 * Return the entries of a legend: groups with n, metrics where there are several; runs if wanted.
 * @param {import("./chart_model.js").Curve[]} curves
 * @param {{metrics: string[], grouped: boolean, runs?: boolean}} options
 * @returns {Array<{key: string, label: string, size: string, color: string, dash: number[]}>}
 */
export function legendEntries(curves, { metrics, grouped, runs = false }) {
  const entries = new Map();
  const add = (key, entry) => {
    if (!entries.has(key)) entries.set(key, { key, n: 0, size: "", ...entry });
    entries.get(key).n += 1;
  };
  const several = metrics.length > 1;
  const nameOf = (curve) => (grouped ? curve.group : curve.label);
  const byMetric = several && new Set(curves.map(nameOf)).size <= 1;
  if (several && !byMetric) {
    for (const { metric, dash } of curves) {
      add(`metric ${metric}`, { label: metric, color: "var(--axis)", dash, curve: null });
    }
  }
  for (const curve of curves) {
    const { size, color, dash, metric, key } = curve;
    if (byMetric) add(`metric ${metric}`, { label: metric, size, color, dash, curve: key });
    else if (grouped || runs) add(`of ${nameOf(curve)}`, { label: nameOf(curve), size, color, dash: several ? [] : dash, curve: key });
  }
  return [...entries.values()].map(({ n, ...entry }) => withSize(entry, n, grouped && !several));
}

/** A group whose runs are drawn each: as many as there are; resting on it raises none of them. */
function withSize(entry, n, counted) {
  return counted && !entry.size && entry.curve ? { ...entry, size: `n ${n}`, curve: null } : entry;
}

/**
 * Return a chart's numbers as CSV, a row for each curve and x.
 * @param {import("./chart_model.js").Curve[]} curves
 * @param {string} xName
 * @returns {string}
 */
export function toCsv(curves, xName) {
  const smoothed = curves.some((curve) => curve.raw);
  const grouped = curves.some((curve) => curve.n);
  const head = ["name", "metric", xName, smoothed ? "smoothed" : "mean", "low", "high"];
  if (smoothed) head.push("mean");
  if (grouped) head.push("n");
  const lines = [head.map(quoted).join(",")];
  for (const curve of curves) {
    const { grid, line, low, high, raw, n, lead } = curve;
    for (let i = lead; i < grid.length; i++) {
      if (Number.isNaN(line[i])) continue;
      const row = [quoted(curve.label), quoted(curve.metric), grid[i], line[i], low[i], high[i]];
      if (smoothed) row.push(raw ? raw[i] : "");
      if (grouped) row.push(n ? n[i] : "");
      lines.push(row.map(cell).join(","));
    }
  }
  return `${lines.join("\n")}\n`;
}

function cell(value) {
  return Number.isNaN(value) ? "" : value;
}

/** Quotes where they are needed; a name that a spreadsheet would take for a formula stays a name. */
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Return a chart's numbers as rows: each x, and what each curve has there.
 * @param {import("./chart_model.js").Curve[]} curves
 * @returns {Array<{x: number, width: number, values: number[]}>} rising in x; width: of the bucket
 */
export function tableRows(curves) {
  const rows = new Map();
  curves.forEach((curve, column) => {
    for (let i = curve.lead; i < curve.grid.length; i++) {
      if (Number.isNaN(curve.line[i])) continue;
      const x = curve.grid[i];
      if (!rows.has(x)) rows.set(x, { x, width: curve.width, values: new Array(curves.length).fill(NaN) });
      rows.get(x).values[column] = curve.line[i];
    }
  });
  return [...rows.values()].sort((a, b) => a.x - b.x);
}
