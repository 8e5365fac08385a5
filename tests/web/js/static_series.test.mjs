/** Windows cut out of what an exported page holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, series } from "../../../src/epochal/web/static/static_series.js";

const GRID = [0, 10, 20, 30, 40, 50];

/** Packs charts as an export does: arrays after a JSON header. */
function container(charts) {
  const arrays = [];
  let size = 0;
  const put = (values, kind = "f4") => {
    if (values === null) return null;
    const place = [size, values.length, kind];
    const bytes = new Uint8Array(kind === "f4" ? Float32Array.from(values).buffer : Float64Array.from(values).buffer);
    arrays.push([size, bytes]);
    size += Math.ceil(bytes.length / 8) * 8;
    return place;
  };
  let shared = null;
  const packed = charts.map((chart) => ({
    metric: chart.metric,
    lanes: chart.lanes.map((lane) => ({
      run: lane.run, exact: lane.exact ?? false, extent: lane.extent ?? [0, 50], points: lane.points ?? 60,
      grid: lane.grid ? put(lane.grid, "f8") : (shared ??= put(GRID, "f8")), marks: lane.marks ?? [], marksTotal: (lane.marks ?? []).length,
      mean: put(lane.mean), low: put(lane.low ?? null), high: put(lane.high ?? null),
      count: put(lane.count ?? lane.mean.map(() => 10)),
    })),
  }));
  const text = new TextEncoder().encode(JSON.stringify({ charts: packed }));
  const length = Math.ceil((4 + text.length) / 8) * 8 - 4;
  const buffer = new ArrayBuffer(4 + length + size);
  new DataView(buffer).setUint32(0, length, true);
  new Uint8Array(buffer, 4, length).fill(32);
  new Uint8Array(buffer, 4, text.length).set(text);
  for (const [at, bytes] of arrays) new Uint8Array(buffer, 4 + length + at).set(bytes);
  return open(buffer);
}

const STORED = container([
  {
    metric: "loss",
    lanes: [
      { run: "aaaaaaaa", mean: [1, 2, 3, 4, 5, 6], low: [0, 1, 2, 3, 4, 5], high: [2, 3, 9, 5, 6, 7],
        marks: [[12, "nan", 1], [44, "inf", 2]] },
      { run: "bbbbbbbb", mean: [7, 7, 7, NaN, NaN, NaN], count: [10, 10, 10, 0, 0, 0], points: 30, extent: [0, 20] },
      { run: "short", exact: true, grid: [0, 1, 2], mean: [3, 2, 1], count: [1, 1, 1], points: 3, extent: [0, 2] },
    ],
  },
  { metric: "acc", lanes: [{ run: "bbbbbbbb", mean: [0, 0, 0, 0, 0, 0] }] },
]);

const ask = (request) => series(STORED, { x: "step", range: null, lead: 0, ...request });

test("the overview is all that was exported", () => {
  const [chart] = ask({ runs: ["aaaaaaaa", "bbbbbbbb"], metrics: ["loss"] }).charts;
  assert.deepEqual([...chart.lanes[0].grid], GRID);
  assert.deepEqual([...chart.lanes[0].high], [2, 3, 9, 5, 6, 7]);
  assert.deepEqual([...chart.lanes[1].low], [...chart.lanes[1].mean], "no extremes: the mean");
  assert.deepEqual(chart.extent, [0, 50]);
  assert.equal(chart.points, 60 + 30);
});

test("a window has the buckets in it, and one on each side for the lines", () => {
  const [chart] = ask({ runs: ["aaaaaaaa"], metrics: ["loss"], range: [15, 35] }).charts;
  assert.deepEqual([...chart.lanes[0].grid], [10, 20, 30, 40]);
  assert.deepEqual([...chart.lanes[0].mean], [2, 3, 4, 5]);
  assert.equal(chart.lanes[0].lead, 0);
  assert.deepEqual(chart.lanes[0].marks, [], "marks outside are left out");
});

test("what lies before a window comes along for smoothing", () => {
  const [chart] = ask({ runs: ["aaaaaaaa"], metrics: ["loss"], range: [35, 50], lead: 30 }).charts;
  assert.deepEqual([...chart.lanes[0].grid], [10, 20, 30, 40, 50]);
  assert.equal(chart.lanes[0].lead, 2, "the bucket at the edge belongs to the window");
});

test("only the runs that are asked for are sent, with their own extent", () => {
  const [chart] = ask({ runs: ["bbbbbbbb"], metrics: ["loss"] }).charts;
  assert.deepEqual(chart.lanes.map((lane) => lane.run), ["bbbbbbbb"]);
  assert.deepEqual(chart.extent, [0, 20]);
});

test("no runs, or a metric that nobody has, is an empty chart", () => {
  const charts = ask({ runs: [], metrics: ["loss"] }).charts;
  const others = ask({ runs: ["aaaaaaaa"], metrics: ["acc", "nothing"] }).charts;
  for (const chart of [...charts, ...others]) {
    assert.equal(chart.lanes.length, 0);
    assert.equal(chart.extent, null);
  }
});

test("counts are sent when asked for", () => {
  const without = ask({ runs: ["aaaaaaaa"], metrics: ["loss"] }).charts[0].lanes[0];
  const withCounts = ask({ runs: ["aaaaaaaa"], metrics: ["loss"], counts: true }).charts[0].lanes[0];
  assert.equal(without.count, null);
  assert.deepEqual([...withCounts.count], [10, 10, 10, 10, 10, 10]);
});

test("a window beyond everything is empty and no error", () => {
  const [chart] = ask({ runs: ["aaaaaaaa"], metrics: ["loss"], range: [100, 200] }).charts;
  assert.ok(chart.lanes[0].mean.length <= 1);
});

test("a short run beside long ones is as fine as by itself, and runs alike share their places", () => {
  const [chart] = ask({ runs: ["aaaaaaaa", "bbbbbbbb", "short"], metrics: ["loss"] }).charts;
  const [first, second, short] = chart.lanes;
  assert.equal(first.grid, second.grid);
  assert.deepEqual([[...short.grid], [...short.mean], short.exact], [[0, 1, 2], [3, 2, 1], true]);
  assert.deepEqual([first.exact, chart.exact], [false, false]);
  const [window] = ask({ runs: ["aaaaaaaa", "short"], metrics: ["loss"], range: [1, 15] }).charts;
  assert.deepEqual(window.lanes.map((lane) => [...lane.grid]), [[0, 10, 20], [0, 1, 2]]);
});
