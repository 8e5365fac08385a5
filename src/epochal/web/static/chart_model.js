/** What a chart draws: curves of runs or of groups, and the range of y that holds them. No page. */

import { slotColor } from "epochal/color.js";
import { groupCurve, sizeText } from "epochal/group.js";
import { quantiles } from "epochal/quantile.js";
import { halfLifeEma } from "epochal/smooth.js";

/** Dashes that tell metrics in one chart apart; colors tell runs apart. */
export const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

const MOST_DASHED = 24; // of more runs no dash could be told from another

/**
 * One line with its band.
 * @typedef {Object} Curve
 * @property {string} key
 * @property {string} label
 * @property {string|null} run id, null for a group
 * @property {string|null} group its name, null where runs are not grouped
 * @property {string} metric
 * @property {string} color
 * @property {number[]} dash
 * @property {Float64Array} grid
 * @property {number} lead how many of the first values are not drawn
 * @property {boolean} exact
 * @property {boolean} repeated several points share an x: what is drawn there is their mean
 * @property {number} width of a bucket, 0: these are points
 * @property {ArrayLike<number>} line what is drawn
 * @property {ArrayLike<number>|null} raw what it was before smoothing
 * @property {ArrayLike<number>} low
 * @property {ArrayLike<number>} high
 * @property {Uint16Array|null} n runs at each x, of a group
 * @property {string} size "n 5", of a group
 * @property {number} points of its longest run
 * @property {Array<[number, string, number]>} marks NaN and infinities
 * @property {number} marksTotal
 */

/**
 * Return the curves of a chart.
 * @param {{lanes: import("./frames.js").Lane[], runs: Array<{id: string, name: string, color: string}>,
 *   metrics: string[], groups?: import("./group.js").Group[]|null, colors?: Map<string, string>,
 *   statistic?: string, halfLife?: number}} of groups null: each run by itself
 * @returns {Curve[]}
 */
export function buildCurves({
  lanes, runs, metrics, groups = null, colors = new Map(), statistic = "ci", halfLife = 0,
}) {
  const byRun = new Map(runs.map((run) => [run.id, run]));
  const own = {
    metrics, colorByMetric: metrics.length > 1 && (groups ?? runs).length === 1,
    laps: groups || runs.length > MOST_DASHED ? new Map() : lapsOf(runs),
  };
  const shown = lanes.filter((lane) => byRun.has(lane.run));
  if (groups && statistic !== "each") {
    return groups.flatMap((group) => curvesOfGroup(group, shown, own, colors, statistic, halfLife));
  }
  const parts = groups ?? [{ name: null, runs: runs.map((run) => run.id) }];
  return parts.flatMap(({ name, runs: ids }) => {
    const members = new Set(ids);
    return shown.filter((lane) => members.has(lane.run)).map((lane) => {
      const run = byRun.get(lane.run);
      const color = name === null ? run.color : colors.get(name);
      return curveOfRun(lane, run, { group: name, ...styleOf(lane.metric, color, own, run.id) }, halfLife);
    });
  });
}

/** How many of the runs before one have its color: there are more runs than colors. */
function lapsOf(runs) {
  const used = new Map();
  return new Map(runs.map(({ id, color }) => {
    used.set(color, (used.get(color) ?? -1) + 1);
    return [id, used.get(color)];
  }));
}

function styleOf(metric, color, { metrics, colorByMetric, laps }, run) {
  const place = Math.max(0, metrics.indexOf(metric));
  if (colorByMetric) return { color: slotColor(place), dash: DASHES[0] };
  return { color, dash: DASHES[(place + (laps.get(run) ?? 0)) % DASHES.length] };
}

function curveOfRun(lane, run, style, halfLife) {
  const { grid, lead, exact, mean, low, high, points, marks, marksTotal, metric } = lane;
  return {
    key: `${run.id}\n${metric}`,
    label: run.name,
    run: run.id,
    metric,
    ...style,
    grid,
    lead,
    exact,
    repeated: isRepeated(lane),
    width: widthOf(lane),
    line: smoothed(lane, halfLife).mean,
    raw: halfLife > 0 ? mean : null,
    low,
    high,
    n: null,
    size: "",
    points,
    marks,
    marksTotal,
  };
}

function smoothed(lane, halfLife) {
  if (!(halfLife > 0)) return lane;
  const { grid, mean, count, exact } = lane;
  return { ...lane, mean: halfLifeEma(grid, mean, count, halfLife, { exact }) };
}

/** Runs are smoothed before they are put together: an interval is that of the smoothed runs. */
function curvesOfGroup(group, lanes, own, colors, statistic, halfLife) {
  const members = new Set(group.runs);
  return own.metrics.flatMap((metric) => {
    const mine = lanes.filter((lane) => lane.metric === metric && members.has(lane.run));
    const curve = groupCurve(mine.map((lane) => smoothed(lane, halfLife)), statistic);
    if (!curve) return [];
    const { grid, lead, exact, mean, low, high, n } = curve;
    return [{
      key: `${group.name}\n${metric}`,
      label: group.name,
      run: null,
      group: group.name,
      metric,
      ...styleOf(metric, colors.get(group.name), own),
      grid,
      lead,
      exact,
      repeated: mine.some(isRepeated),
      width: Math.max(...mine.map(widthOf)),
      line: mean,
      raw: halfLife > 0 ? groupCurve(mine, statistic).mean : null,
      low,
      high,
      n,
      size: sizeText(n),
      points: Math.max(...mine.map((lane) => lane.points)),
      marks: mine.flatMap((lane) => lane.marks),
      marksTotal: mine.reduce((sum, lane) => sum + lane.marksTotal, 0),
    }];
  });
}

