/** Which columns there are, how rows are sorted and grouped, and what lists of runs in the address mean. */
import assert from "node:assert/strict";
import test from "node:test";

import { choice, choiceText, has, put } from "epochal/choices.js";
import { askedPaths, badEnd, column, differs, shownColumns, valuesOf } from "epochal/columns.js";
import { groupsOf, summarized, tableRows, troublesOf } from "epochal/rows.js";
import { clicked, order, sortKeys, sortText } from "epochal/sorting.js";
import { isLoss, mainMetric, mainMetrics } from "epochal/telling.js";

const LIST = {
  id: ["a", "b", "c", "d"],
  name: ["run 10", "run 9", "Run 1", "x"],
  state: ["finished", "failed", "finished", "finished"],
  created_s: [4, 3, 2, 1], duration_s: [1, 2, 3, 4], steps: [1, 1, 1, 1], tags: [[], [], [], []],
  notes: ["", "", "", ""], seed: [0, 0, 1, 1],
  columns: { 'summary["val/loss"]': [0.5, "NaN", null, -1] },
  config: { "config.lr": [0.1, 0.1, 0.2, null], "config.bs": [8, 8, 8, 8] },
  metrics: [{ name: "val/loss", runs: 4, goal: null }, { name: "lr", runs: 4 }, { name: "train/loss", runs: 4 },
    { name: "system/gpu", runs: 4 }],
};
const ids = (rows) => rows.map((row) => LIST.id[row]).join("");

test("the most telling metrics come first, those of the machine never", () => {
  assert.deepEqual(mainMetrics(LIST.metrics, 5), ["val/loss", "train/loss", "lr"]);
  const goals = [{ name: "loss", runs: 9 }, { name: "quality", runs: 9, goal: "maximize" }];
  assert.deepEqual(mainMetrics(goals, 1), ["quality"]);
});

test("what the address names wrongly is not asked for", () => {
  const junk = ["nonsense", "config.a b", 'summary["x"', "summary.x or 1", "__proto__"];
  assert.deepEqual(askedPaths([...junk, "git.commit", 'summary["a\\"b"].min']), ["git.commit", 'summary["a\\"b"].min', 'summary["a\\"b"].last']);
});

test("runs are compared by what is known to be better one way: a goal, else a loss", () => {
  const metrics = [{ name: "val/acc", runs: 9 }, { name: "train/loss", runs: 9 }, { name: "lr", runs: 9 }];
  assert.equal(mainMetric(metrics).name, "train/loss");
  assert.equal(mainMetric([...metrics, { name: "val/loss", runs: 9 }]).name, "val/loss");
  assert.equal(mainMetric([...metrics, { name: "x", runs: 9, goal: "maximize" }]).name, "x");
  assert.equal(mainMetric([{ name: "accuracy", runs: 9 }, { name: "dev/wer", runs: 1 }]).name, "dev/wer");
  assert.equal(mainMetric([]), null);
  assert.deepEqual(["loss", "Loss/train", "val_loss", "ppl"].map(isLoss), [true, true, true, true]);
  assert.deepEqual(["loss_scale", "lossless", "acc"].map(isLoss), [false, false, false]);
});

test("without a choice the settings that differ are shown", () => {
  const paths = shownColumns(LIST, { chosen: [], different: null }).map(({ path }) => path);
  assert.ok(paths.includes("config.lr") && !paths.includes("config.bs"), `${paths}`);
  assert.equal(paths[0], "state");
  assert.ok(paths.includes("seed"), "two seeds are no less a difference than two settings");
  const all = shownColumns(LIST, { chosen: [], different: false }).map(({ path }) => path);
  assert.ok(all.includes("config.bs"));
  const same = { ...LIST, seed: [0, 0, 0, 0] };
  const twice = { ...LIST, config: { ...LIST.config, "config.seed": [0, 0, 1, 1] } };
  for (const list of [same, twice]) {
    for (const different of [null, true, false]) {
      assert.ok(!shownColumns(list, { chosen: [], different }).some(({ path }) => path === "seed"));
    }
  }
});

test("only-different also takes away chosen columns that are all the same", () => {
  const chosen = ["config.bs", "config.lr", "steps"];
  const paths = (different) => shownColumns(LIST, { chosen, different }).map(({ path }) => path);
  assert.deepEqual(paths(null), chosen);
  assert.deepEqual(paths(true), ["config.lr"]);
});

test("what is missing is a value that differs", () => {
  assert.ok(differs([1, null]));
  assert.ok(!differs([null, undefined]));
  assert.ok(!differs([[1], [1]]));
});

test("a number from before NaN or ∞ is marked, and its group says so", () => {
  const columns = { "summary.loss": [0.5, 0.4, "NaN", null, 1], "summary.loss.last": ["NaN", 0.4, "NaN", null, "-Infinity"] };
  const list = { id: [..."abcde"], state: ["finished", "killed", "finished", "running", "finished"], columns };
  const loss = column("summary.loss", list);
  assert.deepEqual([0, 1, 2, 3, 4].map((run) => badEnd(list, loss, run)), ["NaN", "", "", "", "-∞"]);
  assert.equal(badEnd(list, column("summary.loss.last", list), 0), "");
  assert.equal(badEnd({ ...list, columns: { "summary.loss": [1] } }, loss, 0), "");
  assert.equal(troublesOf(list, [0, 1, 2, 3], [loss]), "of 4 runs 2 not finished, 1 with NaN or ∞ at the end");
  assert.equal(troublesOf(list, [0, 4], [loss]), "of 2 runs 2 with NaN or ∞ at the end");
  assert.equal(troublesOf(list, [2], [loss, column("state", list)]), "");
});

