/** Runs that share a setting as one curve: their mean, an interval, and how many there are. */

import { studentT } from "epochal/quantile.js";

/** What a band around a group's mean can show, by the short name that the URL has. */
export const STATISTICS = {
  ci: "95 % interval",
  sd: "standard deviation",
  range: "min–max",
  each: "each run",
};

const NOT_SET = "not set";
const LONGEST_GRID = 4000;
const WIDEST_GAP = 1.5; // of a run's usual distance between points

/**
 * Runs with the same setting.
 * @typedef {Object} Group
 * @property {string} name the values, joined by " · "
 * @property {string[]} runs ids
 */

/**
 * Return runs grouped by one or more config keys, numbers in order, "not set" last.
 * @param {Array<{id: string, config?: Object<string, *>}>} runs
 * @param {string|string[]} key a config path, or several; in a text they are joined by commas
 * @returns {Group[]}
 */
export function groupRuns(runs, key) {
  const keys = splitKeys(runs, key);
  const groups = new Map();
  for (const run of runs) {
    const name = keys.map((k) => shown(run.config?.[k])).join(" · ");
    if (!groups.has(name)) groups.set(name, { name, runs: [] });
    groups.get(name).runs.push(run.id);
  }
  return [...groups.values()].sort((a, b) => order(a.name, b.name));
}

function splitKeys(runs, key) {
  if (Array.isArray(key)) return key;
  const whole = runs.some((run) => run.config && Object.hasOwn(run.config, key));
  return whole ? [key] : key.split(",").filter(Boolean);
}

