/** Binary answers are read as they were written. */
import assert from "node:assert/strict";
import test from "node:test";

import { decode } from "epochal/frames.js";
import { encode } from "./encode.mjs";

const CHART = {
  metric: "Verlust/α",
  x: "step",
  exact: false,
  lead: 1,
  extent: [0, 9],
  points: 10,
  grid: [0, 1, 2],
};

test("arrays come back with their kinds, names and places", () => {
  const lane = { run: "a", points: 3, mean: [1, NaN, 3], low: [0, NaN, 2], high: [2, NaN, 4] };
  const buffer = encode([{ ...CHART, lanes: [{ ...lane, count: [1, 0, 2], marks: [[5, "nan", 2]] }] }]);
  const { charts, ms } = decode(buffer);
  const [frame] = charts;
  assert.equal(ms, 1);
  assert.equal(frame.metric, "Verlust/α");
  assert.deepEqual(frame.extent, [0, 9]);
  const [read] = frame.lanes;
  assert.deepEqual([...read.grid], [0, 1, 2]);
  assert.ok(read.grid instanceof Float64Array && read.mean instanceof Float32Array);
  assert.deepEqual([...read.mean], [1, NaN, 3]);
  assert.deepEqual([...read.high], [2, NaN, 4]);
  assert.deepEqual([...read.count], [1, 0, 2]);
  assert.deepEqual(read.marks, [[5, "nan", 2]]);
  assert.equal(read.lead, 1);
});

test("bounds that are left out are the mean, and numbers need no copy", () => {
  const buffer = encode([{ ...CHART, lanes: [{ run: "a", points: 3, mean: [1, 2, 3], kind: "f8" }] }]);
  const [lane] = decode(buffer).charts[0].lanes;
  assert.equal(lane.low, lane.mean);
  assert.equal(lane.high, lane.mean);
  assert.equal(lane.count, null);
  assert.equal(lane.mean.buffer, buffer);
});

test("an answer that is cut short is refused", () => {
  const buffer = encode([{ ...CHART, lanes: [{ run: "a", points: 3, mean: [1, 2, 3] }] }]);
  assert.throws(() => decode(buffer.slice(0, buffer.byteLength - 8)), /cut short/);
  assert.throws(() => decode(buffer.slice(0, 40)), /damaged/);
  assert.throws(() => decode(new ArrayBuffer(0)), /empty/);
});
