/** Nested values as rows of a tree: what is folded, found and copied. */
import assert from "node:assert/strict";
import test from "node:test";

import { asWritten, copyText, flatConfig, foldable, hasRows, lineOf, treeRows, typeOf, valueAt } from "epochal/nested.js";

const CONFIG = {
  optimizer: { name: "adamw", lr: 0.001, schedule: { name: "cosine", warmup: 100 } },
  batch: 64, note: null, layers: [1, 2, 3],
};
const names = (rows) => rows.map((row) => row.path.join("."));

test("rows stand in order, below what they belong to", () => {
  assert.deepEqual(names(treeRows(CONFIG)), [
    "optimizer", "optimizer.name", "optimizer.lr", "optimizer.schedule", "optimizer.schedule.name",
    "optimizer.schedule.warmup", "batch", "note", "layers",
  ]);
  assert.deepEqual(treeRows(CONFIG).map((row) => row.depth), [0, 1, 1, 1, 2, 2, 0, 0, 0]);
});

test("what is folded shows nothing below it", () => {
  const closed = foldable(CONFIG, 1);
  assert.deepEqual(names(treeRows(CONFIG, { closed })).slice(3, 5), ["optimizer.schedule", "batch"]);
  assert.deepEqual(names(treeRows(CONFIG, { closed: foldable(CONFIG) })), ["optimizer", "batch", "note", "layers"]);
});

test("a search unfolds, and keeps what is above a hit and below a found branch", () => {
  const closed = foldable(CONFIG);
  assert.deepEqual(names(treeRows(CONFIG, { closed, query: "WARM" })), [
    "optimizer", "optimizer.schedule", "optimizer.schedule.warmup",
  ]);
  const rows = treeRows(CONFIG, { query: "schedule" });
  assert.deepEqual(names(rows).slice(-2), ["optimizer.schedule.name", "optimizer.schedule.warmup"]);
  assert.deepEqual(names(treeRows(CONFIG, { query: "64" })), ["batch"]);
  assert.deepEqual(treeRows(CONFIG, { query: "absent" }), []);
});

test("texts that look like another type stand in quotation marks", () => {
  const written = ["adamw", "0.1", "true", "", " x", "null", "[1]", "1e-3"].map(lineOf);
  assert.deepEqual(written, ["adamw", '"0.1"', '"true"', '""', '" x"', '"null"', '"[1]"', '"1e-3"']);
  assert.deepEqual([null, true, 0.5, undefined].map(lineOf), ["null", "true", "0.5", "—"]);
  assert.equal(lineOf([1, { a: "x" }]), "[1, {a: x}]");
});

test("numbers stay as they were written, but for what comes of rounding", () => {
  assert.deepEqual([0.003, 0.1 + 0.2, 1e-8, 1 / 3, 128, 123456789012, NaN].map((value) => asWritten(value)),
    ["0.003", "0.3", "1e-8", "0.333333333333", "128", "123456789012", "NaN"]);
  assert.equal(asWritten(1 / 3, 3), "0.333");
});

test("short plain lists stay on a line, long and nested ones have rows", () => {
  assert.equal(hasRows([1, 2, 3]), false);
  assert.equal(hasRows(Array.from({ length: 60 }, (_, i) => i)), true);
  assert.equal(hasRows([{ a: 1 }]), true);
  assert.deepEqual([hasRows({}), hasRows([]), hasRows("x")], [false, false, false]);
});

test("keys of every kind are keys and nothing else", () => {
  const odd = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2, "": 3, "a.b": {"toString": 4}}');
  const rows = treeRows(odd);
  assert.deepEqual(rows.map((row) => row.path), [
    ["__proto__"], ["__proto__", "x"], ["constructor"], [""], ["a.b"], ["a.b", "toString"],
  ]);
  assert.equal(valueAt(odd, ["a.b", "toString"]), 4);
  assert.equal(valueAt(odd, ["a.b", "valueOf"]), undefined);
  assert.equal(valueAt({}, ["constructor"]), undefined);
  assert.equal({}.x, undefined);
});

test("copied are bare texts and JSON of the rest", () => {
  assert.equal(copyText("0.1"), "0.1");
  assert.deepEqual(JSON.parse(copyText(CONFIG)), CONFIG);
  assert.deepEqual([typeOf(null), typeOf([]), typeOf({}), typeOf(1), typeOf(true), typeOf("")],
    ["none", "list", "object", "number", "switch", "text"]);
});

test("leaves of a config have the paths of the table of runs", () => {
  assert.deepEqual(flatConfig({ lr: 1, a: { b: [1], c: {} } }), { "config.lr": 1, "config.a.b": [1], "config.a.c": {} });
});