function shown(value) {
  if (value === undefined || value === null) return NOT_SET;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function order(a, b) {
  if ((a === NOT_SET) !== (b === NOT_SET)) return a === NOT_SET ? 1 : -1;
  const difference = Number(a) - Number(b);
  if (Number.isFinite(difference) && difference !== 0) return difference;
  return a.localeCompare(b, "en", { numeric: true });
}

/**
 * A group's curve.
 * @typedef {Object} GroupCurve
 * @property {Float64Array} grid
 * @property {number} lead how many of the first values lie before the window
 * @property {boolean} exact
 * @property {Float64Array} mean NaN where no run has a value
 * @property {Float64Array} low NaN where there is no band: one run
 * @property {Float64Array} high
 * @property {Uint16Array} n runs that have a value at each x
 */

/**
 * Return the mean of runs at each x, and a band.
 *
 * Each run counts once however often it was logged.  Between two points of a run its value lies on
 * the line between them; across a gap wider than usual, and outside its points, it is missing, and
 * n is lower there.  A bucket's value holds for all of its width.
 *
 * @param {import("./frames.js").Lane[]} lanes of the group's runs
 * @param {"ci"|"sd"|"range"} statistic
 * @returns {GroupCurve|null} null without lanes
 */
export function groupCurve(lanes, statistic) {
  const some = lanes.filter((lane) => lane.grid.length);
  if (!some.length) return null;
  const grid = commonGrid(some);
  const curve = emptyCurve(grid, some);
  const seen = some.map((lane) => {
    const on = (values) => valuesOn(grid, lane.grid, values, !lane.exact);
    return {
      mean: on(lane.mean),
      low: statistic === "range" ? on(lane.low) : null,
      high: statistic === "range" ? on(lane.high) : null,
    };
  });
  for (let i = 0; i < grid.length; i++) setPoint(curve, i, seen, statistic);
  return curve;
}

function emptyCurve(grid, lanes) {
  const start = Math.min(...lanes.map((lane) => lane.grid[lane.lead] ?? Infinity));
  const first = grid.findIndex((x) => x >= start);
  const empty = () => new Float64Array(grid.length).fill(NaN);
  return {
    grid,
    lead: first < 0 ? 0 : first,
    exact: lanes.every((lane) => lane.exact),
    mean: empty(),
    low: empty(),
    high: empty(),
    n: new Uint16Array(grid.length),
  };
}

/** Welford's mean and variance of one point, and the band of the chosen kind. */
function setPoint(curve, i, seen, statistic) {
  let n = 0;
  let mean = 0;
  let squares = 0;
  let low = Infinity;
  let high = -Infinity;
  for (const run of seen) {
    const value = run.mean[i];
    if (Number.isNaN(value)) continue;
    n += 1;
    const off = value - mean;
    mean += off / n;
    squares += off * (value - mean);
    if (run.low) {
      low = Math.min(low, run.low[i]);
      high = Math.max(high, run.high[i]);
    }
  }
  curve.n[i] = n;
  if (!n) return;
  curve.mean[i] = mean;
  if (n < 2) return;
  const sd = Math.sqrt(squares / (n - 1));
  const half = statistic === "sd" ? sd : (studentT(n - 1) * sd) / Math.sqrt(n);
  curve.low[i] = statistic === "range" ? low : mean - half;
  curve.high[i] = statistic === "range" ? high : mean + half;
}

/** The grid that all lanes share, or every x that one of them has. */
function commonGrid(lanes) {
  const first = lanes[0].grid;
  if (lanes.every((lane) => lane.grid === first || same(lane.grid, first))) return first;
  const all = new Float64Array(lanes.reduce((sum, lane) => sum + lane.grid.length, 0));
  let at = 0;
  for (const lane of lanes) {
    all.set(lane.grid, at);
    at += lane.grid.length;
  }
  const unique = all.sort().filter((x, i) => i === 0 || x !== all[i - 1]);
  const step = Math.ceil(unique.length / LONGEST_GRID);
  return step > 1 ? unique.filter((_, i) => i % step === 0) : unique;
}

function same(a, b) {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/**
 * Return a run's values at other x: its own, and on the line between neighbors that are as close
 * as usual.
 * @param {Float64Array} grid rising
 * @param {Float64Array} x rising
 * @param {ArrayLike<number>} y NaN: no value
 * @param {boolean} [buckets] x are middles of buckets: the first and last value hold to their edges
 * @returns {Float64Array} NaN where it has none
 */
export function valuesOn(grid, x, y, buckets = false) {
  const values = new Float64Array(grid.length).fill(NaN);
  const known = [];
  for (let i = 0; i < y.length; i++) if (!Number.isNaN(y[i])) known.push(i);
  const usual = usualGap(x, known);
  const half = buckets ? usual / 2 : 0;
  let k = 0;
  for (let i = 0; i < grid.length; i++) {
    while (k + 1 < known.length && x[known[k + 1]] <= grid[i]) k += 1;
    const left = known[k];
    const right = known[k + 1];
    if (left === undefined || x[left] - half > grid[i]) continue;
    if (x[left] >= grid[i]) values[i] = y[left];
    else if (right !== undefined && x[right] - x[left] <= WIDEST_GAP * usual) {
      values[i] = y[left] + (y[right] - y[left]) * ((grid[i] - x[left]) / (x[right] - x[left]));
    } else if (right === undefined && grid[i] - x[left] <= half) values[i] = y[left];
  }
  return values;
}

function usualGap(x, known) {
  const gaps = new Float64Array(Math.max(known.length - 1, 0));
  for (let i = 0; i < gaps.length; i++) gaps[i] = x[known[i + 1]] - x[known[i]];
  gaps.sort();
  return gaps.length ? gaps[gaps.length >> 1] : 0;
}

/**
 * Return n in words for a legend: "n 5", or "n 3–5" where runs are missing at some x.
 * @param {ArrayLike<number>} n
 * @returns {string}
 */
export function sizeText(n) {
  let least = Infinity;
  let most = 0;
  for (let i = 0; i < n.length; i++) {
    if (!n[i]) continue;
    least = Math.min(least, n[i]);
    most = Math.max(most, n[i]);
  }
  return least < most ? `n ${least}–${most}` : `n ${most}`;
}
