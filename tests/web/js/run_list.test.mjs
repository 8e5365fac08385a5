/** A list of runs takes in what changed, and leaves the rest as it is. */
import assert from "node:assert/strict";
import test from "node:test";

import { merged, patched } from "epochal/run_list.js";

const LIST = {
  id: ["a", "b"], name: ["A", "B"], group: [null, null], state: ["running", "finished"], duration_s: [1, 2], steps: [10, 20],
  tags: [[], []], notes: ["", ""], seed: [0, 1], code: [null, null], config: { "config.lr": [1, 2] },
  columns: { "summary.loss": [3, 4] }, metrics: [{ name: "loss", runs: 2 }],
};

test("a patch changes the fields it has, and no others", () => {
  const next = patched(LIST, [["a", { steps: 11, version: 5 }], ["gone", { steps: 1 }]]);
  assert.deepEqual(next.steps, [11, 20]);
  assert.equal(next.name, LIST.name);
  assert.deepEqual(LIST.steps, [10, 20]);
  assert.equal("version" in next, false);
});

test("runs that were asked for again replace theirs, with new columns and metrics", () => {
  const next = merged(LIST, {
    ...LIST, id: ["b", "new"], name: ["B2", "N"], state: ["failed", "running"], columns: { "summary.loss": [9, 0], "summary.acc": [0.5, 0] },
    config: { "config.lr": [2, 7] }, metrics: [{ name: "acc", runs: 1 }, { name: "loss", runs: 2 }],
  });
  assert.deepEqual(next.id, ["a", "b"]);
  assert.deepEqual(next.state, ["running", "failed"]);
  assert.deepEqual(next.columns, { "summary.loss": [3, 9], "summary.acc": [null, 0.5] });
  assert.deepEqual(next.metrics.map(({ name }) => name), ["acc", "loss"]);
});
