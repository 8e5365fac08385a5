/** Numbers, times and sizes as people read them. */
import assert from "node:assert/strict";
import test from "node:test";

import * as format from "epochal/format.js";


const CASES = {
  num: [
    [0, "0"], [1234567, "1,234,567"], [0.123456, "0.1235"], [12.5, "12.50"], [0.99999, "1.0000"],
    [1e-5, "1e-5"], [1.23456e-8, "1.235e-8"], [123456.789, "123,457"], [2e12, "2e12"], [-0.5, "-0.5000"],
    [NaN, "NaN"], ["NaN", "NaN"], ["Infinity", "∞"], ["-Infinity", "-∞"], [null, ""], [true, "true"], ["text", "text"],
  ],
  setting: [[0.001, "0.001"], [0.1 + 0.2, "0.300000"], [256, "256"], ["adam", "adam"], [[0.9, 0.999], "[0.9,0.999]"], [null, ""]],
  exact: [[0.1, "0.1"], [null, ""], [{ a: [1] }, '{"a":[1]}'], ["NaN", "NaN"]],
  duration: [
    [0, "0 s"], [0.4, "0.4 s"], [5.25, "5.3 s"], [42, "42 s"], [61, "1 min 01 s"], [3599.7, "1 h 00 min"],
    [7500, "2 h 05 min"], [100000, "1 d 3 h"], [null, ""], ["NaN", ""], [-61, "-1 min 01 s"],
  ],
  grouped: [[2999, "2,999"], [0, "0"], [1234567, "1,234,567"], [0.5, "0.5"]],
  bytes: [[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [1234567, "1.2 MB"], [45e9, "45 GB"], [null, ""]],
  compact: [
    [0, "0"], [200000, "200k"], [1500000, "1.5M"], [0.25, "0.25"], [1e-5, "1e-5"], [-2000, "-2k"],
    [3e9, "3G"], [5e16, "5e16"], [0.30000000000000004, "0.3"], [100, "100"],
  ],
};

for (const [name, cases] of Object.entries(CASES)) {
  for (const [value, expected] of cases) {
    test(`${name}(${JSON.stringify(value)}) is ${JSON.stringify(expected)}`, () => {
      assert.equal(format[name](value), expected);
    });
  }
}

test("how long ago a moment was", () => {
  const now = 1_700_000_000;
  const said = [3, 30, 300, 7200, 3 * 86400].map((s) => format.ago(now - s, now));
  assert.deepEqual(said, ["just now", "30 s ago", "5 min ago", "2 h ago", "3 d ago"]);
  assert.match(format.ago(now - 30 * 86400, now), /^2023-10-1\d$/);
  assert.equal(format.ago(null), "");
});

test("a count knows its noun", () => {
  assert.equal(format.count(1, "run"), "1 run");
  assert.equal(format.count(12345, "run"), "12,345 runs");
  assert.equal(format.count(2, "entry", "entries"), "2 entries");
});

test("numbers of answers become numbers", () => {
  assert.equal(format.toNumber("-Infinity"), -Infinity);
  assert.ok(Number.isNaN(format.toNumber(null)));
  assert.ok(Number.isNaN(format.toNumber("abc")));
});

test("what a name hides is shown, what people write stays", () => {
  assert.equal(format.printable("a\u202egnp\x1b[31m\x7f\u200b\ud800"), "a\\u202egnp\\x1b[31m\\x7f\\u200b\\ud800");
  const kept = "tab\t line\n 日本 \u{1f469}\u200d\u{1f680} é";
  assert.equal(format.printable(kept), kept);
  assert.equal(format.printable("👩\u200d👧 می\u200cخواهم"), "👩\u200d👧 می\u200cخواهم", "scripts need joiners");
  assert.equal(format.printable("a\u200db \u200cم\u061c"), "a\\u200db \\u200cم\\u061c");
});
