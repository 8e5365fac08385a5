/** What stands around a chart: ticks, the line below, ranges in the address. */
import assert from "node:assert/strict";
import test from "node:test";

import { tickLabels, ticks, xText } from "epochal/chart_axes.js";
import { keyAction, rangeOf, rangeText, shifted, zoomed } from "epochal/chart_input.js";
import { noteParts } from "epochal/chart_note.js";

const CURVE = {
  grid: [0, 1, 2], lead: 0, line: [1, NaN, 3], exact: false, points: 1_000_000, n: null, marks: [], marksTotal: 0,
};
const ABOUT = {
  curves: [CURVE], runs: 100, groups: 0, statistic: "ci", points: 1_000_000, left: { lacking: [], over: 0, missing: [] },
  window: null, range: { outside: 0, nonPositive: 0 }, xHidden: 0, stale: null,
};
const note = (more) => noteParts({ ...ABOUT, ...more }).map(({ text }) => text);

test("the line below says how many runs, how much of the points, and that extremes are kept", () => {
  const grid = Float64Array.from({ length: 1000 }, (_, i) => i);
  const full = { ...CURVE, grid, line: grid };
  assert.deepEqual(note({ curves: [full] }), ["100 runs", "1,000 of 1M points", "min/max kept"]);
  const exact = { ...CURVE, exact: true, points: 2 };
  assert.deepEqual(note({ curves: [exact], points: 2, runs: 1 }), ["1 run", "all 2 points"]);
});

test("points that share an x are told as means; those beside the window are not counted", () => {
  const epochs = { ...CURVE, exact: true, repeated: true, points: 3000 };
  assert.deepEqual(note({ curves: [epochs], points: 3000 }).slice(1), ["2 means of 3,000 points", "min/max kept"]);
  const more = note({ curves: [epochs], points: 100, window: [1.5, 2.5], groups: 2 }).slice(1);
  assert.deepEqual(more, ["1 mean of 100 points", "band: 95 % interval"]);
});

test("it says what is not drawn", () => {
  assert.ok(note({ left: { lacking: ["run x"], over: 0, missing: [] } }).includes("not logged by run x"));
  assert.ok(note({ left: { lacking: ["a", "b", "c"], over: 3, missing: [] } }).includes("not logged by 3 runs"));
  const missing = [{ run: "d", reason: "no such folder" }];
  assert.ok(note({ left: { lacking: [], over: 0, missing } }).includes("1 run unreadable: no such folder"));
  assert.ok(note({ left: { lacking: ["a"], over: 0, missing: [] }, window: [0, 1] }).includes("nothing here of a"));
  assert.ok(note({ range: { outside: 0, nonPositive: 12 } }).includes("12 values ≤ 0 not on a log axis"));
  const range = { outside: 7, nonPositive: 0 };
  assert.ok(note({ range }).includes("robust range: 7 places reach outside"));
  assert.ok(note({ range, curves: [{ ...CURVE, exact: true }] }).includes("robust range: 7 values outside"));
  const marked = { ...CURVE, marks: [[1, "nan", 3], [2, "inf", 1]], marksTotal: 9 };
  const said = note({ curves: [marked] });
  assert.ok(said.includes("▲ 3 NaN") && said.includes("1 infinite, at the edge") && said.includes("5 more marks not drawn"));
});

test("it says how old a picture is, once that matters", () => {
  assert.equal(note({ stale: 2 }).some((text) => text.startsWith("stale")), false);
  assert.ok(note({ stale: 12.4 }).includes("stale 12 s"));
});

test("groups say what their band is", () => {
  const said = note({ groups: 4, statistic: "sd" });
  assert.deepEqual([said[0], said[2]], ["4 groups of 100 runs", "band: standard deviation"]);
  const bandOf = (more, statistic = "ci") => note({ groups: 4, statistic, curves: [{ ...CURVE, ...more }] })[2];
  assert.equal(bandOf({ width: 20 }), "band: 95 % interval of bucket means");
  assert.equal(bandOf({ width: 20, raw: [] }), "band: 95 % interval of smoothed runs");
  assert.equal(bandOf({ width: 20, raw: [] }, "range"), "band: min–max");
});

