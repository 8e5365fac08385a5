/** The keys that runs can be grouped by, and what they are called. */
import assert from "node:assert/strict";
import test from "node:test";

import { groupKeys, keyLabel } from "epochal/controls.js";

const run = (seed, own) => ({ config: { "config.lr": 0.1, "config.seed": seed, seed: own } });

test("a seed that is in the config too is one key", () => {
  const { different, same } = groupKeys([run(0, 0), run(1, 1), { config: { "config.lr": 0.1 } }]);
  assert.deepEqual([different, same], [["config.seed"], ["config.lr"]]);
  assert.equal(keyLabel("config.seed", different), "seed");
  assert.deepEqual(groupKeys([run(0, 0), { config: { "config.seed": 9 } }]).different, ["config.lr", "config.seed"]);
  assert.ok(groupKeys([run(0, 0), { config: { seed: 9 } }]).different.includes("seed"));
});

test("seeds that disagree are two keys with two names", () => {
  const { different } = groupKeys([run(0, 7), run(1, 8)]);
  assert.deepEqual(different.map((key) => keyLabel(key, different)), ["config.seed", "seed of the run"]);
});

test("a seed of the runs alone is a key like any other", () => {
  const { different } = groupKeys([{ config: { seed: 1 } }, { config: { seed: 2 } }]);
  assert.deepEqual(different, ["seed"]);
  assert.equal(keyLabel("seed", different), "seed");
});
