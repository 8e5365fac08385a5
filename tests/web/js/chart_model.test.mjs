/** What a chart draws: curves, ranges, values at the cursor, tables. */
import assert from "node:assert/strict";
import test from "node:test";

import { buildCurves, DASHES, indexAt, rangeOfX, rangeOfY } from "epochal/chart_model.js";
import { around, lastValues, legendEntries, tableRows, toCsv, valuesAt } from "epochal/chart_values.js";

const RUNS = ["a", "b", "c"].map((id, i) => ({ id, name: `run ${id}`, color: `color-${i}` }));

const lane = (run, mean, more = {}) => ({
  run,
  metric: "loss",
  grid: Float64Array.from(more.grid ?? mean.map((_, i) => i)),
  lead: 0,
  exact: true,
  mean: Float64Array.from(mean),
  low: Float64Array.from(more.low ?? mean),
  high: Float64Array.from(more.high ?? mean),
  count: null,
  points: mean.length,
  marks: [],
  marksTotal: 0,
  ...(more.lane ?? {}),
});

const curvesOf = (lanes, more = {}) => buildCurves({ lanes, runs: RUNS, metrics: ["loss"], ...more });

test("each run is a curve in its color; runs that are not shown are none", () => {
  const curves = curvesOf([lane("a", [1, 2]), lane("b", [3, 4]), lane("hidden", [5, 6])]);
  assert.deepEqual(curves.map(({ label, color }) => [label, color]), [["run a", "color-0"], ["run b", "color-1"]]);
});

test("smoothing keeps what it smooths, and the extremes as they are", () => {
  const [curve] = curvesOf([lane("a", [0, 3, 3], { high: [0, 9, 3] })], { halfLife: 1 });
  assert.deepEqual([...curve.raw], [0, 3, 3]);
  assert.ok(Math.abs(curve.line[1] - 2) < 1e-12);
  assert.deepEqual([...curve.high], [0, 9, 3]);
});

test("several metrics differ by dash, those of one run by color", () => {
  const lanes = ["loss", "val"].flatMap((metric) => ["a", "b"].map((run) => ({ ...lane(run, [1]), metric })));
  const many = curvesOf(lanes, { metrics: ["loss", "val"] });
  assert.deepEqual(many.map(({ color, dash }) => [color, DASHES.indexOf(dash)]), [
    ["color-0", 0], ["color-1", 0], ["color-0", 1], ["color-1", 1],
  ]);
  const one = buildCurves({ lanes, runs: RUNS.slice(0, 1), metrics: ["loss", "val"] });
  assert.notEqual(one[0].color, one[1].color);
});

const GROUPS = [{ name: "x", runs: ["a", "b"] }, { name: "y", runs: ["c"] }];
const COLORS = new Map([["x", "red"], ["y", "blue"]]);

test("groups are their mean with n; each run on request", () => {
  const lanes = [lane("a", [1, 1]), lane("b", [3, NaN]), lane("c", [7, 7])];
  const grouped = curvesOf(lanes, { groups: GROUPS, colors: COLORS });
  assert.deepEqual(grouped.map(({ label, size, color }) => [label, size, color]), [
    ["x", "n 1–2", "red"], ["y", "n 1", "blue"],
  ]);
  const each = curvesOf(lanes, { groups: GROUPS, colors: COLORS, statistic: "each" });
  assert.deepEqual(each.map(({ label, color }) => [label, color]), [
    ["run a", "red"], ["run b", "red"], ["run c", "blue"],
  ]);
  const options = { metrics: ["loss"], grouped: true };
  assert.deepEqual(legendEntries(each, options).map(({ label, size }) => [label, size]), [["x", "n 2"], ["y", "n 1"]]);
});

test("the range of y holds every extreme, also one of a single step among many runs", () => {
  const runs = Array.from({ length: 100 }, (_, i) => ({ id: `r${i}`, name: `r${i}`, color: "c" }));
  const lanes = runs.map(({ id }, i) => lane(id, [1, 1, 1], { high: i === 42 ? [1, 9, 1] : [1, 1, 1] }));
  const curves = buildCurves({ lanes, runs, metrics: ["loss"] });
  const { range } = rangeOfY(curves);
  assert.ok(range[1] >= 9);
  const view = rangeOfY(curves, { xRange: [1.5, 2] });
  assert.ok(view.range[1] < 9, "what is out of view does not count");
});

