/** Metrics in sections, searched, and meant by globs. */
import assert from "node:assert/strict";
import test from "node:test";

import { isOpen, matching, nearest, searched, sectionOf, sections } from "epochal/sections.js";

const METRICS = ["val/loss", "train/loss", "loss", "train/layer10/norm", "train/layer2/norm", "system/gpu"];

test("sections with a loss come first, training before validation, the system last", () => {
  const names = ["val/acc", "val/loss", "aux/loss", "lr", "train/loss", "perf/speed", "system/gpu", "test/loss"];
  const order = (metrics) => sections(metrics).map(({ name }) => name);
  assert.deepEqual(order(names), ["train", "val", "test", "aux", "perf", "metrics", "system"]);
  assert.deepEqual(order([...names, "loss"])[0], "metrics");
  assert.deepEqual(sections(["val/acc", "val/loss", "val/ms"])[0].metrics, ["val/loss", "val/acc", "val/ms"]);
});

test("sections go by what stands before the first slash", () => {
  assert.deepEqual(sections(METRICS), [
    { name: "metrics", metrics: ["loss"] },
    { name: "train", metrics: ["train/loss", "train/layer2/norm", "train/layer10/norm"] },
    { name: "val", metrics: ["val/loss"] },
    { name: "system", metrics: ["system/gpu"] },
  ]);
  assert.equal(sectionOf("/odd"), "metrics");
});

test("the system starts folded unless nothing else is there; the address turns that round", () => {
  const names = ["train", "system"];
  assert.equal(isOpen("train", names, new Set()), true);
  assert.equal(isOpen("train", names, new Set(["train"])), false);
  assert.equal(isOpen("system", names, new Set()), false);
  assert.equal(isOpen("system", names, new Set(["system"])), true);
  assert.equal(isOpen("system", ["system"], new Set()), true);
});

test("every word of a search must be found, stars stand for anything", () => {
  assert.deepEqual(searched(METRICS, "train norm"), ["train/layer10/norm", "train/layer2/norm"]);
  assert.deepEqual(searched(METRICS, "tr*norm"), ["train/layer10/norm", "train/layer2/norm"]);
  assert.deepEqual(searched(METRICS, "  "), METRICS);
  assert.deepEqual(searched(["Loss", "loss"], "Loss"), ["Loss"]);
  assert.deepEqual(searched(["a.c", "abc"], "a.c"), ["a.c"]);
});

test("globs of saved charts match whole names, each metric once", () => {
  assert.deepEqual(matching(["*/loss", "loss", "val/*"], METRICS), ["val/loss", "train/loss", "loss"]);
  assert.deepEqual(matching(["train/*/norm"], METRICS), ["train/layer10/norm", "train/layer2/norm"]);
  assert.deepEqual(matching(["ab*ba"], ["aba", "abba"]), ["abba"]);
  assert.deepEqual(matching(["missing"], METRICS), []);
});

test("a search of many stars still ends", () => {
  const long = `${"a".repeat(5000)}b`;
  assert.deepEqual(searched([long], "a*".repeat(40)), [long]);
  assert.deepEqual(matching([`${"*a".repeat(60)}*c`], [long]), []);
});

test("names that are nearly right are offered", () => {
  assert.deepEqual(nearest("val/los", METRICS)[0], "val/loss");
  assert.deepEqual(nearest("zzz", METRICS), []);
});
