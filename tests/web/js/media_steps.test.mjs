/** Media at a step, of several keys and runs; heat maps; waveforms; trees of files; sentences. */
import assert from "node:assert/strict";
import test from "node:test";

import { fileRows } from "epochal/file_rows.js";
import { heatColumns, valueRange } from "epochal/heat.js";
import { peaks } from "epochal/media_audio.js";
import { atOrBefore, itemsAt, joinedKeys, joinedSteps, placeOf } from "epochal/media_steps.js";
import { urlOf } from "epochal/media_view.js";
import { sortedNames } from "epochal/summary_table.js";
import { losses } from "epochal/troubles.js";

const key = (name, type, steps) => ({ key: name, type, count: steps.length, steps });

test("keys of runs are joined, each once, with all their steps", () => {
  const joined = joinedKeys([[key("a", "image", [0, 10]), key("a", "text", [5])], [key("b", "audio", [1]), key("a", "image", [10, 20])], null]);
  assert.deepEqual(joined.map((each) => [each.key, each.type, each.count, each.steps]), [
    ["a", "image", 4, [0, 10, 20]], ["a", "text", 1, [5]], ["b", "audio", 1, [1]],
  ]);
  assert.deepEqual(joined[0].per.map((each) => each?.count ?? 0), [2, 2, 0]);
  assert.deepEqual(joinedSteps(joined), [0, 1, 5, 10, 20]);
});

test("a step shows what was logged then, or last before it", () => {
  assert.deepEqual([-1, 0, 5, 10, 99].map((step) => atOrBefore([0, 10, 20], step)), [null, 0, 0, 10, 20]);
  const items = [{ step: 10, n: 0 }, { step: 20, n: 1 }, { step: 20, n: 2 }];
  assert.deepEqual(itemsAt(items, 25), { items: items.slice(1), step: 20, next: null });
  assert.deepEqual(itemsAt(items, null).step, 20);
  assert.deepEqual(itemsAt(items, 5), { items: [], step: null, next: 10 });
  assert.deepEqual(itemsAt([{ step: null, n: 3 }], 5).items, [{ step: null, n: 3 }]);
});

test("of lists that were logged at one step again, the last one counts", () => {
  const list = (n) => [{ step: 1, index: [1, 2], n }, { step: 1, index: [2, 2], n }];
  assert.deepEqual(itemsAt([...list(0), ...list(1)], 1).items, list(1));
});

test("the slider stands at the step or the last before it", () => {
  assert.deepEqual([placeOf([1, 2, 3], null), placeOf([1, 2, 3], 2.5), placeOf([1, 2, 3], 0), placeOf([], null)], [2, 1, 0, -1]);
});

test("a medium's address names its content", () => {
  assert.equal(urlOf("abc", { n: 3, v: "f00" }), "/api/run/abc/media/3?v=f00");
});

test("columns of a heat map touch each other and shade by density", () => {
  const bins = [{ step: 10, counts: [0, 4], edges: [0, 1, 2] }, { step: 0, counts: [2, 2], edges: [-1, 0, 3] }, { step: 30, counts: [1, 0], edges: [0, 1, 2] }];
  const columns = heatColumns(bins);
  assert.deepEqual(columns.map(({ step, from, to }) => [step, from, to]), [[0, -5, 5], [10, 5, 20], [30, 20, 40]]);
  assert.deepEqual(valueRange(bins), [-1, 3]);
  assert.ok(columns[0].shade[0] > columns[0].shade[1], "the same number in a wider bin is paler");
  assert.equal(columns[1].shade[0], 0);
  assert.ok(columns.every(({ shade }) => shade.every((each) => each >= 0 && each <= 1)));
  assert.equal(columns[1].total, 4);
});

test("peaks of a waveform miss no sample", () => {
  const samples = new Float32Array(1000);
  samples[333] = 1;
  samples[777] = -0.5;
  for (const pieces of [7, 100, 1000, 3000]) {
    const { low, high } = peaks(samples, pieces);
    assert.equal(Math.max(...high), 1);
    assert.equal(Math.min(...low), -0.5);
  }
  assert.deepEqual([...peaks([], 2).high], [0, 0]);
});

test("files stand below their folders, folders first, with sums", () => {
  const files = [{ path: "run.json", bytes: 1 }, { path: "media/b/2.png", bytes: 5 }, { path: "media/a.png", bytes: 7 }, { path: "media/b/10.png", bytes: 2 }];
  const shown = (how) => fileRows(files, how).map((row) => [row.path, row.depth, row.folder ? row.bytes : row.file.bytes]);
  assert.deepEqual(shown(), [
    ["media", 0, 14], ["media/b", 1, 7], ["media/b/2.png", 2, 5], ["media/b/10.png", 2, 2], ["media/a.png", 1, 7], ["run.json", 0, 1],
  ]);
  assert.deepEqual(shown({ closed: new Set(["media"]) }), [["media", 0, 14], ["run.json", 0, 1]]);
  assert.deepEqual(shown({ closed: new Set(["media"]), query: "2.PNG" }), [["media", 0, 5], ["media/b", 1, 5], ["media/b/2.png", 2, 5]]);
});

test("metrics stand by name, those of the machine last", () => {
  const summary = { "system/cpu": 1, loss: 1, acc: 1, "layer/10": 1, "layer/9": 1 };
  assert.deepEqual(sortedNames(summary), ["acc", "layer/9", "layer/10", "loss", "system/cpu"]);
  assert.deepEqual(sortedNames(summary, "lay 1"), ["layer/10"]);
});

test("what was lost, refused or damaged is said, and a good run has nothing to say", () => {
  assert.deepEqual(losses({ lost: 0, refused: 0, problems: {}, damage: [] }), []);
  const said = losses({ lost: 3, refused: [{}, {}], problems: { device: 2, refused: 2 }, damage: ["a.parquet: CRC"] });
  assert.deepEqual(said.map((each) => each.title), [
    "1 file is damaged", "3 records did not reach the disk", "2 calls could not be recorded", "Recording reported problems",
  ]);
  assert.equal(said[3].text, "device: 2");
});