test("labels are short and tell neighbors apart", () => {
  assert.deepEqual(tickLabels([0, 200000, 400000]), ["0", "200k", "400k"]);
  assert.deepEqual(tickLabels([0, 0.025, 0.05]), ["0", "0.025", "0.050"]);
  assert.deepEqual(tickLabels([2000, 4000]), ["2000", "4000"]);
  assert.deepEqual(tickLabels([0, 2e-5, 4e-5]), ["0", "2e-5", "4e-5"]);
  assert.deepEqual(new Set(tickLabels([1000000, 1000001, 1000002])).size, 3);
  assert.deepEqual(ticks({ kind: "number", low: 0.001, high: 100, log: true, count: 6 }).labels, [
    "0.001", "0.01", "0.1", "1", "10", "100",
  ]);
});

test("elapsed time has ticks at whole minutes and hours", () => {
  const { at, labels } = ticks({ kind: "elapsed", low: 0, high: 7300, log: false, count: 4 });
  assert.deepEqual(at, [0, 3600, 7200]);
  assert.deepEqual(labels, ["0", "1h", "2h"]);
  assert.deepEqual(ticks({ kind: "elapsed", low: 0, high: 100, log: false, count: 4 }).labels.at(-1), "1m 30s");
  assert.equal(xText("step", 41000), "step 41,000");
});

test("a bucket says its first and its last step, whole and not rounded", () => {
  assert.equal(xText("step", 2277.5, 5), "steps 2,275–2,279");
  assert.equal(xText("step", 1234565, 10), "steps 1,234,560–1,234,569");
  assert.equal(xText("step", 3.25, 0.5), "step 3");
});

test("a bucket of another x says both ends, as exact as the bucket", () => {
  assert.equal(xText("epoch", 9.99, 0.02), "epoch 9.98–10");
  assert.equal(xText("epoch", 9.98999, 0.0334), "epoch 9.97–10.01");
  assert.equal(xText("epoch", 2, 1), "epoch 1.5–2.5");
  assert.equal(xText("epoch", 0.005, 0.01), "epoch 0–0.01");
  assert.equal(xText("tokens", 1_234_567, 100_000), "tokens 1,184,567–1,284,567");
  assert.equal(xText("elapsed", 30, 4), "28 s – 32 s after start");
  assert.equal(xText("elapsed", 30, 0.1), "30 s after start");
  const time = new Date(2026, 2, 1, 14, 5, 9).getTime() / 1000;
  assert.equal(xText("time", time, 4), "2026-03-01 14:05:07 – 2026-03-01 14:05:11");
  assert.equal(xText("time", time, 0.1), "2026-03-01 14:05:09");
});

test("one point says its x without zeros that nobody measured", () => {
  assert.equal(xText("epoch", 9.99), "epoch 9.99");
  assert.equal(xText("epoch", 14.984375), "epoch 14.9844");
  assert.equal(xText("epoch", 0.5), "epoch 0.5");
  assert.equal(xText("epoch", 100), "epoch 100");
  assert.equal(xText("lr", 0.0000125), "lr 1.25e-5");
});

test("wall time has ticks at round clock times", () => {
  const low = new Date(2026, 2, 1, 22, 10).getTime() / 1000;
  const { labels } = ticks({ kind: "time", low, high: low + 4 * 3600, log: false, count: 4 });
  assert.deepEqual(labels, ["23:00", "03-02 00:00", "01:00", "02:00"]);
});

test("a range in the address comes back, as exact as a picture needs", () => {
  assert.deepEqual(rangeOf(rangeText([1000.4, 250000.7], true)), [1000, 250001]);
  const [low, high] = rangeOf(rangeText([0.123456789, 0.1234667]));
  assert.ok(Math.abs(low - 0.123456789) < 1e-9 && Math.abs(high - 0.1234667) < 1e-9);
  for (const text of ["", "1", "2,1", "1,x", "1,2,3", "NaN,1", null, undefined]) assert.equal(rangeOf(text), null);
});

test("panning and zooming keep the scale", () => {
  assert.deepEqual(shifted([0, 10], 0.5, false), [5, 15]);
  assert.deepEqual(shifted([1, 100], 0.5, true).map(Math.round), [10, 1000]);
  assert.deepEqual(zoomed([0, 10], 0.5, 0.5, false), [2.5, 7.5]);
});

test("keys move by points, to the ends and among curves; others are left to the page", () => {
  const press = (key, more = {}) => keyAction({ key, ...more });
  assert.deepEqual(press("ArrowRight"), { step: 1 });
  assert.deepEqual(press("ArrowLeft", { shiftKey: true }), { step: -10 });
  assert.deepEqual(press("Home"), { end: -1 });
  assert.equal(press("l"), null);
  assert.equal(press("ArrowLeft", { ctrlKey: true }), null);
});