test("last values are asked for beside other numbers, as far as there is room", () => {
  assert.deepEqual(askedPaths(["summary.a", "summary.a.min", "summary.b.last", "summary.c.d", "git.commit"]), [
    "summary.a", "summary.a.min", "summary.b.last", "summary.c.d", "git.commit", "summary.a.last",
  ]);
  const many = Array.from({ length: 80 }, (_, i) => `summary.m${i}`);
  assert.equal(askedPaths(many).length, 100);
  assert.equal(askedPaths([...many, ...many.map((path) => `${path}.max`)]).length, 160);
});

test("a column knows its title and kind", () => {
  const { title, kind } = column('summary["val/loss"].min', LIST);
  assert.deepEqual([title, kind], ["val/loss min", "number"]);
  assert.equal(column("config.lr", LIST).kind, "setting");
  assert.equal(column('config["a b"].c', LIST).title, "a b.c");
  assert.deepEqual(valuesOf(LIST, "created"), LIST.created_s);
});

test("the server is asked only for what it does not send anyway", () => {
  assert.deepEqual(askedPaths(["state", "config.lr", 'summary["x"]', 'summary["x"]', "trend:x"]), ['summary["x"]', "summary.x.last"]);
});

const SORTS = [
  ["", "abcd"],
  ["name", "cbad"],
  ["-name", "dabc"],
  ['summary["val/loss"]', "dacb"],
  ['-summary["val/loss"]', "adcb"],
  ["config.lr,-created", "abcd"],
  ["config.lr,created", "bacd"],
  ["-config.lr,name", "cbad"],
];

for (const [text, expected] of SORTS) {
  test(`sorted by ${text || "nothing"}: ${expected}`, () => {
    assert.equal(ids(order(LIST, sortKeys(text))), expected);
  });
}

test("pinned runs are on top in any order", () => {
  assert.equal(ids(order(LIST, sortKeys("name"), new Set(["d"]))), "dcba");
});

test("clicks go up, down and away; with shift the other keys stay", () => {
  const texts = [];
  let keys = [];
  for (const [path, add] of [["a", false], ["a", false], ["b", true], ["b", true], ["a", true], ["b", false]]) {
    keys = clicked(keys, path, add);
    texts.push(sortText(keys));
  }
  assert.deepEqual(texts, ["a", "-a", "-a,b", "-a,-b", "-b", ""]);
});

test("ten thousand runs are sorted by three columns within a moment", () => {
  const n = 10_000;
  const many = { id: Array.from({ length: n }, (_, i) => `r${i}`), name: [], columns: {}, config: { "config.x": [] } };
  for (let i = 0; i < n; i++) {
    many.name.push(`run ${(i * 7919) % n}`);
    many.config["config.x"].push(i % 17 ? i % 13 : null);
  }
  const rows = order(many, sortKeys("config.x,-name"));
  assert.equal(new Set(rows).size, n);
  assert.equal(many.config["config.x"][rows[0]], 0);
  assert.equal(many.config["config.x"][rows[n - 1]], null);
});

test("groups have heads, and closed ones show no runs", () => {
  const all = order(LIST, []);
  const shape = (rows) => rows.map(({ run, name }) => (run === undefined ? name : LIST.id[run])).join(" ");
  assert.equal(shape(tableRows(LIST, all, ["config.lr"], new Set())), "0.1 a b 0.2 c not set d");
  assert.equal(shape(tableRows(LIST, all, ["config.lr"], new Set(["0.1"]))), "0.1 0.2 c not set d");
  assert.equal(shape(tableRows(LIST, all, ["config.lr", "seed"], new Set(["0.1 · 0"]))), "0.1 · 0 0.2 · 1 c not set · 1 d");
});

test("groups of a sorted table stand in its order", () => {
  const sorted = order(LIST, sortKeys("-config.lr"));
  assert.deepEqual(groupsOf(LIST, sorted, ["config.lr"], true).map(({ name }) => name), ["0.2", "0.1", "not set"]);
});

test("a group says the mean of numbers and what all share", () => {
  const values = LIST.columns['summary["val/loss"]'];
  assert.equal(summarized(values, [0, 3], "number").text, "-0.2500");
  assert.equal(summarized(values, [0, 3], "number").title, "mean of 2: -0.25");
  assert.deepEqual(summarized(values, [0, 1, 2], "number"), { text: "0.5000 (1)", title: "mean of 1 of 3: 0.5" });
  assert.equal(summarized([60, null], [0, 1], "duration").text, "1 min 00 s (1)");
  assert.equal(summarized(LIST.config["config.lr"], [0, 1], "setting").text, "0.1");
  assert.equal(summarized(LIST.config["config.lr"], [0, 2], "setting").text, "");
});

test("a choice of runs is short in the address, also all but one", () => {
  let chosen = choice(undefined);
  chosen = put(chosen, "a", true);
  assert.equal(choiceText(chosen), "a");
  assert.ok(has(chosen, "a") && !has(chosen, "b"));
  chosen = put(choice("*"), "b", false);
  assert.equal(choiceText(chosen), "*,b");
  assert.ok(has(choice("*,b"), "a") && !has(choice("*,b"), "b"));
  assert.equal(choiceText(put(chosen, "b", true)), "*");
  assert.equal(choiceText(put(choice("a"), "a", false)), null);
});
