/**
 * The filter: a box above the runs. What the server understands is an expression such as
 * `config.lr < 1e-3 and "base" in tags`; for the common cases there is a shorter way to say it,
 * `lr<1e-3 tag:base vit`, and the box shows what was understood.
 */

import { unquoted } from "epochal/static_operators.js";

const ROOTS = new Set(
  ("id name project group state tags notes config seed summary created duration_s git host steps").split(" "),
);
const PART = /\.([\p{XID_Start}_]\p{XID_Continue}*)|\[(?:"(?:[^"\\]|\\["'\\nt])*"|'(?:[^'\\]|\\["'\\nt])*')\]/gu;
const NEVER = /[\0\r\n\p{Surrogate}]/u; // the server reads no expression with these
const WORDS = new Set(["and", "or", "not", "in", "is"]);

/** Expressions and what they select, for the help page. */
export const EXAMPLES = [
  ["vit", "runs with “vit” in their name or tags"],
  ["lr<1e-3 model:vit", "short for config.lr < 1e-3 and contains(config.model, \"vit\")"],
  ["created > 2026-03-01", "runs from that day on, as are 2026 and 2026-03"],
  ["config.lr < 1e-3", "a setting; nested ones as config.model.depth"],
  ['summary["val/loss"].min < 0.3', "a metric: min, max, mean, last, value …"],
  ['state == "failed"', "finished, failed, running, interrupted, killed, lost"],
  ['"ablation" in tags', "a tag, and those beneath it such as ablation/lr"],
  ['matches(name, "debug-*")', "a pattern with * and ?"],
  ["not exists(config.seed)", "runs without a setting"],
];

/**
 * The expression that a text in the box means.
 * @param {string} text
 * @param {{config?: Set<string>, metrics?: Set<string>}} [known] names that runs have, so that a
 *   short name such as `loss` is found among the metrics
 * @returns {{expression: string, short: boolean}} short: the text was not an expression itself
 */
export function toExpression(text, known = {}) {
  const trimmed = text.trim();
  if (!trimmed) return { expression: "", short: false };
  const asItIs = { expression: trimmed, short: false };
  const terms = [];
  for (const token of tokens(trimmed)) {
    const term = WORDS.has(token) ? null : shortTerm(token, known);
    if (!term) return asItIs;
    terms.push(term);
  }
  const expression = terms.join(" and ");
  return squeezed(expression) === squeezed(trimmed) ? asItIs : { expression, short: true };
}

/**
 * The path of a value as expressions write it: `config.lr`, `summary["val/loss"].min`.
 * @param {string} root
 * @param {...string} keys
 * @returns {string}
 */
export function pathText(root, ...keys) {
  return keys.reduce((path, key) => path + (isPlain(key) ? `.${key}` : `[${quoted(key)}]`), root);
}

/**
 * The parts of a path that `pathText` wrote.
 * @param {string} path
 * @returns {string[]}
 */
export function pathParts(path) {
  const parts = [];
  for (const found of path.matchAll(/\.?([^.["']+)|\[("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]/g)) {
    parts.push(found[1] ?? unquoted(found[2]));
  }
  return parts;
}

/**
 * Says whether a text of the address is a path that runs can have, so that the server is not asked
 * for what it cannot understand.
 * @param {string} path
 * @returns {boolean}
 */
export function isPath(path) {
  const [root] = /^[a-z_]*/.exec(path);
  const rest = path.slice(root.length).replace(PART, (_, key) => (key && isReserved(key) ? "?" : ""));
  return ROOTS.has(root) && !rest && !NEVER.test(path);
}

/**
 * Completions for the word before the cursor.
 * @param {string} text
 * @param {number} at the cursor
 * @param {string[]} paths that runs have
 * @returns {{from: number, options: string[]}} from: where the word begins
 */
export function completions(text, at, paths) {
  const word = /[^\s()=<>!,+*]*$/.exec(text.slice(0, at))[0];
  const from = at - word.length;
  if (word.length < 2) return { from, options: [] };
  const needle = word.toLowerCase();
  const starts = paths.filter((path) => path.toLowerCase().startsWith(needle));
  const holds = paths.filter((path) => path.toLowerCase().indexOf(needle) > 0);
  return { from, options: [...starts, ...holds].filter((path) => path !== word).slice(0, 8) };
}

/**
 * A text as a literal of the expression language, which has fewer escapes than JSON.
 * @param {string} text
 * @returns {string}
 */
export function quoted(text) {
  return `"${text.replace(/[\\"\n\t]/g, (letter) => ESCAPED[letter])}"`;
}

const ESCAPED = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t" };

function isPlain(key) {
  return /^[A-Za-z_]\w*$/.test(key) && !isReserved(key);
}

/** Says whether a word means something else after a dot, or nothing. */
function isReserved(key) {
  return key.startsWith("__") || PYTHON.has(key) || key !== key.normalize("NFKC");
}

const PYTHON = new Set(
  ("False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield").split(" "),
);

const QUOTES = /"[^"]*"|'[^']*'/g;
const QUOTES_OR_SIGN = /("[^"]*"|'[^']*')|\s*(<=|>=|!=|==|=|<|>)\s*/g;

/** The terms of a short filter, which may have spaces around signs and "and" between them. */
function tokens(text) {
  const outside = text.replace(QUOTES, "");
  if (/["']/.test(outside)) return [""];
  const joined = (_, quotes, sign) => quotes ?? sign;
  const plain = /[()[\]]/.test(outside) ? text : text.replace(QUOTES_OR_SIGN, joined);
  const found = plain.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [""];
  const inner = found.slice(1, -1).filter((token) => token !== "and");
  return found.length > 1 ? [found[0], ...inner, found[found.length - 1]] : found;
}

function squeezed(text) {
  return text.replace(/\s+/g, "").replaceAll("'", '"');
}

function shortTerm(token, known) {
  const found = /^([\w./-]+?)(<=|>=|!=|==|=|<|>|:)(.+)$/.exec(token);
  if (found) return comparison(found[1], found[2], found[3], known);
  if (!/^[\p{L}\p{N}_./*?:@#+-]+$/u.test(token) || isDotted(token)) return null;
  const word = quoted(token.toLowerCase());
  const pattern = quoted(`*${token.toLowerCase()}*`);
  return /[*?]/.test(token)
    ? `matches(lower(name), ${pattern})`
    : `(contains(lower(name), ${word}) or ${quoted(token)} in tags)`;
}

function comparison(key, sign, right, known) {
  if (/["'()[\]{}]/.test(right) && !/^("[^"]*"|'[^'\\]*')$/.test(right)) return null;
  const value = (key === "created" && moment(right)) || literal(right);
  if (key === "tag" || key === "tags") return `${sign === "!=" ? "not " : ""}${asText(value)} in tags`;
  const path = shortPath(key, known);
  if (sign === ":") return value[0] === '"' ? `contains(${path}, ${value})` : `${path} == ${value}`;
  return `${path} ${sign === "=" ? "==" : sign} ${value}`;
}

function shortPath(key, { config = new Set(), metrics = new Set() }) {
  const [first, ...rest] = key.split(".");
  if (ROOTS.has(first) && !key.includes("/")) return pathText(first, ...rest);
  const settings = pathText("config", ...key.split("."));
  if (config.has(settings)) return settings;
  if (metrics.has(key)) return pathText("summary", key);
  const field = /^(.+)\.(min|max|mean|last|first|std|value|best)$/.exec(key);
  if (field && metrics.has(field[1])) return pathText("summary", field[1], field[2]);
  return key.includes("/") ? pathText("summary", key) : settings;
}

/** The unix seconds of a date such as 2026-03-01 or "2026-03-01 14:05", in local time; null: it is none. */
export function moment(text) {
  const found = /^(["']?)(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?)?)?\1$/.exec(text);
  if (!found) return null;
  const [year, month = 1, ...rest] = found.slice(2).filter((part) => part !== undefined).map(Number);
  const [day = 1, hour = 0, minute = 0, second = 0] = rest;
  const made = new Date(year, month - 1, day, hour, minute, second);
  // What no calendar has, such as the 30th of February, would become another day.
  const same = made.getMonth() === month - 1 && made.getDate() === day && minute < 60 && second < 60;
  return same ? String(made.getTime() / 1000) : null;
}

function literal(text) {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || /^(True|False|None)$/.test(text)) return text;
  if (/^(true|false)$/.test(text)) return text === "true" ? "True" : "False";
  if (text[0] === "'") return quoted(text.slice(1, -1));
  return text[0] === '"' ? text : quoted(text);
}

function asText(value) {
  return value[0] === '"' ? value : quoted(value);
}

function isDotted(token) {
  return token.includes(".") && ROOTS.has(token.split(".")[0]);
}
