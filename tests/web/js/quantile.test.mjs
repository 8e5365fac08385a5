/** Quantiles against published tables. */
import assert from "node:assert/strict";
import test from "node:test";

import { quantiles, studentT } from "epochal/quantile.js";

test("Student's t is that of the tables", () => {
  const table = { 1: 12.7062047364, 2: 4.3026527297, 3: 3.1824463053, 4: 2.7764451052, 9: 2.2621571628,
    29: 2.0452296421, 99: 1.984216952, 1999: 1.9611514202 };
  for (const [df, t] of Object.entries(table)) {
    assert.ok(Math.abs(studentT(Number(df)) - t) < 1e-8, `${df}: ${studentT(Number(df))} is not ${t}`);
  }
  assert.ok(Math.abs(studentT(4, 0.99) - 4.604094871) < 1e-8);
});

test("one value has no interval", () => {
  assert.ok(Number.isNaN(studentT(0)));
});

test("quantiles are interpolated", () => {
  assert.deepEqual(quantiles(Float64Array.from([4, 1, 3, 2]), [0, 0.5, 1]), [1, 2.5, 4]);
  assert.ok(Number.isNaN(quantiles(new Float64Array(0), [0.5])[0]));
});
