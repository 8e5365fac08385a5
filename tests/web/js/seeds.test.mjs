/** What stands against verdicts is said once. */
import assert from "node:assert/strict";
import test from "node:test";

import { guardsOfAll, guardsOfVerdict } from "epochal/seeds.js";

const NO_SPREAD = "all pairs differ by 0, and paired t needs some spread";
const VERDICT = { a: "lr=1", b: "lr=2", sentence: `lr=1 and lr=2: undecided; ${NO_SPREAD}.`, guards: [NO_SPREAD, "few"] };

test("a reason that the sentence gives does not stand under it again", () => {
  assert.deepEqual(guardsOfVerdict(VERDICT), ["few"]);
  assert.deepEqual(guardsOfVerdict({ sentence: "a is better." }), []);
});

test("what a verdict says does not stand below all of them", () => {
  const guards = [`lr=1 and lr=2: ${NO_SPREAD}`, "2 of 3 pairs: few", "n differs: lr=1 3, lr=2 4"];
  assert.deepEqual(guardsOfAll({ guards, verdicts: [VERDICT] }), ["n differs: lr=1 3, lr=2 4"]);
});

test("of verdicts that are not listed the reasons stay", () => {
  const guards = ["lr=3 and lr=4: few", "2 of 300 pairs: few"];
  assert.deepEqual(guardsOfAll({ guards, verdicts: [VERDICT], verdicts_total: 300 }), guards);
});
