/** The table as a file for a spreadsheet. */
import { trendMetric, valuesOf } from "epochal/columns.js";
import { exact } from "epochal/format.js";

/**
 * The rows as CSV, with the full values; texts that a spreadsheet would take for a formula are
 * marked as text.
 * @param {object} list answer of /api/runs
 * @param {number[]} rows in order
 * @param {import("./columns.js").Column[]} columns
 * @returns {string}
 */
export function csvOf(list, rows, columns) {
  const paths = ["name", "id", ...columns.map(({ path }) => path).filter((path) => !trendMetric(path))];
  const values = paths.map((path) => (path === "id" ? list.id : valuesOf(list, path)));
  const lines = rows.map((row) => values.map((column) => cell(column[row])).join(","));
  return [paths.map(cell).join(","), ...lines, ""].join("\r\n");
}

/**
 * Lets the browser save a text as a file.
 * @param {string} name
 * @param {string} text
 */
export function saveText(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function cell(value) {
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.map(exact).join("; ") : exact(value);
  const marked = /^[=+@\t\r-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(marked) ? `"${marked.replace(/"/g, '""')}"` : marked;
}
