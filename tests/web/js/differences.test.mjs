/** Differences between runs, and code diffs taken apart. */
import assert from "node:assert/strict";
import test from "node:test";

import { change, isEqual, isIdentifier, keyParts, sections, standing, withAbsent } from "epochal/differences.js";
import { parseUnified } from "epochal/unified.js";

const row = (kind, name, values, same) => ({ path: [kind, ...name.split(".")], kind, values, same });
const ROWS = [
  row("config", "batch", [64, 64], true), row("config", "optimizer.lr", [0.1, 0.2], false),
  row("packages", "torch", ["2.5", "2.5"], true), row("summary", "val/loss", [0.3, 0.4], false),
];

test("what differs comes first, and what is the same is counted", () => {
  const parts = sections(ROWS);
  assert.deepEqual(parts.map(({ title, same, total }) => [title, same, total]), [
    ["Config", 1, 2], ["Packages", 1, 1], ["Results", 0, 1],
  ]);
  assert.deepEqual(parts.map((part) => part.rows.length), [1, 0, 1]);
  const all = sections(ROWS, { all: true });
  assert.deepEqual(all[0].rows.map((each) => each.path.at(-1)), ["lr", "batch"]);
});

test("a search looks at keys and values", () => {
  const found = (query) => sections(ROWS, { all: true, query }).flatMap((part) => part.rows.map((each) => each.path.at(-1)));
  assert.deepEqual(found("LR"), ["lr"]);
  assert.deepEqual(found("2.5"), ["torch"]);
  assert.deepEqual(found("loss 0.4"), ["val/loss"]);
});

test("a leaf that a run does not have is not null", () => {
  const [first, second] = withAbsent([
    { ...row("config", "a", [1, null, null], false), missing: [2] }, row("config", "b", [null, 1], false),
  ]);
  assert.deepEqual(first.values, [1, null, undefined]);
  assert.deepEqual(second.values, [undefined, 1]);
});

test("a cell is the same, changed, added or missing", () => {
  assert.deepEqual(
    [[1, 1], [2, 1], [1, undefined], [undefined, 1], [null, null], [null, 0], ["1", 1], [true, 1]].map(([a, b]) => standing(a, b)),
    ["same", "changed", "added", "removed", "same", "changed", "changed", "changed"],
  );
  assert.ok(isEqual(NaN, NaN) && isEqual([1, { a: [2] }], [1, { a: [2] }]));
  assert.ok(!isEqual([1, 2], [2, 1]) && !isEqual({ a: 1 }, { b: 1 }) && !isEqual({ a: 1 }, { a: 1, b: 2 }));
});

test("a change of a number is said as a share or a factor", () => {
  const said = [[0.2, 0.1], [1, 10], [0.33, 0.3], [-0.97, -1], [1.0001, 1], [1, 0], ["a", "b"], [2, 2]].map(([a, b]) => change(a, b));
  assert.deepEqual(said, ["×2", "÷10", "+10 %", "+3 %", "+<0.1 %", "", "", ""]);
});

test("keys fall into parents and name", () => {
  assert.deepEqual(keyParts(["config", "optimizer", "schedule", "name"]), ["optimizer.schedule.", "name"]);
  assert.deepEqual(keyParts(["summary", "val/loss"]), ["", "val/loss"]);
});

const DIFF = `diff --git a/train.py b/train.py
index 731b8d0..413d58b 100644
--- a/train.py
+++ b/train.py
@@ -1,3 +1,3 @@
 import epochal
--- minus in front of minus
+++ plus in front of plus
@@ -9 +9 @@ def main():
-old
+new
\\ No newline at end of file
diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+hello
`;

test("a diff falls into files with lines of each kind", () => {
  const [one, other] = parseUnified(DIFF);
  assert.deepEqual([one.name, one.added, one.removed], ["train.py", 2, 2]);
  assert.deepEqual(one.lines.map((line) => line.kind), [
    "hunk", "same", "remove", "add", "hunk", "remove", "add", "about",
  ]);
  assert.deepEqual([other.name, other.added, other.removed], ["new.txt", 1, 0]);
  assert.deepEqual(other.lines[0], { kind: "about", text: "new file mode 100644" });
});

test("a diff without git's head lines has files too, and nothing else is lost", () => {
  const plain = "--- one (abc)\n+++ other (def)\n@@ -1 +1 @@\n-a\n+b\n--- c\n+++ d\n@@ -1 +1 @@\n-x\n+y\n";
  assert.deepEqual(parseUnified(plain).map(({ name, lines }) => [name, lines.length]), [["other (def)", 3], ["d", 3]]);
  assert.deepEqual(parseUnified(""), []);
  assert.deepEqual(parseUnified("the changes are too long: see each run\n").map((each) => each.lines[0].text),
    ["the changes are too long: see each run"]);
});

test("seeds and ids are no quantities", () => {
  assert.ok(["seed", "data_seed", "randomSeed", "random_state", "run_id", "fold"].every(isIdentifier));
  assert.ok(!["lr", "width", "seeds_per_group", "rank", "valid", "manifold"].some(isIdentifier));
});
