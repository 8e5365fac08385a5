/**
 * A small part of Markdown as elements: paragraphs, bold, italic, code, lists and links to http(s)
 * addresses. Whatever else is written stays as it is: no HTML, no pictures.
 */
import { html } from "epochal/html.js";

const ITEM = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const FENCE = /^\s*```/;
const LONGEST = 500; // of a marked piece, so that many opening marks cost little

/** Code, a link, bold and italic, each with its own group; an exclamation mark makes a link a picture. */
const INLINE = new RegExp([
  "`([^`\\n]+)`",
  `(?<!!)\\[([^\\]\\n]{1,${LONGEST}})\\]\\((https?://[^\\s()<>]{1,2000})\\)`,
  `\\*\\*(?=\\S)(.{1,${LONGEST}}?)(?<=\\S)\\*\\*`,
  `(?<!\\w)__(?=\\S)(.{1,${LONGEST}}?)(?<=\\S)__(?!\\w)`,
  `(?<![\\w*])\\*(?=[^\\s*])([^*]{1,${LONGEST}}?)(?<=\\S)\\*(?![\\w*])`,
  `(?<!\\w)_(?=[^\\s_])([^_]{1,${LONGEST}}?)(?<=\\S)_(?!\\w)`,
].join("|"), "gs");

/**
 * @param {{text: string}} props
 */
export function Markdown({ text }) {
  return html`<div class="markdown">${blocksOf(text).map((block, i) => html`<${Block} key=${i} ...${block} />`)}</div>`;
}

function Block({ kind, start, lines }) {
  if (kind === "code") return html`<pre class="code">${lines.join("\n")}</pre>`;
  if (kind === "text") return html`<p>${inline(lines.join("\n"))}</p>`;
  const items = lines.map((line, i) => html`<li key=${i}>${inline(line)}</li>`);
  return kind === "numbers" ? html`<ol start=${start}>${items}</ol>` : html`<ul>${items}</ul>`;
}

/**
 * Returns the blocks of a text.
 * @param {string} text
 * @returns {{kind: "text"|"list"|"numbers"|"code", start?: number, lines: string[]}[]}
 */
export function blocksOf(text) {
  const blocks = [];
  let open = null;
  const put = (kind, line, more = {}) => {
    if (open?.kind !== kind) blocks.push(open = { kind, ...more, lines: [] });
    open.lines.push(line);
  };
  for (const line of text.split(/\r?\n/)) {
    const [, number, item] = ITEM.exec(line) ?? [];
    if (FENCE.test(line)) {
      if (open?.kind === "code") open = null;
      else blocks.push(open = { kind: "code", lines: [] });
    } else if (open?.kind === "code") open.lines.push(line);
    else if (!line.trim()) open = null;
    else if (number !== undefined) put("numbers", item, { start: Number(number) });
    else if (item !== undefined) put("list", item);
    else put("text", line);
  }
  return blocks;
}

/**
 * Returns a text with what is marked in it as elements.
 * @param {string} text
 * @returns {Array<string|object>}
 */
export function inline(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(at, found.index), marked(found));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)].filter((part) => part !== "");
}

function marked([, code, name, address, ...words]) {
  if (code !== undefined) return html`<code>${code}</code>`;
  if (name !== undefined) return html`<a href=${address} target="_blank" rel="noopener noreferrer">${inline(name)}</a>`;
  const [bold, also, italic] = words;
  const strong = bold ?? also;
  return strong !== undefined ? html`<strong>${inline(strong)}</strong>` : html`<em>${inline(italic ?? words[3])}</em>`;
}
