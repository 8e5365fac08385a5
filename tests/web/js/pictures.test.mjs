/** Scales, dimensions, limits, correlation and fronts: what pictures of runs are drawn from. */
import assert from "node:assert/strict";
import test from "node:test";

import { brushesOf, brushText, brushWords, expressionOf, isWithin, within } from "epochal/brushes.js";
import { defaultPath, dimension, goalOf, labelOf, metricPath, parseMetricPath, suggestedPaths } from "epochal/dimensions.js";
import { axisOf, colorsBy, NONE, stepped } from "epochal/parallel_axes.js";
import { correlationText, paretoFront, ranks, spearman } from "epochal/relation.js";
import { tableOf } from "epochal/run_table.js";
import { extentOf, logTicks, niceTicks, padded, scale, spansDecades } from "epochal/scales.js";
import { suggested } from "epochal/scatter.js";
import { spread } from "epochal/seed_plot.js";
import { sequential } from "epochal/sequential.js";
import { mainMetric } from "epochal/telling.js";

const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

test("ticks are round numbers within the range", () => {
  assert.deepEqual(niceTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(niceTicks(-0.05, 0.31, 4), [0, 0.1, 0.2, 0.3]);
  assert.deepEqual(niceTicks(3, 3), [3]);
  assert.deepEqual(niceTicks(NaN, 1), []);
  assert.deepEqual(logTicks(0.0009, 2), [0.001, 0.01, 0.1, 1]);
  assert.deepEqual(logTicks(1, 100), [1, 10, 100]);
  assert.ok(logTicks(2, 3).length >= 2);
  assert.ok(logTicks(1e-30, 1e30, 5).length <= 7);
});

test("a scale goes there and back, also where everything is one value", () => {
  for (const [domain, log] of [[[0, 10], false], [[1e-4, 10], true], [[-3, 7], true], [[5, 5], false], [[5, 5], true], [[0, 0], false]]) {
    const of = scale(domain, [100, 0], log);
    for (const value of domain) near(of.back(of.at(value)), value);
    assert.ok(of.at(domain[0]) >= of.at(domain[1]));
    assert.ok(of.ticks().every((tick) => of.at(tick) >= -1e-6 && of.at(tick) <= 100 + 1e-6));
  }
  near(scale([0.001, 10], [0, 4], true).at(0.1), 2);
});

test("extents leave out what is no finite number", () => {
  assert.deepEqual(extentOf([3, NaN, null, "7", -1, Infinity]), [-1, 3]);
  assert.deepEqual(extentOf([3, 0, -1], true), [3, 3]);
  assert.equal(extentOf([null, NaN]), null);
  assert.ok(spansDecades([1e-4, 1e-2]) && !spansDecades([1, 2]) && !spansDecades([0, 100]) && !spansDecades([]));
  const [low, high] = padded([1, 2]);
  assert.ok(low < 1 && high > 2);
});

test("metrics have paths as the filter language writes them", () => {
  assert.equal(metricPath("val/loss", "min"), 'summary["val/loss"].min');
  assert.deepEqual(parseMetricPath('summary["a\\"b"].last'), { metric: 'a"b', statistic: "last" });
  assert.deepEqual(parseMetricPath("summary.loss.max"), { metric: "loss", statistic: "max" });
  assert.equal(parseMetricPath("config.lr"), null);
  assert.equal(labelOf('summary["val/loss"].min'), "val/loss (min)");
  assert.equal(labelOf('config.model["a.b"]'), "model.a.b");
  assert.equal(defaultPath({ name: "loss", goal: "minimize" }), "summary.loss.min");
  assert.equal(goalOf("summary.acc.max", [{ name: "acc", goal: "maximize" }]), "maximize");
  assert.equal(goalOf("config.lr", []), null);
});

test("a dimension is of numbers or of levels", () => {
  const lr = dimension("config.lr", [0.001, 0.1, null, "NaN"]);
  assert.deepEqual([lr.kind, lr.log, lr.extent, lr.varies], ["number", true, [0.001, 0.1], true]);
  const name = dimension("config.name", ["sgd", "adamw", true, null]);
  assert.deepEqual([name.kind, name.levels, name.extent], ["category", ["adamw", "sgd", "true"], null]);
  assert.equal(dimension("config.x", [1, 1]).varies, false);
  assert.equal(dimension("config.x", [null, null]).kind, "category");
});

test("axes that are suggested: what differs but seeds, and the main metric last", () => {
  const config = [dimension("config.lr", [1, 2]), dimension("config.seed", [1, 2]), dimension("config.same", [1, 1])];
  const metrics = [{ name: "train/loss", runs: 2 }, { name: "val/loss", runs: 2, goal: "minimize" }];
  assert.deepEqual(suggestedPaths(config, metrics), ["config.lr", 'summary["val/loss"].min']);
  assert.equal(mainMetric([]), null);
  assert.equal(mainMetric([{ name: "system/cpu", runs: 1 }]).name, "system/cpu");
});

test("limits are read from the address as they were written, and nothing else is", () => {
  const brushes = [
    { path: 'summary["a,b"].min', low: -1, high: 2.5 }, { path: "config.name", levels: ["a,b", "c\\d"] },
  ];
  assert.deepEqual(brushesOf(brushText(brushes)), brushes);
  assert.deepEqual(brushesOf("nonsense,config.x\\,to\\,5\\,1"), []);
  assert.deepEqual(brushesOf(undefined), []);
});

test("runs are within all limits or not; one without a value never is", () => {
  const byPath = new Map([dimension("config.lr", [1, 2, 3, null]), dimension("config.on", [true, true, false, true])].map((each) => [each.path, each]));
  const brushes = [{ path: "config.lr", low: 2, high: 9 }, { path: "config.on", levels: ["true"] }];
  assert.deepEqual(within(brushes, byPath, 4), [false, true, false, false]);
  assert.deepEqual(within([{ path: "config.gone", low: 0, high: 1 }], byPath, 2), [true, true]);
  assert.equal(isWithin({ path: "x", low: 0, high: 1 }, NaN), false);
});

test("limits become a filter with the values that levels stand for", () => {
  const brushes = [{ path: "config.lr", low: 0.0010000000000001, high: 1 }, { path: "config.on", levels: ["true", 'x"y'] }];
  const text = expressionOf(brushes, (_, level) => (level === "true" ? true : level));
  assert.equal(text, 'config.lr >= 0.001 and config.lr <= 1 and config.on in [True, "x\\"y"]');
  assert.equal(brushWords(brushes[1], "on"), 'on: true, x"y');
});

test("an axis has a place for every value, and gives limits back", () => {
  const axis = axisOf(dimension("config.lr", [0.001, 0.01, 0.1]), 0, 10, 110);
  assert.deepEqual(axis.ticks.map((tick) => tick.value), [0.001, 0.01, 0.1]);
  near(axis.at(0.01), 60);
  assert.equal(axis.at(null), 110 + NONE);
  assert.equal(axis.at(NaN), 110 + NONE);
  assert.deepEqual(axis.limits(60, 110), { low: 0.001, high: 0.01 });
  const [from, to] = axis.places({ path: "config.lr", low: 0.001, high: 0.01 });
  near(from, 60);
  near(to, 110);
  const names = axisOf(dimension("config.n", ["a", "b"]), 0, 0, 100);
  assert.deepEqual(names.limits(0, 40), { levels: ["b"] });
  assert.equal(names.limits(48, 52), null);
  assert.ok(names.at("a") > names.at("b"));
});

test("limits at the end of an axis have the run that stands there, and are as fine as the axis", () => {
  for (const values of [[0.00012344, 0.0098765432], [100000, 100004, 100010], [-3.33333, 7.77777], [-0.5, 0]]) {
    const axis = axisOf(dimension("config.lr", values), 0, 0, 100);
    const { low, high } = axis.limits(100, 0);
    assert.ok(low <= values[0] && high >= values.at(-1), `${low} to ${high}`);
    const half = axis.limits(100, 50);
    assert.ok(half.low < half.high && half.high < high, `${half.low} to ${half.high}`);
    assert.deepEqual(axis.limits(...axis.places(half)), half);
  }
});

test("keys move limits, and stop at the ends of the axis and at each other", () => {
  const axis = axisOf(dimension("config.lr", [0, 1]), 0, 0, 100); // a step is 2
  const go = (places, ...keys) => keys.reduce((at, [by, upper]) => stepped(axis, at, by, upper), places);
  assert.deepEqual(go(null, [1]), [0, 98]);
  assert.deepEqual(go(null, [-5]), [10, 100]);
  assert.deepEqual(go(null, [1], [1]), [0, 96]);
  assert.deepEqual(go([40, 60], [1]), [38, 58]);
  assert.deepEqual(go([60, 40], [-5]), [50, 70]);
  assert.deepEqual(go([40, 60], [1, true]), [38, 60]);
  assert.deepEqual(go([40, 44], [-1, true], [-1, true]), [42, 44]);
  assert.deepEqual(go([0, 4], [1], [1], [1]), [0, 2]);
  assert.deepEqual(go([92, 96], [-5]), [98, 100]);
  assert.equal(go(null, [1, true])[1] - go(null, [1, true])[0], 100);
});

test("keys take levels one by one", () => {
  const axis = axisOf(dimension("config.n", ["a", "b", "c"]), 0, 0, 300);
  const after = (levels, by, upper) =>
    axis.limits(...stepped(axis, levels && axis.places({ path: "config.n", levels }), by, upper)).levels;
  assert.deepEqual(after(null, 1), ["b", "c"]);
  assert.deepEqual(after(null, -1), ["a", "b"]);
  assert.deepEqual(after(["a"], 1), ["b"]);
  assert.deepEqual(after(["a"], -1), ["a"]);
  assert.deepEqual(after(["a"], 1, true), ["a", "b"]);
  assert.deepEqual(after(["b", "c"], 1), ["c"]);
  assert.deepEqual(after(["a", "b"], -1, true), ["a"]);
  const alone = axisOf(dimension("config.n", ["a"]), 0, 0, 100);
  assert.equal(stepped(alone, null, 1), null);
});

test("a missing value has no color of its own", () => {
  const of = colorsBy(dimension("config.lr", [1, 2, null]), (share) => `s${share}`, (i) => `c${i}`);
  assert.deepEqual([of(1), of(2), of(null), of(NaN)], ["s0", "s1", "var(--faint)", "var(--faint)"]);
  const named = colorsBy(dimension("config.n", ["b", "a"]), null, (i) => `c${i}`);
  assert.deepEqual([named("a"), named("b"), named(null)], ["c0", "c1", "var(--faint)"]);
  assert.match(sequential(0.5), /--seq-2/);
  assert.equal(sequential(NaN), "var(--faint)");
});

test("ranks share ties, and rho agrees with what is known", () => {
  assert.deepEqual(ranks([10, 20, 10, 5]), [2.5, 4, 2.5, 1]);
  assert.equal(spearman([1, 2, 3, 4], [1, 4, 9, 16]).rho, 1);
  assert.equal(spearman([1, 2, 3], [3, 2, 1]).rho, -1);
  near(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).rho, 0.8);
  near(spearman([1, 2, 2, 3], [1, 3, 2, 4]).rho, 0.9486832980505138);
  assert.deepEqual(spearman([1, null, 3, NaN, 5], [1, 2, 3, 4, "x"]), { rho: NaN, n: 2 });
  assert.ok(Number.isNaN(spearman([1, 1, 1], [1, 2, 3]).rho));
});

