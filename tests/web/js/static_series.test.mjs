/** Windows cut out of an exported page, read back by the decoder that reads the server's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../../src/epochal/web/static/frames.js";
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
  const packed = charts.map((chart) => ({
    metric: chart.metric, x: "step", exact: false, lead: 0, extent: [0, 50], points: 60,
    grid: put(chart.grid ?? GRID, "f8"),
    lanes: chart.lanes.map((lane) => ({
      run: lane.run, points: lane.points ?? 60, marks: lane.marks ?? [], marksTotal: (lane.marks ?? []).length,
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
      { run: "bbbbbbbb", mean: [7, 7, 7, NaN, NaN, NaN], count: [10, 10, 10, 0, 0, 0], points: 30 },
    ],
  },
  { metric: "acc", lanes: [{ run: "bbbbbbbb", mean: [0, 0, 0, 0, 0, 0] }] },
]);

const ask = (request) => decode(series(STORED, { x: "step", range: null, lead: 0, ...request }));

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
  assert.equal(chart.lead, 0);
  assert.deepEqual(chart.lanes[0].marks, [], "marks outside are left out");
});

test("what lies before a window comes along for smoothing", () => {
  const [chart] = ask({ runs: ["aaaaaaaa"], metrics: ["loss"], range: [35, 50], lead: 30 }).charts;
  assert.deepEqual([...chart.lanes[0].grid], [10, 20, 30, 40, 50]);
  assert.equal(chart.lead, 2, "the bucket at the edge belongs to the window");
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
