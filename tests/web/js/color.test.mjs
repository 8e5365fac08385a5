/** A run keeps its color; few runs never share one. */
import assert from "node:assert/strict";
import test from "node:test";

const stored = new Map();
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, text) => stored.set(key, text),
};

/** The module as after a reload of the page. */
async function loaded() {
  return import(`../../../src/epochal/web/static/color.js?${Math.random()}`);
}

test("the first runs all differ, and a new run changes no other's color", async () => {
  const color = await loaded();
  const ids = Array.from({ length: color.SLOTS }, (_, i) => `run${i}`);
  color.learnRuns(ids);
  const before = ids.map(color.runColor);
  assert.equal(new Set(before).size, color.SLOTS);
  color.learnRuns([...ids, "later"]);
  assert.deepEqual(ids.map(color.runColor), before);
});

test("colors are the same on the next visit, also for a page that knows one run only", async () => {
  const first = await loaded();
  first.learnRuns(["a1", "b2", "c3"]);
  first.chooseColor("b2", 7);
  const second = await loaded();
  assert.equal(second.runColor("a1"), first.runColor("a1"));
  assert.equal(second.runColor("b2"), second.slotColor(7));
});

test("without storage, or with a foreign text in it, colors come from the ids", async () => {
  stored.set("epochal.colors", "{not json");
  const color = await loaded();
  assert.match(color.runColor("anything"), /^var\(--run-\d+\)$/);
  assert.equal(color.runColor("anything"), (await loaded()).runColor("anything"));
});

test("ids spread over the colors", async () => {
  stored.clear();
  const color = await loaded();
  const used = new Map();
  for (let i = 0; i < 1200; i++) {
    const one = color.runColor(`qt8qm7uk${i}`);
    used.set(one, (used.get(one) ?? 0) + 1);
  }
  assert.equal(used.size, color.SLOTS);
  assert.ok(Math.max(...used.values()) < 160, `${[...used.values()]}`);
});

test("groups are colored in the order of their names", async () => {
  const { groupColors, slotColor } = await loaded();
  assert.deepEqual([...groupColors(["0.1", "0.2"])], [["0.1", slotColor(0)], ["0.2", slotColor(1)]]);
});
