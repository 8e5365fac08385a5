/** Smoothing is that of `half_life_ema`, and does not depend on the zoom. */
import assert from "node:assert/strict";
import test from "node:test";

import { halfLifeChoices, halfLifeEma, LEAD } from "epochal/smooth.js";

/** The definition: every point before, its weight halved per half-life. */
function slowly(x, y, h, at) {
  let sum = 0;
  let weights = 0;
  for (let i = 0; i < x.length && x[i] <= at; i++) {
    if (!Number.isFinite(y[i])) continue;
    const weight = 2 ** (-(at - x[i]) / h);
    sum += weight * y[i];
    weights += weight;
  }
  return sum / weights;
}

/** Deterministic noise. */
function noise(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function curve(n) {
  const random = noise(7);
  const x = Float64Array.from({ length: n }, (_, i) => i);
  return [x, x.map((step) => 3 / (1 + step / 5000) + 0.2 * random())];
}

/** Buckets as the server makes them: the mean, and how many points. */
function buckets(x, y, start, stop, n) {
  const width = (stop - start) / n;
  const grid = Float64Array.from({ length: n }, (_, i) => start + (i + 0.5) * width);
  const sums = new Float64Array(n);
  const counts = new Float64Array(n);
  for (let i = 0; i < x.length; i++) {
    const at = Math.floor((x[i] - start) / width);
    if (at < 0 || at >= n) continue;
    sums[at] += y[i];
    counts[at] += 1;
  }
  return { grid, mean: sums.map((sum, i) => sum / counts[i]), counts };
}

test("the documented example", () => {
  const smoothed = halfLifeEma([0, 10, 20], [0, 3, 3], null, 10);
  assert.deepEqual([...smoothed].map((v) => Number(v.toFixed(4))), [0, 2, 2.5714]);
});

test("uneven points, gaps and counts follow the definition", () => {
  const x = [0, 1, 5, 6, 20, 20.5, 40];
  const y = [1, 4, NaN, 2, -3, Infinity, 8];
  const smoothed = halfLifeEma(x, y, null, 7);
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(y[i])) assert.ok(Number.isNaN(smoothed[i]));
    else assert.ok(Math.abs(smoothed[i] - slowly(x, y, 7, x[i])) < 1e-12);
  }
  const doubled = halfLifeEma([0, 1], [0, 1], [1, 3], 1);
  assert.ok(Math.abs(doubled[1] - 3 / 3.5) < 1e-12, "three points at one x count three times");
});

test("equal values stay as they are, huge ones do not overflow", () => {
  assert.deepEqual([...halfLifeEma([0, 1, 2], [0.1, 0.1, 0.1], null, 3)], [0.1, 0.1, 0.1]);
  const huge = halfLifeEma([0, 1], [1.7e308, -1.7e308], null, 1e9);
  assert.ok(Math.abs(huge[1] / 1e308) < 1e-6);
});

test("a smoothed value does not depend on the zoom", () => {
  const [x, y] = curve(200_000);
  const h = 2000;
  const worst = { overview: 0, narrow: 0, without: 0 };
  const note = (key, value, at) => {
    worst[key] = Math.max(worst[key], Math.abs(value - slowly(x, y, h, at)));
  };
  const all = buckets(x, y, 0, 200_000, 1000);
  const overview = halfLifeEma(all.grid, all.mean, all.counts, h, { exact: false });
  for (let i = 5; i < 1000; i += 45) note("overview", overview[i], all.grid[i]);
  for (const [start, stop] of [[50_000, 60_000], [8000, 8500], [3000, 43_000]]) {
    const from = Math.max(0, start - LEAD * h);
    const before = buckets(x, y, from, start, 400);
    const window = buckets(x, y, start, stop, 500);
    const grid = Float64Array.from([...before.grid, ...window.grid]);
    const mean = Float64Array.from([...before.mean, ...window.mean]);
    const counts = Float64Array.from([...before.counts, ...window.counts]);
    const led = halfLifeEma(grid, mean, counts, h, { exact: false });
    const bare = halfLifeEma(window.grid, window.mean, window.counts, h, { exact: false });
    for (let i = 0; i < 500; i += 20) {
      note("narrow", led[400 + i], window.grid[i]);
      note("without", bare[i], window.grid[i]);
    }
  }
  assert.ok(worst.overview < 2e-3, `overview is off by ${worst.overview}`);
  assert.ok(worst.narrow < 2e-3, `a narrow window is off by ${worst.narrow}`);
  assert.ok(worst.without > 0.05, `without what lies before it would be off: ${worst.without}`);
});

test("a slider offers round half-lives that fit the axis", () => {
  assert.deepEqual(halfLifeChoices([0, 100], 7).slice(0, 4), [0, 0.05, 0.1, 0.2]);
  assert.ok(halfLifeChoices([0, 100], 7).includes(7));
  assert.equal(halfLifeChoices([0, 1e6]).at(-1), 5e5);
  assert.deepEqual(halfLifeChoices(null), [0]);
});
