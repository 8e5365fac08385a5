/** Dimensions of runs (config keys and results) as axes of pictures. */
import { pathParts, pathText } from "epochal/filter.js";
import { asWritten } from "epochal/nested.js";
import { extentOf, spansDecades } from "epochal/scales.js";
import { mainMetric } from "epochal/telling.js";

/** Numbers of a metric in a run. */
export const STATISTICS = ["last", "min", "max", "mean", "best"];

/**
 * Returns the path of a metric's number of a run, as the server takes it.
 * @param {string} metric @param {string} statistic @returns {string}
 */
export function metricPath(metric, statistic) {
  return pathText("summary", metric, statistic);
}

/**
 * Takes a metric's path apart; null if it is none.
 * @param {string} path @returns {{metric: string, statistic: string} | null}
 */
export function parseMetricPath(path) {
  const [root, metric, statistic, ...more] = pathParts(path);
  const known = root === "summary" && STATISTICS.includes(statistic) && !more.length;
  return known ? { metric, statistic } : null;
}

/**
 * Returns which number of a metric is looked at first: the best one if its goal is known.
 * @param {{name: string, goal?: string | null}} metric @returns {string} a path
 */
export function defaultPath(metric) {
  const statistic = { minimize: "min", maximize: "max" }[metric.goal] ?? "last";
  return metricPath(metric.name, statistic);
}

/**
 * Returns a path's name for people.
 * @param {string} path @returns {string}
 */
export function labelOf(path) {
  const metric = parseMetricPath(path);
  if (metric) return metric.statistic === "last" ? metric.metric : `${metric.metric} (${metric.statistic})`;
  const [root, ...keys] = pathParts(path);
  return root === "config" ? keys.join(".") : path;
}

/**
 * A dimension: one value per run, and how it is laid out on an axis.
 * @typedef {{path: string, label: string, values: unknown[], kind: "number" | "category",
 *   levels: string[], log: boolean, varies: boolean, extent: [number, number] | null}} Dimension
 */

/**
 * Returns a dimension of values.
 * @param {string} path @param {unknown[]} raw one per run; null and undefined: it has none
 * @returns {Dimension}
 */
export function dimension(path, raw) {
  const values = raw.map(asNumber);
  const known = values.filter((value) => value !== null && value !== undefined);
  const numbers = known.length > 0 && known.every((value) => typeof value === "number");
  const levels = [...new Set(known.map(levelOf))];
  return {
    path, label: labelOf(path), values,
    kind: numbers ? "number" : "category",
    levels: numbers ? [] : levels.sort(),
    log: numbers && spansDecades(known),
    varies: levels.length > 1,
    extent: numbers ? extentOf(known) : null,
  };
}

/**
 * Returns a value's name on an axis of categories.
 * @param {unknown} value @returns {string}
 */
export function levelOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

/**
 * Writes a value of a run for people.
 * @param {unknown} value @returns {string}
 */
export function valueText(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? asWritten(value, 6) : levelOf(value);
}

/**
 * Returns the goal of a dimension: that of its metric, else to minimize.
 * @param {string} path @param {{name: string, goal?: string | null}[]} metrics
 * @returns {"minimize" | "maximize" | null} null: not known
 */
export function goalOf(path, metrics) {
  const name = parseMetricPath(path)?.metric;
  return metrics.find((metric) => metric.name === name)?.goal ?? null;
}

const NON_FINITE = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

function asNumber(value) {
  return typeof value === "string" && Object.hasOwn(NON_FINITE, value) ? NON_FINITE[value] : value;
}

/**
 * Returns which config keys and metrics are worth an axis: keys that differ, then the main metric.
 * @param {Dimension[]} config @param {{name: string, runs: number, goal?: string | null}[]} metrics
 * @param {number} most so many in all
 * @returns {string[]} paths
 */
export function suggestedPaths(config, metrics, most = 8) {
  const differing = config.filter((each) => each.varies && !/(^|\.)seed$/.test(each.path));
  const main = mainMetric(metrics);
  const paths = differing.slice(0, main ? most - 1 : most).map((each) => each.path);
  return main ? [...paths, defaultPath(main)] : paths;
}