/** Whether several points of an exact lane have the same x. */
function isRepeated({ exact, lead, mean, low, high, points, marksTotal }) {
  if (!exact) return false;
  let places = 0;
  for (let i = lead; i < mean.length; i++) {
    if (low[i] < high[i]) return true;
    if (mean[i] === mean[i]) places += 1;
  }
  return points - marksTotal > places;
}

/** Buckets are equally wide, but those before the window. */
function widthOf({ exact, grid, lead }) {
  const last = grid.length - 1;
  return exact || last <= lead ? 0 : grid[last] - grid[last - 1];
}

/**
 * The range of y, and what it leaves out.
 * @typedef {Object} Range
 * @property {[number, number]} range
 * @property {number} outside places with values or extremes beyond a robust range
 * @property {number} nonPositive values that a log axis cannot show
 * @property {boolean} empty nothing can be drawn
 */

/**
 * Return the range of y that holds lines and extremes in view.
 * @param {Curve[]} curves
 * @param {{xRange?: [number, number]|null, log?: boolean, robust?: boolean}} [options] robust: from
 *   the 1 % to the 99 % quantile
 * @returns {Range}
 */
export function rangeOfY(curves, { xRange = null, log = false, robust = false } = {}) {
  const found = { low: Infinity, high: -Infinity, nonPositive: 0, places: robust ? [] : null };
  for (const curve of curves) lookAt(curve, xRange, log, found);
  if (!(found.low <= found.high)) {
    const range = log ? [0.1, 10] : [0, 1];
    return { range, outside: 0, nonPositive: found.nonPositive, empty: true };
  }
  let inner = [found.low, found.high];
  let outside = 0;
  if (robust) {
    const quantile = quantiles(Float64Array.from(found.places.flat()), [0.01, 0.99]);
    if (quantile[1] > quantile[0]) inner = quantile;
    outside = found.places.filter((values) => values.some((v) => v < inner[0] || v > inner[1])).length;
  }
  return { range: withRoom(inner, log), outside, nonPositive: found.nonPositive, empty: false };
}

function lookAt(curve, xRange, log, found) {
  const { grid, lead, line, low, high } = curve;
  const raw = curve.raw ?? line;
  for (let i = lead; i < grid.length; i++) {
    if (xRange && (grid[i] < xRange[0] || grid[i] > xRange[1])) continue;
    if (Number.isNaN(line[i])) continue;
    if (log && !(line[i] > 0 && !(low[i] <= 0))) found.nonPositive += 1;
    for (const value of [line[i], low[i], high[i], raw[i]]) {
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      if (value < found.low) found.low = value;
      if (value > found.high) found.high = value;
    }
    // A point's value counts once, though it is its own extremes; a smoothed one does not count.
    found.places?.push([...new Set([raw[i], low[i], high[i]])].filter((v) => Number.isFinite(v) && !(log && v <= 0)));
  }
}

/** A range with 5 % of room, so that nothing lies on the frame. */
function withRoom([low, high], log) {
  if (log) {
    const room = (high / low) ** 0.05;
    return low === high ? [low / 2, high * 2] : [low / room, high * room];
  }
  const room = high > low ? (high - low) * 0.05 : Math.abs(high) * 0.05 || 0.5;
  if (Number.isFinite(room)) return [low - room, high + room];
  return [low, high];
}

/**
 * Return where a curve is at an x: the index of its nearest point that is drawn, or -1 if x lies
 * outside of it by more than its spacing there.
 * @param {Curve} curve
 * @param {number} x
 * @returns {number}
 */
export function indexAt({ grid, lead, line, width = 0 }, x) {
  let left = lowerBound(grid, x) - 1;
  let right = left + 1;
  while (left >= lead && Number.isNaN(line[left])) left -= 1;
  while (right < grid.length && Number.isNaN(line[right])) right += 1;
  const hasLeft = left >= lead;
  const hasRight = right < grid.length && right >= lead;
  if (hasLeft && hasRight) return x - grid[left] <= grid[right] - x ? left : right;
  if (!hasLeft && !hasRight) return -1;
  const only = hasLeft ? left : right;
  const next = hasLeft ? left - 1 : right + 1;
  const spacing = next >= lead && next < grid.length ? Math.abs(grid[only] - grid[next]) : width;
  return Math.abs(grid[only] - x) <= spacing ? only : -1;
}

/**
 * Return the index of the first x that is at least a value.
 * @param {ArrayLike<number>} grid rising
 * @param {number} x
 * @returns {number}
 */
export function lowerBound(grid, x) {
  let low = 0;
  let high = grid.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (grid[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Return the range of x of all curves, NaN and infinities included; of buckets with their outer
 * halves.
 * @param {Curve[]} curves
 * @param {boolean} [log] only what is above 0
 * @returns {[number, number]|null}
 */
export function rangeOfX(curves, log = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const { grid, lead, line, exact, marks } of curves) {
    for (const [x] of marks) {
      if (log && x <= 0) continue;
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    let first = lead;
    let last = grid.length - 1;
    while (first <= last && (Number.isNaN(line[first]) || (log && grid[first] <= 0))) first += 1;
    while (last >= first && Number.isNaN(line[last])) last -= 1;
    if (first > last) continue;
    const half = exact || log || last < 1 ? 0 : (grid[last] - grid[last - 1]) / 2;
    low = Math.min(low, grid[first] - half);
    high = Math.max(high, grid[last] + half);
  }
  return low <= high ? [low, high] : null;
}