test("a robust range says how much it leaves out", () => {
  const mean = Array.from({ length: 1000 }, (_, i) => (i === 500 ? 1e6 : i % 10));
  const { range, outside } = rangeOfY(curvesOf([lane("a", mean)]), { robust: true });
  assert.ok(range[1] < 11);
  assert.equal(outside, 1);
  const constant = rangeOfY(curvesOf([lane("a", [2, 2, 2])]), { robust: true });
  assert.ok(constant.range[0] < 2 && constant.range[1] > 2);
});

test("a log axis shows what is positive and counts the rest", () => {
  const curves = curvesOf([lane("a", [0, -1, 10, 100], { low: [0, -1, -5, 100] })]);
  const { range, nonPositive } = rangeOfY(curves, { log: true });
  assert.ok(range[0] > 0 && range[0] <= 10 && range[1] >= 100);
  assert.equal(nonPositive, 3);
  const nothing = rangeOfY(curvesOf([lane("a", [-1, -2])]), { log: true });
  assert.deepEqual([nothing.empty, nothing.nonPositive], [true, 2]);
});

test("ranges stay finite: nothing, one value, huge values", () => {
  assert.equal(rangeOfY([]).empty, true);
  for (const mean of [[5], [0], [-1.7e308, 1.7e308]]) {
    const { range } = rangeOfY(curvesOf([lane("a", mean)]));
    assert.ok(range.every(Number.isFinite) && range[0] < range[1], `${mean}: ${range}`);
  }
  assert.equal(rangeOfX([]), null);
});

test("x reaches from the first bucket's edge to the last one's", () => {
  const bucket = lane("a", [1, 1, NaN], { grid: [5, 15, 25], lane: { exact: false } });
  assert.deepEqual(rangeOfX(curvesOf([bucket])), [0, 20]);
  assert.deepEqual(rangeOfX(curvesOf([lane("a", [1, 1])])), [0, 1]);
  assert.deepEqual(rangeOfX(curvesOf([lane("a", [1, 1, 1])]), true), [1, 2]);
});

test("x reaches over NaN and infinities, at the end or alone", () => {
  const marks = [[2, "nan", 1], [9, "inf", 3]];
  assert.deepEqual(rangeOfX(curvesOf([lane("a", [1, 1, NaN], { lane: { marks } })])), [0, 9]);
  assert.deepEqual(rangeOfX(curvesOf([lane("a", [NaN], { lane: { marks } })]), true), [2, 9]);
});

test("a group of smoothed runs has the interval of its smoothed runs", () => {
  const noisy = [[0, 4, 0, 4], [4, 0, 4, 0], [1, 5, 1, 5]];
  const runs = noisy.map((_, i) => ({ id: `r${i}`, name: `r${i}`, color: "c", config: {} }));
  const lanes = noisy.map((mean, i) => lane(`r${i}`, mean));
  const groups = [{ name: "all", runs: runs.map(({ id }) => id) }];
  const of = (more) => buildCurves({ lanes, runs, metrics: ["loss"], groups, ...more });
  const [{ line, low, high, raw }] = of({ halfLife: 2 });
  const last = buildCurves({ lanes, runs, metrics: ["loss"], halfLife: 2 }).map((curve) => curve.line[3]);
  const mean = last.reduce((sum, y) => sum + y, 0) / 3;
  const sd = Math.sqrt(last.reduce((sum, y) => sum + (y - mean) ** 2, 0) / 2);
  const half = (4.302652729911275 * sd) / Math.sqrt(3); // Student's t with 2 degrees of freedom
  [[line, mean], [low, mean - half], [high, mean + half]].forEach(([y, expected]) => {
    assert.ok(Math.abs(y[3] - expected) < 1e-6, `${y[3]} is not ${expected}`);
  });
  assert.equal(raw[3], 3);
  const [range] = of({ halfLife: 2, statistic: "range" });
  assert.deepEqual([range.low[3], range.high[3]], [0, 5], "extremes are those that were logged");
});

