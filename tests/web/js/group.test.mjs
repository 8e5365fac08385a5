/** Groups of runs: who belongs to them, their mean, their interval, and how many there are. */
import assert from "node:assert/strict";
import test from "node:test";

import { groupCurve, groupRuns, sizeText, valuesOn } from "epochal/group.js";

const lane = (grid, mean, more = {}) => ({
  grid: Float64Array.from(grid),
  mean: Float64Array.from(mean),
  low: Float64Array.from(more.low ?? mean),
  high: Float64Array.from(more.high ?? mean),
  count: null,
  lead: 0,
  exact: true,
  ...(more.count ? { count: Float64Array.from(more.count) } : {}),
});

const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("runs are grouped by one key, numbers in order, what lacks it last", () => {
  const runs = [[1e-2, "a"], [1e-3, "b"], [undefined, "c"], [1e-2, "d"], [10, "e"]].map(([lr, id]) => ({
    id, config: lr === undefined ? {} : { lr },
  }));
  assert.deepEqual(groupRuns(runs, "lr"), [
    { name: "0.001", runs: ["b"] },
    { name: "0.01", runs: ["a", "d"] },
    { name: "10", runs: ["e"] },
    { name: "not set", runs: ["c"] },
  ]);
});

test("several keys make one name; a comma in a key is no second key", () => {
  const runs = [{ id: "a", config: { lr: 1, model: "vit", "x,y": 2 } }];
  assert.deepEqual(groupRuns(runs, "lr,model")[0].name, "1 · vit");
  assert.deepEqual(groupRuns(runs, ["lr", "model"])[0].name, "1 · vit");
  assert.deepEqual(groupRuns(runs, "x,y")[0].name, "2");
});

test("values that only look alike stay apart", () => {
  const runs = [{ id: "a", config: { k: "1.0" } }, { id: "b", config: { k: 1 } }, { id: "c", config: { k: [1, 2] } }];
  assert.deepEqual(groupRuns(runs, "k").map((group) => group.name).sort(), ["1", "1.0", "[1,2]"]);
});

test("mean and 95 % t-interval over runs", () => {
  const lanes = [1, 2, 3, 6].map((value) => lane([0], [value]));
  const { mean, low, high, n } = groupCurve(lanes, "ci");
  const half = (3.182446305284263 * Math.sqrt(14 / 3)) / 2;
  near(mean[0], 3);
  near(low[0], 3 - half);
  near(high[0], 3 + half);
  assert.equal(n[0], 4);
});

test("standard deviation, and extremes of the runs' own buckets", () => {
  const lanes = [lane([0], [1], { low: [-5], high: [2] }), lane([0], [3], { low: [2], high: [9] })];
  const sd = groupCurve(lanes, "sd");
  near(sd.high[0] - sd.mean[0], Math.SQRT2);
  const range = groupCurve(lanes, "range");
  assert.deepEqual([range.low[0], range.high[0]], [-5, 9]);
});

test("one run has no band", () => {
  const { mean, low, n } = groupCurve([lane([0, 1], [1, 2])], "ci");
  assert.deepEqual([...mean], [1, 2]);
  assert.ok(low.every(Number.isNaN));
  assert.deepEqual([...n], [1, 1]);
});

test("a run that is missing at a step lowers n there and is not made up", () => {
  const whole = lane([0, 1, 2, 3, 4], [1, 1, 1, 1, 1]);
  const short = lane([0, 1, 2, 3, 4], [3, 3, NaN, NaN, NaN]);
  const holed = lane([0, 1, 2, 3, 4], [5, 5, NaN, 5, 5]);
  const { mean, n } = groupCurve([whole, short, holed], "ci");
  assert.deepEqual([...n], [3, 3, 1, 2, 2]);
  assert.deepEqual([...mean], [3, 3, 1, 3, 3]);
  assert.equal(sizeText(n), "n 1–3");
  assert.equal(sizeText([4, 4, 0]), "n 4");
});

test("runs logged at different intervals meet on the lines between their points", () => {
  const often = lane([0, 5, 10, 15, 20], [0, 0, 0, 0, 0]);
  const seldom = lane([0, 10, 20], [2, 4, 6]);
  const { grid, mean, n } = groupCurve([often, seldom], "ci");
  assert.deepEqual([...grid], [0, 5, 10, 15, 20]);
  assert.deepEqual([...n], [2, 2, 2, 2, 2]);
  assert.deepEqual([...mean], [1, 1.5, 2, 2.5, 3]);
});

test("nothing is guessed outside of a run or across a long gap", () => {
  const x = Float64Array.from([0, 1, 2, 3, 30]);
  const values = valuesOn(Float64Array.from([-1, 0.5, 10, 30, 31]), x, [1, 2, 3, 4, 5]);
  assert.deepEqual([...values], [NaN, 1.5, NaN, 5, NaN]);
});

test("what lies before the window stays before it", () => {
  const before = { ...lane([0, 10, 11], [1, 2, 3]), lead: 1 };
  assert.equal(groupCurve([before, { ...lane([0, 10, 12], [1, 2, 3]), lead: 1 }], "ci").lead, 1);
  assert.equal(groupCurve([lane([], [])], "ci"), null);
});

test("a bucket's value holds to its edges, so that n is right where buckets of runs differ", () => {
  const [wide, narrow] = [lane([2, 6, 10], [1, 2, 3]), lane([1, 3, 5, 7, 9, 11], [1, 1, 2, 2, 3, 3])];
  assert.deepEqual([...groupCurve([{ ...wide, exact: false }, { ...narrow, exact: false }], "ci").n],
    [2, 2, 2, 2, 2, 2, 2, 2, 2]);
  assert.deepEqual([...groupCurve([wide, narrow], "ci").n], [1, 2, 2, 2, 2, 2, 2, 2, 1]);
});
