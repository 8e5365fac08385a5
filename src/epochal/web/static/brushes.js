/** Limits that are drawn on axes: read from the address, asked of runs, written as a filter. */
import { levelOf } from "epochal/dimensions.js";
import { quoted } from "epochal/filter.js";
import { num } from "epochal/format.js";
import { listOf, listText } from "epochal/store.js";

/**
 * A limit on one dimension: a range of numbers, or some levels.
 * @typedef {{path: string, low?: number, high?: number, levels?: string[]}} Brush
 */

/**
 * Reads what `brushText` wrote; what cannot be read is left out.
 * @param {string | undefined} text @returns {Brush[]}
 */
export function brushesOf(text) {
  return listOf(text).flatMap((each) => {
    const [path, kind, ...rest] = listOf(each);
    if (kind === "in") return [{ path, levels: rest }];
    const [low, high] = rest.map(Number);
    return kind === "to" && low <= high ? [{ path, low, high }] : [];
  });
}

/**
 * Writes limits for the address.
 * @param {Brush[]} brushes @returns {string}
 */
export function brushText(brushes) {
  return listText(brushes.map(({ path, low, high, levels }) =>
    listText(levels ? [path, "in", ...levels] : [path, "to", low, high])));
}

/**
 * Says whether a value is within a limit; a missing one never is.
 * @param {Brush} brush @param {unknown} value @returns {boolean}
 */
export function isWithin(brush, value) {
  if (value === null || value === undefined) return false;
  if (brush.levels) return brush.levels.includes(levelOf(value));
  return typeof value === "number" && value >= brush.low && value <= brush.high;
}

/**
 * Says for each run whether it is within all limits.
 * @param {Brush[]} brushes @param {Map<string, {values: unknown[]}>} dimensions by path
 * @param {number} n how many runs @returns {boolean[]}
 */
export function within(brushes, dimensions, n) {
  const known = brushes.filter((brush) => dimensions.has(brush.path));
  return Array.from({ length: n }, (_, i) =>
    known.every((brush) => isWithin(brush, dimensions.get(brush.path).values[i])));
}

/**
 * Writes limits as a filter expression, as the table of runs takes it.
 * @param {Brush[]} brushes @param {(path: string, level: string) => unknown} valueOf gives the value
 *   that a level stands for
 * @returns {string}
 */
export function expressionOf(brushes, valueOf = (_, level) => level) {
  return brushes.map(({ path, low, high, levels }) => {
    if (!levels) return `${path} >= ${number(low)} and ${path} <= ${number(high)}`;
    return `${path} in [${levels.map((level) => literal(valueOf(path, level))).join(", ")}]`;
  }).join(" and ");
}

/**
 * Says a limit in words.
 * @param {Brush} brush @param {string} label @returns {string}
 */
export function brushWords({ low, high, levels }, label) {
  return levels ? `${label}: ${levels.join(", ")}` : `${label}: ${num(low, 3)} to ${num(high, 3)}`;
}

function literal(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "None";
  return typeof value === "number" ? number(value) : quoted(String(value));
}

const number = (value) => String(Number(value.toPrecision(12)));
