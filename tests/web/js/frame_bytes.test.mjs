/** The bytes that the server's own test makes are read as what they say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { decode } from "epochal/frames.js";

const data = (name) => readFileSync(new URL(`../data/${name}`, import.meta.url));
const plain = (array) => array && [...array].map((value) => (Number.isNaN(value) ? null : value));

test("an answer of the server is read as it was meant", () => {
  const bytes = data("frame.bin");
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const expected = JSON.parse(data("frame.json"));
  const { charts, missing, ms } = decode(buffer);
  assert.deepEqual([missing, ms], [expected.missing, expected.ms]);
  assert.equal(charts.length, expected.charts.length);
  charts.forEach((chart, i) => {
    const right = expected.charts[i];
    for (const name of ["metric", "x", "exact", "lead", "extent", "points"]) {
      assert.deepEqual(chart[name], right[name], name);
    }
    assert.deepEqual(plain(chart.grid), right.grid);
    assert.deepEqual(chart.lanes.map((lane) => lane.run), right.lanes.map((lane) => lane.run));
    chart.lanes.forEach((lane, k) => {
      const one = right.lanes[k];
      assert.equal(lane.mean instanceof (one.kind === "f4" ? Float32Array : Float64Array), true);
      assert.deepEqual(plain(lane.mean), one.mean);
      assert.deepEqual(plain(lane.low), one.low ?? one.mean);
      assert.deepEqual(plain(lane.high), one.high ?? one.mean);
      assert.deepEqual(plain(lane.count), one.count);
      assert.deepEqual([lane.marks, lane.marksTotal], [one.marks, one.marksTotal]);
      assert.deepEqual([lane.points, lane.lead], [one.points, right.lead]);
    });
  });
});
