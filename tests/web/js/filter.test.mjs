/** Short filters mean expressions, and paths come back as they were written. */
import assert from "node:assert/strict";
import test from "node:test";

import { EXAMPLES, completions, isPath, pathParts, pathText, toExpression } from "epochal/filter.js";

const KNOWN = { config: new Set(["config.lr", "config.model.depth"]), metrics: new Set(["loss", "val/loss"]) };

const SHORT = [
  ["vit", '(contains(lower(name), "vit") or "vit" in tags)'],
  ["ViT base", '(contains(lower(name), "vit") or "ViT" in tags) and (contains(lower(name), "base") or "base" in tags)'],
  ["run-*", 'matches(lower(name), "*run-**")'],
  ["lr=0.001", "config.lr == 0.001"],
  ["lr<1e-3 model:vit", 'config.lr < 1e-3 and contains(config.model, "vit")'],
  ["model.depth>=12", "config.model.depth >= 12"],
  ["state:failed", 'contains(state, "failed")'],
  ["state=failed", 'state == "failed"'],
  ["seed=1", "seed == 1"],
  ["tag:base", '"base" in tags'],
  ["tag!=base", 'not "base" in tags'],
  ["loss<2", 'summary.loss < 2'],
  ["val/loss.min<2", 'summary["val/loss"].min < 2'],
  ["amp:true", "config.amp == True"],
  ['name="my run"', 'name == "my run"'],
  ["lambda=1", 'config["lambda"] == 1'],
  ["lr < 1e-3", "config.lr < 1e-3"],
  ["lr < 1e-3 and loss > 2", "config.lr < 1e-3 and summary.loss > 2"],
  ["vit and base", '(contains(lower(name), "vit") or "vit" in tags) and (contains(lower(name), "base") or "base" in tags)'],
  ['optimizer.name == "sgd"', 'config.optimizer.name == "sgd"'],
  ["optimizer.name == 'sgd'", 'config.optimizer.name == "sgd"'],
  ['optimizer.name == "sgd" and lr < 1', 'config.optimizer.name == "sgd" and config.lr < 1'],
  ['model = "vit (base) < 2"', 'config.model == "vit (base) < 2"'],
  ["created>2026-03-01", `created > ${new Date(2026, 2, 1).getTime() / 1000}`],
  ['created > "2026"', `created > ${new Date(2026, 0, 1).getTime() / 1000}`],
  ['created >= "2026-03-01 14:05"', `created >= ${new Date(2026, 2, 1, 14, 5).getTime() / 1000}`],
  ["created<2026-03", `created < ${new Date(2026, 2, 1).getTime() / 1000}`],
  ["created<2026-02-30", 'created < "2026-02-30"'],
  ["", ""],
];

for (const [text, expected] of SHORT) {
  test(`${JSON.stringify(text)} is short for ${expected}`, () => {
    assert.deepEqual(toExpression(text, KNOWN), { expression: expected, short: text !== "" });
  });
}

const AS_IT_IS = [
  'state == "failed"', "name == 'x'", "created > 1700000000", "don't", "it's what it's",
  "config.lr < 1e-3", 'state == "failed" and not exists(config.x)', '"a" in tags', "config.a", "vit or resnet",
  "and", "lr <", "not vit", "matches(name, 'x-*')", "config.lr in [1,2]", '"vit', "(",
];

for (const text of AS_IT_IS) {
  test(`${text} is handed on as it is`, () => {
    assert.deepEqual(toExpression(text, KNOWN), { expression: text, short: false });
  });
}

test("the examples of the help page are what it says", () => {
  for (const [example, what] of EXAMPLES) {
    const { expression, short } = toExpression(example);
    assert.equal(short, /^(runs with “|runs from|short for)/.test(what), example);
    if (what.startsWith("short for ")) assert.equal(what, `short for ${expression}`);
  }
});

const PATHS = [
  ["config.lr", ["config", "lr"]],
  ['summary["val/loss"].min', ["summary", "val/loss", "min"]],
  ['config["a.b"]["quo\\"te"]', ["config", "a.b", 'quo"te']],
  ['config["lambda"]', ["config", "lambda"]],
  ["state", ["state"]],
  ['config.model["__x__"]', ["config", "model", "__x__"]],
  ['summary["__proto__"].last', ["summary", "__proto__", "last"]],
  ['config["\\\\n\\n\\t\u0001"]', ["config", "\\n\n\t\u0001"]],
];

for (const [path, parts] of PATHS) {
  test(`${path} is written and read`, () => {
    assert.equal(pathText(...parts), path);
    assert.deepEqual(pathParts(path), parts);
  });
}

const NO_PATHS = [
  "config.model.__x__", "config.lambda", "config.2x", "config.ﬁne", "config.a b", 'config["a\0b"]', 'config["a\rb"]',
  'config["\\ud800"]', "con.lrfig", "config.lr ", "loss", "", "config[lr]", "config.", 'config["lr"',
];

test("the server is asked for paths only that it understands", () => {
  for (const path of NO_PATHS) assert.equal(isPath(path), false, path);
  for (const path of ["config.größe", "config['a.b'].c", ...PATHS.map(([path]) => path)]) {
    assert.equal(isPath(path), true, path);
  }
});

test("single quotes are read too", () => {
  assert.deepEqual(pathParts("summary['val/loss'].max"), ["summary", "val/loss", "max"]);
});

test("completions fit the word before the cursor, beginnings first", () => {
  const paths = ["config.optimizer.lr", "config.lr", 'summary["lr"]'];
  const text = "state == 1 and config.l";
  const found = completions(text, text.length, paths);
  assert.equal(text.slice(found.from), "config.l");
  assert.deepEqual(found.options, ["config.lr"]);
  assert.deepEqual(completions("lr", 2, paths).options, paths);
  assert.deepEqual(completions("a ", 2, paths).options, []);
});
