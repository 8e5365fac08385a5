/** Fetching: one request for all charts, only what is lacking, no stale answer. */
import assert from "node:assert/strict";
import test from "node:test";

import { SeriesSource } from "epochal/series.js";
import { encode } from "./encode.mjs";

const NEED = { x: "step", range: null, lead: 0, counts: false, width: 1000 };

/** A server that answers when told to, and remembers what it was asked. */
function server() {
  const asked = [];
  const post = (body, { signal }) => new Promise((resolve, reject) => {
    const answer = ({ nothing = false, ...extra } = {}) =>
      resolve(encode(nothing ? [] : body.metrics.map((metric) => frame(metric, body, extra))));
    signal.addEventListener("abort", () => reject(Object.assign(new Error("stopped"), { name: "AbortError" })));
    asked.push({ body, answer, fail: reject, signal });
  });
  return { asked, post };
}

function frame(metric, body, { value = 1, without = [], exact = true, grid = [0, 1], mean = [value, value] }) {
  const lanes = body.runs.filter((run) => !without.includes(run))
    .map((run) => ({ run, points: 2, mean, marks: [], marksTotal: 0 }));
  return { metric, x: body.x, exact, lead: 0, extent: [0, 1], points: 2, grid, lanes };
}

const pause = (ms = 15) => new Promise((done) => setTimeout(done, ms));

function started(runs) {
  const { asked, post } = server();
  const source = new SeriesSource(post, { delay: 1 });
  source.setRuns(runs);
  return { asked, source };
}

test("all charts that come into view together are one request", async () => {
  const { asked, source } = started(["a", "b"]);
  const seen = {};
  for (const metric of ["loss", "acc", "lr"]) source.watch({ ...NEED, metric }, (held) => (seen[metric] = held));
  await pause();
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0].body.metrics, ["loss", "acc", "lr"]);
  assert.equal(seen.loss.loading, true);
  asked[0].answer({ without: ["b"] });
  await pause();
  assert.deepEqual([...seen.acc.lanes.keys()], ["a"]);
  assert.equal(seen.acc.asked.has("b"), true);
  assert.equal(seen.acc.loading, false);
  assert.equal(asked.length, 1);
  source.close();
});

test("another x travels in a request of its own", async () => {
  const { asked, source } = started(["a"]);
  source.watch({ ...NEED, metric: "loss" }, () => {});
  source.watch({ ...NEED, metric: "loss", x: "epoch" }, () => {});
  await pause();
  assert.deepEqual(asked.map(({ body }) => body.x), ["step", "epoch"]);
  source.close();
});

test("a zoom keeps the old picture and drops the answer to an older one", async () => {
  const { asked, source } = started(["a"]);
  let held;
  let leave = source.watch({ ...NEED, metric: "loss" }, (now) => (held = now));
  await pause();
  asked[0].answer({ value: 1 });
  await pause();
  for (const range of [[0, 10], [0, 5]]) {
    leave();
    leave = source.watch({ ...NEED, metric: "loss", range }, (now) => (held = now));
    await pause();
    assert.equal(held.lanes.get("a").mean[0], 1, "the old picture stays");
  }
  assert.deepEqual(asked.map(({ body }) => body.range), [null, [0, 10], [0, 5]]);
  assert.equal(asked[1].signal.aborted, true);
  asked[2].answer({ value: 3 });
  asked[1].answer({ value: 2 });
  await pause();
  assert.equal(held.lanes.get("a").mean[0], 3);
  source.close();
});

test("of runs that are there only new ones are asked for", async () => {
  const { asked, source } = started(["a"]);
  let held;
  source.watch({ ...NEED, metric: "loss" }, (now) => (held = now));
  await pause();
  asked[0].answer();
  await pause();
  source.setRuns(["a", "b"]);
  await pause();
  assert.deepEqual(asked[1].body.runs, ["b"]);
  asked[1].answer();
  await pause();
  assert.deepEqual([...held.lanes.keys()].sort(), ["a", "b"]);
  source.setRuns(["b"]);
  await pause();
  assert.equal(asked.length, 2, "hiding a run asks for nothing");
  source.close();
});

