/** Drawing: extremes are seen at any number of runs, nothing leaves the axis, marks are there. */
import assert from "node:assert/strict";
import test from "node:test";

import { drawCurves, eachBar, projection } from "epochal/chart_draw.js";

/** A canvas context that remembers what was stroked and filled, and how strongly. */
function recorder() {
  const drawn = [];
  const Path = class {
    points = [];
    moveTo(x, y) { this.points.push([x, y]); }
    lineTo(x, y) { this.points.push([x, y]); }
    arc(x, y) { this.points.push([x, y]); }
    closePath() {}
  };
  const context = {
    globalAlpha: 1,
    setLineDash() {},
    stroke(path) { drawn.push({ how: "stroke", alpha: this.globalAlpha, points: path.points }); },
    fill(path) { drawn.push({ how: "fill", alpha: this.globalAlpha, points: path.points }); },
  };
  return { drawn, pen: { context, Path, color: (name) => name } };
}

function frameOf(xRange, yRange, { logX = false, logY = false } = {}) {
  const place = { left: 0, top: 0, width: 1000, height: 200, ratio: 1, logX, logY };
  return { ...place, X: projection(xRange, [0, 1000], logX), Y: projection(yRange, [200, 0], logY) };
}

function curve(i, n, high = {}) {
  const flat = (value) => Float64Array.from({ length: n }, () => value);
  const top = flat(1.1);
  for (const [at, value] of Object.entries(high)) top[at] = value;
  return {
    key: `k${i}`, run: `r${i}`, color: `color-${i % 12}`, dash: [], grid: flat(0).map((_, x) => x), lead: 0,
    exact: false, line: flat(1), raw: null, low: flat(0.9), high: top, n: null, marks: [],
  };
}

for (const n of [1, 8, 50, 100, 500]) {
  test(`a spike of one bucket is stroked up to its value among ${n} runs`, () => {
    const curves = Array.from({ length: n }, (_, i) => curve(i, 1000, i === n >> 1 ? { 700: 5 } : {}));
    const { drawn, pen } = recorder();
    drawCurves(pen, curves, frameOf([0, 999], [0, 5]));
    const strokes = drawn.filter(({ how, points }) => how === "stroke" && points.some(([, y]) => Math.abs(y) < 1e-9));
    assert.equal(strokes.length, 1, "the spike's top is at y = 5, the upper edge");
    assert.ok(strokes[0].alpha >= 0.4, "strongly enough to be seen");
    const bands = drawn.filter(({ how }) => how === "fill");
    assert.ok(bands.some(({ points }) => points.some(([, y]) => Math.abs(y) < 1e-9)), "the band reaches it too");
    assert.ok(bands.every(({ alpha }) => alpha >= 0.05));
  });
}

for (const n of [1, 2, 5]) {
  test(`extremes of a run that fills ${n} buckets are drawn as bars`, () => {
    const one = curve(0, 1000, { [n - 1]: 5 });
    one.line.fill(NaN, n);
    one.low.fill(NaN, n);
    one.high.fill(NaN, n);
    const { drawn, pen } = recorder();
    drawCurves(pen, [one, curve(1, 1000)], frameOf([0, 999], [0, 5]));
    const strokes = drawn.filter(({ how, points }) => how === "stroke" && points.some(([, y]) => Math.abs(y) < 1e-9));
    assert.equal(strokes.length, 1);
    assert.equal(new Set(strokes[0].points.map(([x]) => x)).size, n, "each of them, and no other one");
    assert.ok(strokes[0].alpha >= 0.4);
  });
}

test("an isolated place of a group has a bar, and one beyond the range looked at has none", () => {
  const group = { ...curve(0, 6), run: null };
  for (const i of [1, 3]) group.low[i] = group.high[i] = NaN;
  const found = (range) => {
    const at = [];
    eachBar(group, frameOf([0, 5], [0, 2]), range, (i, top, bottom) => at.push([i, Math.round(top), Math.round(bottom)]));
    return at;
  };
  assert.deepEqual(found([0, 5]), [[0, 90, 110], [2, 90, 110]]);
  assert.deepEqual(found([1, 5]), [[2, 90, 110]]);
});

test("bands fade as curves become more, and many curves share paths", () => {
  const alphas = [1, 20, 100].map((n) => {
    const { drawn, pen } = recorder();
    drawCurves(pen, Array.from({ length: n }, (_, i) => curve(i, 10)), frameOf([0, 9], [0, 2]));
    const bands = drawn.filter(({ how }) => how === "fill");
    if (n === 100) assert.equal(bands.length, 12, "as many paths as there are colors");
    return bands[0].alpha;
  });
  assert.ok(alphas[0] > alphas[1] && alphas[1] > alphas[2]);
});

test("a band has a gap where a group has one run only", () => {
  const group = { ...curve(0, 6), run: null };
  for (const i of [2, 3]) group.low[i] = group.high[i] = NaN;
  const { drawn, pen } = recorder();
  drawCurves(pen, [group], frameOf([0, 5], [0, 2]));
  const xs = drawn.find(({ how }) => how === "fill").points.map(([x]) => x);
  assert.deepEqual([...new Set(xs)], [0, 200, 800, 1000]);
});

test("a log axis draws no point at or below zero, and a band down to the edge", () => {
  const one = curve(0, 4);
  one.line[1] = 0;
  one.low[2] = -1;
  const { drawn, pen } = recorder();
  drawCurves(pen, [one], frameOf([1, 3], [0.1, 10], { logX: true, logY: true }));
  const points = drawn.flatMap((each) => each.points);
  assert.ok(points.flat().every(Number.isFinite));
  const [band] = drawn;
  assert.ok(band.points.some(([, y]) => y === 200), "the band ends at the lower edge");
  const line = drawn.filter(({ how }) => how === "stroke").at(-1);
  assert.equal(line.points.length, 2);
});

test("NaN and infinities are marked on the axis and at the edges", () => {
  const marks = [[1, "nan", 3], [2, "inf", 1], [3, "-inf", 1], [99, "nan", 1]];
  const { drawn, pen } = recorder();
  drawCurves(pen, [{ ...curve(0, 5), marks }], frameOf([0, 4], [0, 2]));
  const tips = drawn.at(-1).points.filter((_, i) => i % 3 === 0);
  assert.deepEqual(tips, [[250, 192], [500, 0], [750, 200]]);
});

test("places are linear or logarithmic", () => {
  assert.equal(projection([0, 10], [0, 100], false)(5), 50);
  assert.ok(Math.abs(projection([1, 100], [0, 100], true)(10) - 50) < 1e-9);
});