test("the cursor takes the nearest point, and none where a curve is not", () => {
  const [curve] = curvesOf([lane("a", [1, NaN, 3, 4], { grid: [0, 10, 20, 30] })]);
  assert.deepEqual([2, 9, 11, 29, 39, 41].map((x) => indexAt(curve, x)), [0, 0, 2, 3, 3, -1]);
  const lead = { ...curve, lead: 2 };
  assert.equal(indexAt(lead, 1), -1);
});

test("values at the cursor are sorted, and those around the nearest are shown", () => {
  const lanes = [lane("a", [1, 5]), lane("b", [3, 4]), lane("c", [2, NaN])];
  const curves = curvesOf(lanes);
  assert.deepEqual(valuesAt(curves, 0).map(({ curve }) => curve.run), ["b", "c", "a"]);
  assert.deepEqual(valuesAt(curves, 1).map(({ value }) => value), [5, 4]);
  const rows = Array.from({ length: 100 }, (_, i) => ({ curve: { key: `k${i}` } }));
  const part = around(rows, "k50", 10);
  assert.deepEqual([part.above, part.rows.length, part.below], [45, 10, 45]);
  assert.deepEqual(around(rows, "k99", 10).below, 0);
});

test("the last values are in order", () => {
  const curves = curvesOf([lane("a", [1, 2, NaN]), lane("b", [5, 3, 9])]);
  assert.deepEqual(lastValues(curves).map(({ curve, value }) => [curve.run, value]), [["b", 9], ["a", 2]]);
});

test("CSV has every value, quoted where needed, and no formula", () => {
  const curves = curvesOf([lane("a", [1, NaN, 0.1], { high: [2, NaN, 0.1] })]).map((curve) => ({
    ...curve, label: "=1+1, \"x\"",
  }));
  assert.equal(toCsv(curves, "step"), [
    "name,metric,step,mean,low,high",
    "\"'=1+1, \"\"x\"\"\",loss,0,1,1,2",
    "\"'=1+1, \"\"x\"\"\",loss,2,0.1,0.1,0.1",
    "",
  ].join("\n"));
});

test("a table has a row for each x and a column for each curve", () => {
  const curves = curvesOf([lane("a", [1, 2]), lane("b", [3], { grid: [1] })]);
  assert.deepEqual(tableRows(curves), [
    { x: 0, width: 0, values: [1, NaN] }, { x: 1, width: 0, values: [2, 3] },
  ]);
});

test("a run of one bucket is found as far from its middle as the next bucket", () => {
  const [first] = curvesOf([lane("a", [1, NaN, NaN], { grid: [50, 150, 250], lane: { exact: false } })]);
  assert.deepEqual([0, 50, 149, 151].map((x) => indexAt(first, x)), [0, 0, 0, -1]);
  assert.equal(first.width, 100);
});

test("a curve says whether several points share an x", () => {
  const is = (mean, more) => curvesOf([lane("a", mean, more)])[0].repeated;
  assert.equal(is([1, 2]), false);
  assert.equal(is([1, NaN], { lane: { marksTotal: 1 } }), false, "NaN is a point");
  assert.equal(is([1, 2], { high: [1, 3] }), true);
  assert.equal(is([1, 2], { lane: { points: 9 } }), true, "the same value several times");
  assert.equal(is([0, 1, 2], { low: [-1, 1, 2], lane: { lead: 1, points: 2 } }), false, "buckets before the window");
  assert.equal(is([1, 2], { lane: { exact: false, points: 9 } }), false);
});

test("runs that share a color differ by dash, unless there are too many", () => {
  const of = (count) => {
    const runs = Array.from({ length: count }, (_, i) => ({ id: `r${i}`, name: `${i}`, color: `color-${i % 12}` }));
    const curves = buildCurves({ lanes: runs.map(({ id }) => lane(id, [1])), runs, metrics: ["loss"] });
    return new Set(curves.map(({ color, dash }) => `${color} ${DASHES.indexOf(dash)}`)).size;
  };
  assert.equal(of(18), 18);
  assert.equal(of(30), 12);
});
