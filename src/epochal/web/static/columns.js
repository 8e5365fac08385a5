/** The columns of the runs table: which there are, what they hold, and how rows are sorted. */
import { num, setting, toNumber } from "epochal/format.js";
import { isPath, pathParts, pathText } from "epochal/filter.js";
import { mainMetrics } from "epochal/telling.js";

/**
 * @typedef {object} Column
 * @property {string} path what the server and the filter call it, such as config.lr
 * @property {string} title
 * @property {string} kind text, number, setting, value, state, tags, notes, time, duration, code or trend
 * @property {number} width in pixels
 * @property {string|null} [last] of a metric's number: the path of its last value
 */

const OWN = {
  name: { key: "name", title: "Name", kind: "text", width: 190 },
  state: { key: "state", title: "State", kind: "state", width: 86 },
  group: { key: "group", title: "Group", kind: "text", width: 110 },
  seed: { key: "seed", title: "Seed", kind: "value", width: 64 },
  steps: { key: "steps", title: "Steps", kind: "number", width: 84 },
  created: { key: "created_s", title: "Created", kind: "time", width: 94 },
  duration_s: { key: "duration_s", title: "Duration", kind: "duration", width: 98 },
  tags: { key: "tags", title: "Tags", kind: "tags", width: 150 },
  notes: { key: "notes", title: "Notes", kind: "notes", width: 200 },
  code: { key: "code", title: "Code", kind: "code", width: 84 },
};

/** Fields of a metric that can be a column; "" is its default summary value. */
export const FIELDS = ["", "min", "max", "last", "first", "mean", "std", "best"];

/** The most columns that the server gives at once. */
const MOST_ASKED = 100;

/** The most columns of settings that are shown without being asked for. */
const SHOWN_SETTINGS = 40;

/**
 * The values of a column, one for each run of the list.
 * @param {object} list answer of /api/runs
 * @param {string} path
 * @returns {any[]}
 */
export function valuesOf(list, path) {
  if (Object.hasOwn(OWN, path)) return list[OWN[path].key] ?? [];
  return list.columns?.[path] ?? list.config?.[path] ?? [];
}

/**
 * What is known of a column by its path.
 * @param {string} path
 * @param {object} [list] to see whether all of its values are numbers
 * @returns {Column}
 */
export function column(path, list) {
  if (Object.hasOwn(OWN, path)) return own(path, list);
  const trend = trendMetric(path);
  if (trend) return { path, title: "trend", kind: "trend", width: 74 };
  const [root, ...keys] = pathParts(path);
  if (root === "summary") {
    const [metric, field] = keys;
    const title = field ? `${metric} ${field}` : metric ?? path;
    return { path, title, kind: "number", last: lastPath(path), width: fitted(title, list ? valuesOf(list, path) : [], num) };
  }
  const title = root === "config" ? keys.join(".") : path;
  const values = list ? valuesOf(list, path) : [];
  const kind = allNumbers(values) ? "setting" : "value";
  return { path, title: title || path, kind, width: fitted(title, values, setting) };
}

/**
 * The columns to show, the name's not among them: those that were chosen, else the state, the most
 * telling metrics and the settings that differ.
 * @param {object} list
 * @param {{chosen: string[], different: boolean|null}} options different: only columns whose values
 *   differ; null is true for settings that were not chosen
 * @returns {Column[]}
 */
export function shownColumns(list, { chosen, different }) {
  const paths = chosen.length ? chosen : usualPaths(list, different ?? true);
  const columns = paths.filter((path) => path !== "name").map((path) => column(path, list));
  if (!(different ?? false)) return columns;
  return columns.filter(({ path, kind }) => kind === "trend" || differs(valuesOf(list, path)));
}

/**
 * The paths that the server must be asked for: settings and own fields come in any case. Beside a
 * metric's number there is its last value, as far as there is room, so that a bad end is seen.
 * @param {string[]} paths
 * @returns {string[]}
 */
export function askedPaths(paths) {
  const asked = [...new Set(paths)].filter(
    (path) => isPath(path) && !Object.hasOwn(OWN, path) && !path.startsWith("config") && !trendMetric(path),
  );
  const ends = asked.map(lastPath).filter((path) => path && !asked.includes(path));
  return [...asked, ...[...new Set(ends)].slice(0, Math.max(0, MOST_ASKED - asked.length))];
}

/**
 * What a metric ended with where a column shows a number from before it: "NaN", "∞" or "-∞"; else "".
 * @param {object} list
 * @param {Column} column
 * @param {number} run
 * @returns {string}
 */
export function badEnd(list, { path, last }, run) {
  const end = last ? list.columns?.[last]?.[run] : null;
  if (end === null || end === undefined || Number.isFinite(toNumber(end))) return "";
  return Number.isFinite(toNumber(valuesOf(list, path)[run])) ? num(end) : "";
}

function lastPath(path) {
  const [root, metric, field, ...more] = pathParts(path);
  const isNumber = root === "summary" && metric && FIELDS.includes(field ?? "") && !more.length;
  return isNumber ? pathText("summary", metric, "last") : null;
}

/**
 * Says whether the values of a column are not all the same; what is missing is a value too.
 * @param {any[]} values
 * @returns {boolean}
 */
export function differs(values) {
  const first = key(values[0]);
  return values.some((value) => key(value) !== first);
}

/**
 * The path of a column of small charts, and back.
 * @param {string} metric
 * @returns {string}
 */
export function trendPath(metric) {
  return `trend:${metric}`;
}

/**
 * The metric of a column of small charts, or null if the column is none.
 * @param {string} path
 * @returns {string|null}
 */
export function trendMetric(path) {
  return path.startsWith("trend:") ? path.slice(6) : null;
}

/**
 * The path of a metric's summary: summary["val/loss"].min.
 * @param {string} metric
 * @param {string} [field]
 * @returns {string}
 */
export function summaryPath(metric, field = "") {
  return field ? pathText("summary", metric, field) : pathText("summary", metric);
}

function usualPaths(list, different) {
  const [first, ...others] = mainMetrics(list.metrics ?? []);
  const measured = first ? [summaryPath(first), trendPath(first), ...others.map((name) => summaryPath(name))] : [];
  const settings = Object.keys(list.config ?? {});
  const shown = settings.filter((path) => !different || differs(valuesOf(list, path)));
  const seeded = differs(valuesOf(list, "seed")) && !shown.includes("config.seed") ? ["seed"] : [];
  return ["state", ...measured, ...shown.slice(0, SHOWN_SETTINGS), ...seeded, "duration_s", "created", "tags", "notes"];
}

function allNumbers(values) {
  let some = false;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (typeof value !== "number" && Number.isNaN(toNumber(value)) && value !== "NaN") return false;
    if (typeof value === "boolean" || typeof value === "object") return false;
    some = true;
  }
  return some;
}

/** The longer words for states need more room, where there are any. */
function own(path, list) {
  const long = path === "state" && list?.state?.some((state) => state.length > 8);
  return { path, ...OWN[path], ...(long ? { width: 108 } : {}) };
}

/** A width in which the title and the first values can be read, as far as they are short. */
function fitted(title, values, written) {
  let room = title.length * 6.4 + 12; // and the arrow of a sorted column
  for (const value of values.slice(0, 300)) room = Math.max(room, written(value).length * 7.3);
  return Math.round(Math.min(170, Math.max(60, 17 + room)));
}

function key(value) {
  if (value === null || value === undefined) return null;
  return typeof value === "object" ? JSON.stringify(value) : value;
}
