/** The whole view is in the address, and comes back out of it. */
import assert from "node:assert/strict";
import test from "node:test";

globalThis.location = { hash: "", replace: (hash) => (globalThis.location.hash = hash) };
globalThis.addEventListener = () => {};

const { formatHash, link, listOf, listText, onView, parseHash, setView, view } = await import("epochal/store.js");

const VIEWS = [
  { path: [], q: {} },
  { path: ["p", "mnist"], q: { f: 'config.lr < 1e-3 and "a/b" in tags', g: "config.lr" } },
  { path: ["r", "abc", "charts"], q: { r: "0,1000", m: "träin & “loss” = 1?#%" } },
  { path: ["p", "x/y"], q: { f: "a+b c%20d" } },
];

for (const expected of VIEWS) {
  test(`a view survives its address: ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(parseHash(formatHash(expected)), expected);
  });
}

test("what is common stays readable in the address", () => {
  const hash = formatHash({ path: ["p", "mnist"], q: { co: 'config.lr,summary["val/loss"]' } });
  assert.equal(hash, '#/p/mnist?co=config.lr,summary["val/loss"]');
});

test("empty values are left out", () => {
  assert.equal(formatHash({ path: ["p", "a"], q: { f: "", g: null, so: undefined, h: 0 } }), "#/p/a?h=0");
});

test("an address by hand cannot break the page", () => {
  assert.deepEqual(parseHash("#/p/100%?f=%zz&__proto__=x&=y&flag"), {
    path: ["p", "100%"], q: { f: "%zz", flag: "" },
  });
  assert.equal({}.polluted, undefined);
});

test("a change keeps the other keys and tells the listeners once", () => {
  location.hash = "#/p/a?f=x&g=y";
  const seen = [];
  const end = onView((now) => seen.push(now.q));
  setView({ g: null, so: "name" });
  setView({ so: "name" });
  end();
  setView({ so: null });
  assert.deepEqual(seen, [{ f: "x", so: "name" }]);
  assert.equal(location.hash, "#/p/a?f=x");
});

test("replacing goes through location.replace, which makes no history", () => {
  let replaced = 0;
  location.replace = (hash) => {
    replaced += 1;
    location.hash = hash;
  };
  setView({ hide: "a" }, { replace: true });
  assert.equal(replaced, 1);
  assert.equal(view().q.hide, "a");
});

test("links carry the theme that the address asks for", () => {
  location.hash = "#/p/a?t=dark";
  assert.equal(link(["r", "x"]), "#/r/x?t=dark");
  assert.equal(link("#/p/b"), "#/p/b?t=dark");
  assert.equal(link(["r", "x"], { t: null }), "#/r/x");
});

for (const items of [[], ["a"], ["a,b", "c\\", "d"], ["\\,", ",", "x"]]) {
  test(`a list survives as one text: ${JSON.stringify(items)}`, () => {
    assert.deepEqual(listOf(listText(items)), items);
  });
}

test("a list that is not there is empty", () => {
  assert.deepEqual(listOf(undefined), []);
  assert.deepEqual(listOf("a,,b"), ["a", "b"]);
});
