/** The table of runs in a page without a server: filtered, and with any columns. */
import { pathParts, toExpression } from "epochal/filter.js";
import { parse } from "epochal/static_filter.js";
import { MISSING } from "epochal/static_operators.js";

const CREATED = { created: "created_s" };
const NOT_FINITE = { NaN, Infinity, "-Infinity": -Infinity };

/**
 * The answer of GET /api/runs.
 * @param {object} all the answer for all runs of a project
 * @param {(id: string) => object} about the answer of /api/run/ID
 * @param {{filter: string, columns: string[]}} asked
 * @returns {object}
 * @throws {import("./static_filter.js").FilterError}
 */
export function runs(all, about, { filter, columns }) {
  const known = { config: new Set(Object.keys(all.config)), metrics: new Set(all.metrics.map((each) => each.name)) };
  const { expression } = toExpression(filter, known);
  const passes = expression ? parse(expression) : () => true;
  const kept = [];
  all.id.forEach((id, i) => passes((path) => valueAt(about(id), path)) && kept.push(i));
  const pick = (column) => kept.map((i) => column[i]);
  const answer = {};
  for (const [name, value] of Object.entries(all)) {
    const column = Array.isArray(value) && name !== "metrics";
    answer[name] = column ? pick(value) : value;
  }
  const entries = Object.entries(all.config).map(([path, column]) => [path, pick(column)]);
  answer.config = Object.fromEntries(entries);
  answer.columns = Object.fromEntries(columns.map((path) => [path, kept.map((i) => cell(about(all.id[i]), path))]));
  answer.matched = kept.length;
  return answer;
}

function cell(run, path) {
  const value = valueAt(run, pathParts(path));
  return value === MISSING ? null : value;
}

/**
 * The value at a path of a run, as filters name them.
 * @param {object} run answer of /api/run/ID
 * @param {string[]} path such as ["summary", "val/loss", "min"]
 * @returns {unknown} MISSING where there is none
 */
export function valueAt(run, [root, ...keys]) {
  if (root === "summary") return summaryAt(run, keys);
  return inside(run[CREATED[root] ?? root], keys);
}

function summaryAt({ summary, user_summary: said }, [metric, field, ...rest]) {
  if (Object.hasOwn(said, metric) && field === undefined) return plain(said[metric]);
  if (Object.hasOwn(said, metric) && !Object.hasOwn(summary, metric)) return inside(said[metric], [field, ...rest]);
  if (!Object.hasOwn(summary, metric)) return MISSING;
  return inside(summary[metric][field ?? "value"] ?? undefined, rest);
}

function inside(value, keys) {
  for (const key of keys) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return MISSING;
    value = value[key];
  }
  return value === undefined ? MISSING : plain(value);
}

function plain(value) {
  return typeof value === "string" && Object.hasOwn(NOT_FINITE, value) ? NOT_FINITE[value] : value;
}