test("a correlation is said with n, and with caution where n is small", () => {
  assert.match(correlationText({ rho: -0.5, n: 40 }), /ρ = −0.50 \(n = 40\)/);
  assert.match(correlationText({ rho: 0.9, n: 5 }), /n = 5, few/);
  assert.match(correlationText({ rho: NaN, n: 1 }), /there is 1/);
  assert.match(correlationText({ rho: NaN, n: 9 }), /does not vary/);
});

test("no point beats one on the Pareto front, and every other one is beaten", () => {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (const goals of [["minimize", "minimize"], ["minimize", "maximize"], ["maximize", "minimize"], ["maximize", "maximize"]]) {
    const points = Array.from({ length: 60 }, () => ({ x: Math.round(random() * 12), y: Math.round(random() * 12) }));
    const sign = goals.map((goal) => (goal === "maximize" ? -1 : 1));
    const beats = (a, b) => sign[0] * a.x <= sign[0] * b.x && sign[1] * a.y <= sign[1] * b.y && (a.x !== b.x || a.y !== b.y);
    const front = new Set(paretoFront(points, ...goals));
    points.forEach((point, i) => assert.equal(front.has(i), !points.some((other) => beats(other, point))));
  }
  assert.deepEqual(paretoFront([{ x: NaN, y: 1 }, { x: 1, y: 1 }], "minimize", "minimize"), [1]);
});

