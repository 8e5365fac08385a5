/** The table of differences between runs: which rows are shown, and which cells differ. */
import { lineOf, typeOf } from "epochal/nested.js";

/**
 * A row as the server sends it.
 * @typedef {{path: string[], kind: string, values: unknown[], same: boolean, rule?: string}} DiffRow
 *   rule: which number of a metric the values are, such as "best"
 */

const TITLES = { config: "Config", code: "Code", packages: "Packages", summary: "Results" };

/**
 * Returns rows with undefined where a run has no such leaf, which is not the same as null.
 * @param {(DiffRow & {missing?: number[]})[]} rows missing: the places of runs that have none; where
 *   it is not given, null says so
 * @returns {DiffRow[]}
 */
export function withAbsent(rows) {
  const absent = (row, value, i) => (row.missing ? row.missing.includes(i) : value === null);
  return rows.map((row) => ({
    ...row, values: row.values.map((value, i) => (absent(row, value, i) ? undefined : value)),
  }));
}

/**
 * Returns the sections of the table with the rows that are to be seen, those that differ first.
 * @param {DiffRow[]} rows
 * @param {{all?: boolean, query?: string}} how all: also what is the same; query: words to be found
 * @returns {{kind: string, title: string, rows: DiffRow[], same: number, total: number}[]}
 */
export function sections(rows, { all = false, query = "" } = {}) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const kinds = [...new Set([...Object.keys(TITLES), ...rows.map((row) => row.kind)])];
  return kinds.flatMap((kind) => {
    const mine = rows.filter((row) => row.kind === kind);
    if (!mine.length) return [];
    const found = mine.filter((row) => matches(row, words));
    const shown = found.filter((row) => all || !row.same);
    shown.sort((a, b) => Number(a.same) - Number(b.same));
    const same = found.filter((row) => row.same).length;
    return [{ kind, title: TITLES[kind] ?? kind, rows: shown, same, total: mine.length }];
  });
}

function matches(row, words) {
  if (!words.length) return true;
  const text = `${row.path.join(".")} ${row.rule ?? ""} ${row.values.map(lineOf).join(" ")}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/**
 * Returns a row's key in two parts: what is above it, and its own name.
 * @param {string[]} path its kind first @returns {[string, string]} such as ["optimizer.", "lr"]
 */
export function keyParts(path) {
  const keys = path.slice(1);
  return [keys.slice(0, -1).map((key) => `${key}.`).join(""), keys.at(-1) ?? path.join(".")];
}

/**
 * Says how a cell stands to that of the run that the others are compared with.
 * @param {unknown} value @param {unknown} base
 * @returns {"same" | "changed" | "added" | "removed"}
 */
export function standing(value, base) {
  if (isEqual(value, base)) return "same";
  if (base === undefined) return "added";
  return value === undefined ? "removed" : "changed";
}

/**
 * Says whether two values are the same; NaN is itself, 1 and 1.0 are the same number anyway.
 * @param {unknown} a @param {unknown} b @returns {boolean}
 */
export function isEqual(a, b) {
  if (a === b) return true;
  if (typeOf(a) !== typeOf(b) || a === undefined || b === undefined) return false;
  if (typeof a === "number") return Number.isNaN(a) && Number.isNaN(b);
  if (typeof a !== "object") return false;
  const [mine, theirs] = [Object.keys(a), Object.keys(b)];
  const has = (key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]);
  return mine.length === theirs.length && mine.every(has);
}

/**
 * Says whether a number under a key names something and measures nothing: a seed, an id, a fold.
 * @param {string} key the last of its path @returns {boolean}
 */
export function isIdentifier(key) {
  return /seed$|(^|[_.-])(id|fold|index|port|version|random_state)$/i.test(key);
}

/**
 * Says by how much a number differs from another, such as "+3.2 %" or "×10".
 * @param {unknown} value @param {unknown} base @returns {string} "" where nothing can be said
 */
export function change(value, base) {
  const numbers = [value, base].every((each) => typeof each === "number" && Number.isFinite(each));
  if (!numbers || value === base) return "";
  if (base === 0) return "";
  const ratio = value / base;
  if (ratio >= 2) return `×${digits(ratio)}`;
  if (ratio > 0 && ratio <= 0.5) return `÷${digits(1 / ratio)}`;
  const percent = 100 * (value - base) / Math.abs(base);
  const size = Math.abs(percent);
  return `${percent < 0 ? "−" : "+"}${size < 0.095 ? "<0.1" : digits(size)} %`;
}

const digits = (value) => Number(value.toPrecision(2)).toLocaleString("en-US");
