/** Polling: how often, when not at all, and what is told when the server is gone and comes back. */
import assert from "node:assert/strict";
import test, { beforeEach, mock } from "node:test";

mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });

const page = Object.assign(new EventTarget(), { hidden: false });
globalThis.document = page;
const asked = [];
let answer = null;
globalThis.fetch = async (path) => {
  asked.push(path);
  if (!answer) throw new TypeError("refused");
  return { ok: true, status: 200, headers: new Headers(), json: async () => answer };
};

const { pollerOf } = await import("epochal/live.js");

/** Lets time pass, and what waits for answers go on. */
async function pass(ms) {
  for (let left = ms; left >= 0; left -= 250) {
    mock.timers.tick(Math.min(left, 250));
    for (let i = 0; i < 20; i++) await Promise.resolve();
    await new Promise((done) => setImmediate(done));
  }
}

function show(visible) {
  page.hidden = !visible;
  page.dispatchEvent(new Event("visibilitychange"));
}

let n = 0;
/** Follows a project of its own; returns what was told, and how to end it. */
function follow() {
  const told = [];
  const poller = pollerOf(`project-${n++}`);
  return { poller, told, end: poller.join((now) => told.push(now)) };
}

beforeEach(() => {
  asked.length = 0;
  answer = { cursor: "1", running: 0, changed: {}, gone: [], full: true };
  page.hidden = false;
});

test("once a second while something runs, else every five seconds", async () => {
  const { end } = follow();
  answer.running = 1;
  await pass(3100);
  const busy = asked.length;
  answer.running = 0;
  await pass(1000);
  asked.length = 0;
  await pass(10_000);
  end();
  assert.ok(busy >= 3 && busy <= 5, `${busy}`);
  assert.ok(asked.length >= 1 && asked.length <= 3, `${asked.length}`);
  assert.match(asked[0], /cursor=1/);
});

test("a hidden tab asks nothing, and asks at once when it is seen again", async () => {
  const { end } = follow();
  answer.running = 1;
  await pass(500);
  show(false);
  await pass(1500);
  asked.length = 0;
  await pass(20_000);
  assert.equal(asked.length, 0);
  show(true);
  await pass(0);
  end();
  assert.equal(asked.length, 1);
});

test("however many listen, one asks; when the last one goes, none", async () => {
  const { poller, end } = follow();
  const other = poller.join(() => {});
  await pass(0);
  assert.equal(asked.length, 1);
  end();
  other();
  await pass(20_000);
  assert.equal(asked.length, 1);
});

test("versions gather, and a first answer that is full asks for nothing to be loaded again", async () => {
  const { told, end } = follow();
  answer = { ...answer, running: 1, changed: { a: { version: 1, state: "running" } } };
  await pass(0);
  answer = { ...answer, cursor: "2", full: false, changed: { b: { version: 7, state: "running" } }, gone: [] };
  await pass(1000);
  answer = { ...answer, changed: {}, gone: ["a"], full: true };
  await pass(1000);
  end();
  const last = told.at(-1);
  assert.deepEqual(told.at(1).versions, { a: 1, b: 7 });
  assert.deepEqual(last.versions, { b: 7 });
  assert.deepEqual(last.removed, ["a"]);
  assert.equal(told[0].full, 0);
  assert.equal(last.full, 1);
});

test("nothing new is not told", async () => {
  const { told, end } = follow();
  answer.running = 1;
  await pass(500);
  const before = told.length;
  answer.full = false;
  await pass(5000);
  end();
  assert.equal(told.length, before);
});

test("a server that is gone is told with the time of the next try, which comes later and later", async () => {
  const { told, end } = follow();
  await pass(100);
  answer = null;
  await pass(6000);
  const gone = told.at(-1);
  assert.equal(gone.gone, true);
  assert.ok(gone.retryAt > Date.now() - 10_000);
  asked.length = 0;
  await pass(30_000);
  assert.ok(asked.length >= 2 && asked.length <= 5, `${asked.length}`);
  answer = { cursor: "9", running: 0, changed: {}, gone: [], full: true };
  await pass(10_000);
  end();
  assert.equal(told.at(-1).gone, false);
  assert.ok(told.at(-1).full >= 1, "another server knows no cursor of the old one");
});
