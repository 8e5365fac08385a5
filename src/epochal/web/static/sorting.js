/** The order of the rows: by several columns, as the server's `sort` would order them. */
import { trendMetric, valuesOf } from "epochal/columns.js";
import { listOf, listText } from "epochal/store.js";

const [NUMBER, TEXT, LIST, OTHER, NONE, NAN] = [0, 1, 2, 3, 4, 5];
const SPECIAL = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** @typedef {{path: string, descending: boolean}} SortKey */

/**
 * The keys that the address names: "-created,name".
 * @param {string|undefined} text
 * @returns {SortKey[]}
 */
export function sortKeys(text) {
  return listOf(text).map((item) =>
    item[0] === "-" ? { path: item.slice(1), descending: true } : { path: item, descending: false },
  );
}

/**
 * What `sortKeys` reads.
 * @param {SortKey[]} keys
 * @returns {string}
 */
export function sortText(keys) {
  return listText(keys.map(({ path, descending }) => (descending ? "-" : "") + path));
}

/**
 * The keys after a click on a column's head: up, down, unsorted. With `add` the other keys stay.
 * @param {SortKey[]} keys
 * @param {string} path
 * @param {boolean} add
 * @returns {SortKey[]}
 */
export function clicked(keys, path, add) {
  const now = keys.find((key) => key.path === path);
  const next = now ? (now.descending ? [] : [{ path, descending: true }]) : [{ path, descending: false }];
  if (!add) return next;
  return now ? keys.flatMap((key) => (key.path === path ? next : [key])) : [...keys, ...next];
}

/**
 * The row numbers in order. Numbers come first, then texts, lists, other values, None and NaN, and
 * a descending key turns round each kind only, so that what is missing is always last.
 * @param {object} list answer of /api/runs
 * @param {SortKey[]} keys none keep the order of the list
 * @param {Set<string>} [pinned] ids that come first in any case
 * @returns {number[]}
 */
export function order(list, keys, pinned = new Set()) {
  const rows = Array.from(list.id.keys());
  const ranked = keys.filter(({ path }) => !trendMetric(path)).map((key) => ranks(list, key));
  if (ranked.length) {
    rows.sort((a, b) => {
      for (const rank of ranked) {
        if (rank[a] !== rank[b]) return rank[a] - rank[b];
      }
      return a - b;
    });
  }
  if (!pinned.size) return rows;
  const isPinned = (row) => pinned.has(list.id[row]);
  return [...rows.filter(isPinned), ...rows.filter((row) => !isPinned(row))];
}

/** One number for each row; equal values share one. */
function ranks(list, { path, descending }) {
  const values = valuesOf(list, path);
  const sign = descending ? -1 : 1;
  const keyed = Array.from(list.id, (_, row) => sortable(values[row]));
  const rows = Array.from(keyed.keys()).sort((a, b) => compare(keyed[a], keyed[b], sign));
  const result = new Int32Array(rows.length);
  for (let i = 1; i < rows.length; i++) {
    const same = compare(keyed[rows[i - 1]], keyed[rows[i]], sign) === 0;
    result[rows[i]] = result[rows[i - 1]] + (same ? 0 : 1);
  }
  return result;
}

function sortable(value) {
  if (value === null || value === undefined) return { kind: NONE, value: 0 };
  const number = typeof value === "string" && Object.hasOwn(SPECIAL, value) ? SPECIAL[value] : value;
  if (Number.isNaN(number)) return { kind: NAN, value: 0 };
  if (typeof number === "number" || typeof number === "boolean") return { kind: NUMBER, value: Number(number) };
  if (typeof number === "string") return { kind: TEXT, value: number };
  if (Array.isArray(number)) return { kind: LIST, value: number.map(String).join("\u0000") };
  return { kind: OTHER, value: JSON.stringify(number) };
}

function compare(a, b, sign) {
  if (a.kind !== b.kind) return a.kind - b.kind;
  if (a.kind === NUMBER) return a.value === b.value ? 0 : sign * (a.value < b.value ? -1 : 1);
  if (a.kind === NONE || a.kind === NAN) return 0;
  return sign * (collator.compare(a.value, b.value) || (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
}
