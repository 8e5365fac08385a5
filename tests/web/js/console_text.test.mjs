/** Lines of a console: control sequences, marks of a search, which lines are in sight, times. */
import assert from "node:assert/strict";
import test from "node:test";

import { elapsedOf } from "epochal/console.js";
import { clockOf, linesInSight, marked, pieces, scrollFor, secondsOf, TALLEST } from "epochal/console_text.js";

test("colors become styles, and every other control sequence goes", () => {
  assert.deepEqual(pieces("plain\ttext"), [{ text: "plain\ttext", style: "" }]);
  assert.deepEqual(pieces("\x1b[32mok\x1b[0m then \x1b[1;31mbad\x1b[22m soft"), [
    { text: "ok", style: "ansi-green" }, { text: " then ", style: "" },
    { text: "bad", style: "ansi-red ansi-bold" }, { text: " soft", style: "ansi-red" },
  ]);
  const text = (line) => pieces(line).map((piece) => piece.text).join("");
  assert.equal(text("\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07"), "link");
  assert.equal(text("a\x1b[2Jb\x1b[?25lc\x1b(d"), "abc(d");
  assert.equal(text("\x1b[38;5;31mx\x1b[48;2;1;31;3my"), "xy");
  assert.deepEqual(pieces("\x1b[38;5;31mx"), [{ text: "x", style: "" }]);
  assert.equal(text("null\x00 bell\x07 back\x08"), "null bell back");
  assert.deepEqual(pieces("\x1b[0m"), [{ text: "", style: "" }]);
});

test("what was searched for is marked, case as the server takes it", () => {
  const marks = (text, search) => marked([{ text, style: "" }], search).map((piece) => (piece.hit ? `<${piece.text}>` : piece.text)).join("");
  assert.equal(marks("Loss loss LOSS", "loss"), "<Loss> <loss> <LOSS>");
  assert.equal(marks("Loss loss", "Loss"), "<Loss> loss");
  assert.equal(marks("a.b", "."), "a<.>b");
  assert.equal(marks("none", "x"), "none");
  assert.equal(marks("", "x"), "");
});

test("lines in sight are those that fit, with some around them", () => {
  assert.deepEqual(linesInSight({ top: 0, height: 180, total: 5, row: 18 }), { first: 0, last: 5, offset: 0, tall: 90 });
  const seen = linesInSight({ top: 1800, height: 180, total: 1000, row: 18, extra: 0 });
  assert.deepEqual([seen.first, seen.last, seen.offset], [100, 110, 1800]);
});

test("millions of lines can be scrolled to the last, although no element is so tall", () => {
  const total = 5_000_000;
  const list = { height: 400, total, row: 18 };
  const end = linesInSight({ top: TALLEST - 400, ...list, extra: 0 });
  assert.equal(end.last, total);
  assert.equal(end.tall, TALLEST);
  for (const line of [0, 1234, 2_500_000, total - 30]) {
    const top = scrollFor(line, list);
    const seen = linesInSight({ top, ...list, extra: 0 });
    assert.ok(seen.first <= line && line < seen.last, `${line} is not in ${seen.first}..${seen.last}`);
    assert.ok(Math.abs(seen.offset - top) < 19);
  }
});

test("times are typed in several ways", () => {
  assert.deepEqual(["90", "1:30", "1:02:03", "1h 30min", "2 d", "45s", "1.5 h"].map(secondsOf), [90, 90, 3723, 5400, 172800, 45, 5400]);
  assert.deepEqual(["", "soon", "h", "1:", "-5"].map(secondsOf), [null, null, null, null, null]);
  assert.deepEqual([0, 59.9, 3723, 360000].map(clockOf), ["00:00:00", "00:00:59", "01:02:03", "100:00:00"]);
  assert.equal(clockOf(NaN), "");
});

test("a time of day is the first one that is not before the start", () => {
  const started = new Date(2026, 2, 1, 22, 0, 0).getTime() / 1000;
  assert.equal(elapsedOf("@22:00:30", started), 30);
  assert.equal(elapsedOf("@23:00", started), 3600);
  assert.equal(elapsedOf("@01:00:00", started), 3 * 3600);
  assert.equal(elapsedOf("@later", started), null);
  assert.equal(elapsedOf("2 min", started), 120);
});
