/** The line below a chart: what is drawn, of how much, and what is not. */

import { compact, count, duration } from "epochal/format.js";
import { STATISTICS } from "epochal/group.js";

/**
 * Return the parts of the line.
 * @param {object} about
 * @param {import("./chart_model.js").Curve[]} about.curves
 * @param {number} about.runs that are drawn
 * @param {number} about.groups how many, 0: not grouped
 * @param {string} about.statistic
 * @param {number} about.points of the longest run, in the window
 * @param {{lacking: string[], over: number, missing: Array<{reason: string}>}} about.left runs that are not drawn,
 *   by name
 * @param {[number, number]|null} about.window of x, null: all
 * @param {import("./chart_model.js").Range} about.range
 * @param {number} about.xHidden points whose x a log axis cannot show
 * @param {number|null} about.stale seconds
 * @returns {Array<{text: string, warn?: boolean}>}
 */
export function noteParts({
  curves, runs, groups, statistic, points, left, window, range, xHidden, stale,
}) {
  const parts = [{ text: groups ? `${count(groups, "group")} of ${count(runs, "run")}` : count(runs, "run") }];
  parts.push(...drawn(curves, points, window, groups && statistic !== "each" ? statistic : ""));
  parts.push(...notDrawn(left, window !== null));
  parts.push(...strange(curves));
  const values = (n) => count(n, "value");
  const alone = curves.every((curve) => curve.exact && !curve.repeated && !curve.n);
  if (range.nonPositive) parts.push({ text: `${values(range.nonPositive)} ≤ 0 not on a log axis`, warn: true });
  if (xHidden) parts.push({ text: `${values(xHidden)} at x ≤ 0 not on a log axis`, warn: true });
  const outside = alone ? `${values(range.outside)} outside` : `${count(range.outside, "place")} reach outside`;
  if (range.outside) parts.push({ text: `robust range: ${outside}`, warn: true });
  if (stale !== null && stale >= 3) parts.push({ text: `stale ${duration(Math.floor(stale))}`, warn: true });
  return parts;
}

function drawn(curves, points, window, statistic) {
  const longest = curves.reduce((best, curve) => (best && best.points >= curve.points ? best : curve), null);
  if (!longest) return [];
  const places = placesOf(longest, window);
  const repeated = curves.some((curve) => curve.repeated);
  const all = !repeated && curves.every((curve) => curve.exact);
  const means = longest.repeated ? `${count(places, "mean")} of` : `${places.toLocaleString("en-US")} of`;
  const of = all || places >= points
    ? [{ text: `${points > 1 ? "all " : ""}${count(points, "point")}` }]
    : [{ text: `${means} ${compactCount(points)} points` }];
  if (statistic) return [...of, { text: `band: ${bandText(statistic, curves)}` }];
  return all ? of : [...of, { text: "min/max kept" }];
}

/**
 * Return what a band of groups shows; an interval of smoothed runs, or of means of many points, is
 * narrower than one of points.
 * @param {string} statistic
 * @param {import("./chart_model.js").Curve[]} curves
 * @returns {string}
 */
export function bandText(statistic, curves) {
  const name = STATISTICS[statistic];
  if (statistic === "range") return name;
  if (curves.some((curve) => curve.raw)) return `${name} of smoothed runs`;
  return curves.some((curve) => curve.width > 0) ? `${name} of bucket means` : name;
}

/** How many buckets or points are drawn; points beside the window are not counted. */
function placesOf({ grid, lead, line, exact }, window) {
  const [low, high] = exact && window ? window : [-Infinity, Infinity];
  let n = 0;
  for (let i = lead; i < grid.length; i++) {
    if (!Number.isNaN(line[i]) && grid[i] >= low && grid[i] <= high) n += 1;
  }
  return n;
}

function compactCount(n) {
  return n < 1e5 ? n.toLocaleString("en-US") : compact(Number(n.toPrecision(3)));
}

function notDrawn({ lacking, over, missing }, zoomed) {
  const parts = [];
  if (lacking.length) {
    const who = lacking.length <= 2 ? lacking.join(", ") : count(lacking.length, "run");
    parts.push({ text: zoomed ? `nothing here of ${who}` : `not logged by ${who}` });
  }
  if (over) parts.push({ text: `${count(over, "more run")} not drawn`, warn: true });
  if (missing.length) {
    parts.push({ text: `${count(missing.length, "run")} unreadable: ${missing[0].reason}`, warn: true });
  }
  return parts;
}

function strange(curves) {
  const counts = { nan: 0, inf: 0 };
  let total = 0;
  for (const { marks, marksTotal } of curves) {
    total += marksTotal;
    for (const [, kind, n] of marks) counts[kind === "nan" ? "nan" : "inf"] += n;
  }
  const known = counts.nan + counts.inf;
  const parts = [];
  if (counts.nan) parts.push({ text: `▲ ${counts.nan.toLocaleString("en-US")} NaN`, warn: true });
  if (counts.inf) parts.push({ text: `${counts.inf.toLocaleString("en-US")} infinite, at the edge`, warn: true });
  if (total > known) parts.push({ text: `${count(total - known, "more mark")} not drawn`, warn: true });
  return parts;
}
