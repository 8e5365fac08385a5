/** Nested values (a config, an environment) as rows of a tree. No dependencies. */

/**
 * A row of a tree.
 * @typedef {{path: string[], id: string, key: string, depth: number, type: string, text: string,
 *   parent: boolean, open: boolean, count: number, hit: boolean}} TreeRow
 */

/**
 * Returns what a value is.
 * @param {unknown} value
 * @returns {"object" | "list" | "text" | "number" | "switch" | "none"}
 */
export function typeOf(value) {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return "list";
  const types = { object: "object", number: "number", boolean: "switch" };
  return types[typeof value] ?? "text";
}

/**
 * Writes a value on one line, as a config file would: texts bare, unless they look like another type.
 * @param {unknown} value @returns {string}
 */
export function lineOf(value) {
  if (typeof value === "string") {
    const plain = value !== "" && value.trim() === value && !LOOKS_OTHERWISE.test(value);
    return plain ? value : JSON.stringify(value);
  }
  if (value === undefined) return "—";
  if (typeOf(value) === "list") return `[${value.map(lineOf).join(", ")}]`;
  if (typeOf(value) === "object") {
    const parts = Object.entries(value).map(([key, inner]) => `${key}: ${lineOf(inner)}`);
    return `{${parts.join(", ")}}`;
  }
  return String(value);
}

const LOOKS_OTHERWISE = /^(true|false|null|none|[-+]?[\d.][\d.e+-]*|[[{"].*)$/is;
const INLINE = 72;

/**
 * Writes a number as somebody would write it into a config: in full, but for what comes of rounding.
 * @param {number} value @param {number} digits of long ones; whole numbers have all of theirs
 * @returns {string} such as "0.003", and "0.3" for 0.30000000000000004
 */
export function asWritten(value, digits = 12) {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
}

/**
 * Says whether a value has rows of its own; short lists of plain values stay on one line.
 * @param {unknown} value @returns {boolean}
 */
export function hasRows(value) {
  const type = typeOf(value);
  if (type === "object") return Object.keys(value).length > 0;
  if (type !== "list" || !value.length) return false;
  const nested = value.some((each) => ["object", "list"].includes(typeOf(each)));
  return nested || lineOf(value).length > INLINE;
}

/**
 * Returns the visible rows of a tree.
 * @param {unknown} value an object or list
 * @param {{closed?: Set<string>, query?: string}} how closed: ids of folded rows; query: only rows
 *   whose path or value has all its words, with what is above and below them; it unfolds
 * @returns {TreeRow[]}
 */
export function treeRows(value, { closed = new Set(), query = "" } = {}) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [];
  visit(value, [], words, !words.length, closed, rows);
  return rows;
}

/** Adds the rows below a value; returns whether one of them is a hit. */
function visit(value, path, words, wanted, closed, rows) {
  let any = false;
  for (const [key, inner] of entriesOf(value)) {
    const here = [...path, key];
    const id = JSON.stringify(here);
    const parent = hasRows(inner);
    const text = parent ? "" : lineOf(inner);
    const hit = words.length > 0 && matches(`${here.join(".")} ${text}`, words);
    const at = rows.length;
    const open = parent && (words.length > 0 || !closed.has(id));
    const row = {
      path: here, id, key, depth: path.length, type: typeOf(inner), text, parent, open,
      count: parent ? entriesOf(inner).length : 0, hit,
    };
    rows.push(row);
    const below = parent && open && visit(inner, here, words, wanted || hit, closed, rows);
    if (!wanted && !hit && !below) rows.length = at;
    any ||= hit || below;
  }
  return any;
}

function entriesOf(value) {
  return Array.isArray(value) ? value.map((each, i) => [String(i), each]) : Object.entries(value ?? {});
}

function matches(text, words) {
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
}

/**
 * Returns the ids of all rows that can be folded, from a depth on.
 * @param {unknown} value @param {number} depth @returns {Set<string>}
 */
export function foldable(value, depth = 0) {
  const found = treeRows(value).filter((row) => row.parent && row.depth >= depth);
  return new Set(found.map((row) => row.id));
}

/**
 * Returns the value at a path, undefined if there is none.
 * @param {unknown} value @param {string[]} path @returns {unknown}
 */
export function valueAt(value, path) {
  return path.reduce((inner, key) => {
    const inside = inner !== null && typeof inner === "object" && Object.hasOwn(inner, key);
    return inside ? inner[key] : undefined;
  }, value);
}

/**
 * Returns a value as text to copy: JSON for what is nested, the bare text else.
 * @param {unknown} value @returns {string}
 */
export function copyText(value) {
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, 2) ?? "";
}

/**
 * Returns the leaves of a config by path, as the table of runs names them.
 * @param {object} config @returns {Record<string, unknown>} such as {"config.optimizer.lr": 0.001}
 */
export function flatConfig(config) {
  const flat = {};
  const visit = (value, path) => {
    if (typeOf(value) === "object" && Object.keys(value).length) {
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    } else flat[path] = value;
  };
  for (const [key, value] of Object.entries(config ?? {})) visit(value, `config.${key}`);
  return flat;
}
