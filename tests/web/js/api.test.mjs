/** What comes back from the server: answers, and what is wrong with a question. */
import { test } from "node:test";
import assert from "node:assert/strict";

const { getJSON, postJSON } = await import("epochal/api.js");

/** Answers every request so, and keeps what was asked. */
function answering(body, init) {
  const asked = [];
  globalThis.fetch = async (path, options) => {
    asked.push({ path, ...options });
    return Response.json(body, init);
  };
  return asked;
}

test("what is wrong with a question comes as a success, and is thrown as what it is", async () => {
  const asked = answering({ error: "there is no such run" }, { headers: { "X-Epochal-Status": "404" } });
  await assert.rejects(getJSON("/api/run/nope"), { status: 404, message: "there is no such run" });
  assert.equal(asked[0].headers["X-Epochal"], "page");
});

test("an answer that holds an error of its own is an answer", async () => {
  answering({ error: "Traceback", state: "failed" });
  assert.deepEqual(await getJSON("/api/run/failed"), { error: "Traceback", state: "failed" });
});

test("failures are thrown, and what is posted is not asked as a page asks", async () => {
  const asked = answering({ error: "no" }, { status: 403 });
  await assert.rejects(getJSON("/api/runs"), { status: 403, message: "no" });
  await assert.rejects(postJSON("/api/run/a/notes", {}), { status: 403 });
  assert.equal(asked[1].headers["X-Epochal"], "1");
});