test("a running run is asked for again, alone, and not more often than the server bears", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const later = async (ms) => {
    t.mock.timers.tick(ms);
    await new Promise((done) => setImmediate(done));
  };
  const { asked, source } = started(["a", "b"]);
  let held;
  source.watch({ ...NEED, metric: "loss" }, (now) => (held = now));
  await later(5);
  await later(500);
  asked[0].answer();
  await later(5);
  source.setVersions({ a: 2 });
  await later(1000);
  assert.equal(asked.length, 1, "an answer that took 0.5 s is not asked for again at once");
  await later(1200);
  assert.deepEqual(asked[1].body.runs, ["a"]);
  source.setVersions({ a: 3 });
  asked[1].answer({ value: 7 });
  await later(5);
  assert.equal(held.lanes.get("a").mean[0], 7);
  assert.equal(held.lanes.get("b").mean[0], 1);
  await later(2000);
  assert.equal(asked.length, 3, "what came while it was on its way is asked for after it");
  source.close();
});

test("an answer without a chart is the answer: it is not asked for again", async () => {
  const { asked, source } = started(["a"]);
  let held;
  source.watch({ ...NEED, metric: "loss" }, (now) => (held = now));
  await pause();
  asked[0].answer({ nothing: true });
  await pause(40);
  assert.equal(asked.length, 1);
  assert.equal(held.loading, false);
  assert.equal(held.asked.has("a"), true);
  source.close();
});

test("what was asked for with a longer run is asked for again once that is hidden", async () => {
  const asked = [];
  const lengths = { long: 100, short: 4, shorter: 3 };
  const post = async (body) => {
    asked.push(body.runs.join());
    const grid = Array.from({ length: Math.max(...body.runs.map((run) => lengths[run])) }, (_, x) => x);
    const lanes = body.runs.map((run) => ({
      run, points: 1000, marks: [], marksTotal: 0, mean: grid.map((x) => (x < lengths[run] ? 1 : NaN)),
    }));
    const chart = { metric: "loss", x: "step", exact: false, lead: 0, extent: [0, 1], points: 1, grid, lanes };
    return encode([chart]);
  };
  const source = new SeriesSource(post, { delay: 1 });
  let held;
  source.setRuns(["long", "short", "shorter"]);
  source.watch({ ...NEED, metric: "loss" }, (now) => (held = now));
  await pause();
  const show = async (...runs) => {
    asked.length = 0;
    source.setRuns(runs);
    await pause();
    return asked;
  };
  assert.deepEqual(await show("long", "shorter"), [], "the longest is still there");
  assert.deepEqual(await show("short", "shorter"), ["short,shorter"]);
  assert.deepEqual([held.lanes.get("short").grid.length, held.lanes.get("long").grid.length], [4, 100]);
  lengths.shorter = 1;
  assert.deepEqual(await show("shorter"), ["shorter"]);
  assert.deepEqual(await show("long", "shorter"), [], "both are there already");
  source.close();
});

test("a run whose values end early is not asked for again and again", async () => {
  const { asked, source } = started(["a", "b"]);
  source.watch({ ...NEED, metric: "loss" }, () => {});
  await pause();
  const answer = (each) => each.answer({ exact: false, grid: [0, 1, 2, 3], mean: [1, 1, NaN, NaN] });
  answer(asked[0]);
  await pause();
  assert.equal(asked.length, 1);
  source.setRuns(["a"]);
  await pause();
  answer(asked[1]);
  await pause(40);
  assert.deepEqual(asked.map(({ body }) => body.runs), [["a", "b"], ["a"]]);
  source.close();
});

test("nothing is asked for without runs", async () => {
  const { asked, source } = started([]);
  source.watch({ ...NEED, metric: "loss" }, () => {});
  await pause();
  assert.equal(asked.length, 0);
  source.close();
});

test("an error is shown beside the old picture; what is refused is not asked for again and again", async () => {
  const { asked, source } = started(["a"]);
  let held;
  source.watch({ ...NEED, metric: "loss" }, (now) => (held = now));
  await pause();
  asked[0].answer();
  await pause();
  source.setRuns(["a", "b"]);
  await pause();
  asked[1].fail(Object.assign(new Error("too many runs"), { status: 400 }));
  await pause(40);
  assert.equal(held.error.message, "too many runs");
  assert.equal(held.lanes.has("a"), true);
  assert.equal(asked.length, 2);
  source.retry();
  await pause();
  assert.equal(asked.length, 3);
  source.close();
});

test("a chart that leaves takes its request along, unless others wait for it", async () => {
  const { asked, source } = started(["a"]);
  const leave = ["loss", "acc"].map((metric) => source.watch({ ...NEED, metric }, () => {}));
  await pause();
  leave[0]();
  assert.equal(asked[0].signal.aborted, false);
  leave[1]();
  assert.equal(asked[0].signal.aborted, true);
  source.close();
});