test("of the table of runs only the chosen ones are taken", () => {
  const answer = {
    id: ["a", "b", "c"], name: ["A", "B", "C"], state: ["finished", "failed", "running"], metrics: [],
    config: { "config.lr": [1, 2, 3] }, columns: { "summary.loss.min": [0.1, "NaN", null] }, matched: 3, total: 9,
  };
  const table = tableOf(answer, ["c", "a"]);
  assert.deepEqual([table.id, table.name, table.matched, table.total], [["a", "c"], ["A", "C"], 2, 9]);
  assert.deepEqual(table.byPath.get("config.lr").values, [1, 3]);
  assert.ok(Number.isNaN(tableOf(answer).byPath.get("summary.loss.min").values[1]));
});

test("dots of one group do not lie on each other", () => {
  const places = [0, 1, 2, 50, 51, 100];
  const lanes = spread(places, 8);
  for (let i = 0; i < places.length; i += 1) {
    for (let j = 0; j < i; j += 1) assert.ok(lanes[i] !== lanes[j] || Math.abs(places[i] - places[j]) >= 8);
  }
  assert.equal(lanes[5], 0);
});

test("a scatter opens with a setting, with a seed only where nothing else differs", () => {
  const runs = (config) => tableOf({
    id: ["a", "b", "c"], name: ["a", "b", "c"], state: [], metrics: [{ name: "loss", runs: 3, goal: "minimize" }], config,
  });
  const [seed, lr, opt] = [[0, 1, 2], [0.1, 0.2, 0.2], ["sgd", "adam", "adam"]];
  const y = "summary.loss.min";
  assert.deepEqual(suggested(runs({ "config.seed": seed, "config.lr": lr })),
    { x: "config.lr", y, color: "config.seed" });
  assert.deepEqual(suggested(runs({ "config.seed": seed, "config.opt": opt, "config.lr": lr })),
    { x: "config.lr", y, color: "config.opt" });
  assert.equal(suggested(runs({ "config.seed": seed, "config.opt": opt })).x, "config.opt");
  assert.deepEqual(suggested(runs({ "config.seed": seed })), { x: "config.seed", y, color: null });
});
