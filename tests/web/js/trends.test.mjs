/** The small charts of the table. */
import assert from "node:assert/strict";
import test from "node:test";

import { load } from "epochal/trends.js";

const LENGTHS = { long: 100_000, short: 60, other: 40, tiny: 3, one: 1 };

/** Answers as the server does: one grid for all, over the longest run. */
function server(asked) {
  return async ({ runs, width }) => {
    asked.push(runs);
    const longest = Math.max(...runs.map((run) => LENGTHS[run]));
    const size = Math.max(1, longest / width);
    const grid = Float64Array.from({ length: Math.ceil(longest / size) }, (_, i) => i * size);
    const mean = (n) => Float64Array.from(grid, (x) => (x < n ? x : NaN));
    return { charts: [{ lanes: runs.map((run) => ({ run, grid, mean: mean(LENGTHS[run]), points: LENGTHS[run] })) }] };
  };
}

test("short runs beside a long one have their shape, for one more request", async () => {
  const asked = [];
  const curves = await load("loss", Object.keys(LENGTHS), server(asked));
  assert.equal(curves.get("long").x.length, 120);
  assert.equal(curves.get("short").x.length, 60);
  assert.equal(curves.get("other").x.length, 40);
  assert.equal(curves.get("tiny").x.length, 3);
  assert.equal(curves.get("one"), null);
  assert.deepEqual(asked, [["long", "short", "other", "tiny", "one"], ["short", "other", "tiny"]]);
});

test("runs of one length are asked for once", async () => {
  const asked = [];
  await load("loss", ["short", "other"], server(asked));
  assert.equal(asked.length, 1);
});

test("runs with one point each are not asked for again", async () => {
  const asked = [];
  assert.deepEqual([...(await load("loss", ["one"], server(asked)))], [["one", null]]);
  assert.equal(asked.length, 1);
});

test("without an answer there is no curve", async () => {
  const refused = async () => {
    throw new Error("out of reach");
  };
  assert.deepEqual([...(await load("loss", ["short"], refused))], [["short", null]]);
});
