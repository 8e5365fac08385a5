/** A run keeps its color, in any browser; neighbors never share one. */
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

test("the place of a run decides, and the first ones all differ", async () => {
  const { runColor, slotColor, SLOTS } = await loaded();
  const colors = Array.from({ length: 2 * SLOTS }, (_, i) => runColor(`run${i}`, i));
  assert.equal(new Set(colors.slice(0, SLOTS)).size, SLOTS);
  assert.deepEqual(colors.slice(SLOTS), colors.slice(0, SLOTS));
  assert.equal(colors[5], slotColor(5));
});

test("nothing is stored by looking, and other runs change no color", async () => {
  stored.clear();
  const [one, other] = [await loaded(), await loaded()];
  for (let i = 0; i < 30; i++) other.runColor(`seen before ${i}`, i);
  assert.equal(one.runColor("a1", 7), other.runColor("a1", 7));
  assert.equal(stored.size, 0);
});

test("a run of which the place is not known yet is gray", async () => {
  const { runColor } = await loaded();
  assert.equal(runColor("a1", null), "var(--faint)");
  assert.equal(runColor("a1"), "var(--faint)");
});

test("a color chosen by hand stays in this browser", async () => {
  const first = await loaded();
  first.chooseColor("b2", 7);
  assert.equal(first.runColor("b2", 1), first.slotColor(7));
  assert.equal((await loaded()).runColor("b2", 1), first.slotColor(7));
});

test("without storage, or with a foreign text in it, nothing was chosen", async () => {
  for (const key of stored.keys()) stored.set(key, "{not json");
  const { runColor, slotColor } = await loaded();
  assert.equal(runColor("b2", 1), slotColor(1));
});

test("groups are colored in the order of their names", async () => {
  const { groupColors, slotColor } = await loaded();
  assert.deepEqual([...groupColors(["0.1", "0.2"])], [["0.1", slotColor(0)], ["0.2", slotColor(1)]]);
});
