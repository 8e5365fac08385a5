/** Notes: what is marked becomes elements, and nothing else. */
import assert from "node:assert/strict";
import test from "node:test";

import { blocksOf, inline } from "epochal/markdown.js";

/** An element as a text, such as "<strong>a</strong>". */
function written(part) {
  if (typeof part === "string") return part;
  if (Array.isArray(part)) return part.map(written).join("");
  const { children, href } = part.props;
  return `<${part.type}${href ? ` ${href}` : ""}>${written(children)}</${part.type}>`;
}

const MARKED = [
  ["**Sweep** over `lr`", "<strong>Sweep</strong> over <code>lr</code>"],
  ["*one* and _two_ and __three__", "<em>one</em> and <em>two</em> and <strong>three</strong>"],
  ["**a *b* c**", "<strong>a <em>b</em> c</strong>"],
  ["see [the *paper*](https://a.example/x?y=1)", "see <a https://a.example/x?y=1>the <em>paper</em></a>"],
  ["`**no**`", "<code>**no**</code>"],
];

for (const [text, expected] of MARKED) {
  test(`${text} is marked`, () => assert.equal(written(inline(text)), expected));
}

const LITERAL = [
  "2*3*4 and a * b * c", "snake_case_name and __init__x", "** not **", "`open", "[y](javascript:alert(1))",
  "![x](http://a.example/y.png)", "<b onclick=x>bold</b>", "[x](/r/abc)", "[x](data:text/html,y)",
];

for (const text of LITERAL) {
  test(`${text} stays as it is`, () => assert.deepEqual(inline(text), [text]));
}

test("blocks are paragraphs, lists and code", () => {
  const text = "First\nline\n\n- a\n* b\n\n3. c\n4. d\ntext\n```py\n- x\n\n```\nend";
  assert.deepEqual(blocksOf(text), [
    { kind: "text", lines: ["First", "line"] }, { kind: "list", lines: ["a", "b"] },
    { kind: "numbers", start: 3, lines: ["c", "d"] }, { kind: "text", lines: ["text"] },
    { kind: "code", lines: ["- x", ""] }, { kind: "text", lines: ["end"] },
  ]);
  assert.deepEqual(blocksOf(""), []);
});

test("many opening marks are read in time that grows with the text", { timeout: 20_000 }, () => {
  for (const mark of ["**a ", "[", "`", "_a ", "*a ", "__a "]) {
    assert.equal(written(inline(mark.repeat(50_000))).length, mark.length * 50_000);
  }
});
