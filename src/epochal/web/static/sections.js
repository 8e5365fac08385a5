/** Metrics in sections by what stands before the first "/", searched and folded. */
import { isLoss } from "epochal/telling.js";

/** Section of metrics without a "/". */
export const LOOSE = "metrics";
const LAST = ["system", "epochal"];
const FIRST = [/^train/i, /^(val|valid|validation|eval|dev)/i, /^test/i];

/**
 * Return metrics in named sections: those with a loss first, training before validation, the
 * measurements of the system last. Within a section losses come first.
 * @param {string[]} metrics
 * @returns {Array<{name: string, metrics: string[]}>}
 */
export function sections(metrics) {
  const found = new Map();
  for (const metric of metrics) {
    const name = sectionOf(metric);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(metric);
  }
  const natural = (a, b) => a.localeCompare(b, "en", { numeric: true });
  return [...found]
    .map(([name, list]) => ({ name, metrics: list.sort((a, b) => isLoss(b) - isLoss(a) || natural(a, b)) }))
    .sort((a, b) => rank(a) - rank(b) || natural(a.name, b.name));
}

/**
 * Return the section of a metric.
 * @param {string} metric
 * @returns {string}
 */
export function sectionOf(metric) {
  const slash = metric.indexOf("/");
  return slash > 0 ? metric.slice(0, slash) : LOOSE;
}

function rank({ name, metrics }) {
  if (LAST.includes(name)) return 9;
  if (!metrics.some(isLoss)) return name === LOOSE ? 6 : 5;
  const place = FIRST.findIndex((start) => start.test(name));
  return name === LOOSE ? 0 : place < 0 ? 4 : place + 1;
}

/**
 * Return whether a section is open.  Those about the system start folded unless they are all there
 * is; the URL names the sections that are not as they start.
 * @param {string} name
 * @param {string[]} names of all sections
 * @param {Set<string>} toggled from the URL
 * @returns {boolean}
 */
export function isOpen(name, names, toggled) {
  const folded = LAST.includes(name) && names.some((other) => !LAST.includes(other));
  return folded === toggled.has(name);
}

/**
 * Return the metrics that a search means: every word must be found; `*` stands for anything.
 * Capitals count only if the word has one.
 * @param {string[]} metrics
 * @param {string|null|undefined} search
 * @returns {string[]}
 */
export function searched(metrics, search) {
  const words = (search ?? "").split(/\s+/).filter(Boolean);
  return words.length ? metrics.filter((name) => words.every((w) => hasWord(name, w))) : metrics;
}

function hasWord(name, word) {
  const subject = word === word.toLowerCase() ? name.toLowerCase() : name;
  if (!word.includes("*")) return subject.includes(word);
  return inOrder(subject, word.split("*"));
}

/** Whether parts are found one after the other: a glob without a regular expression. */
function inOrder(text, parts) {
  let at = 0;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/**
 * Return the metrics that names and globs stand for, in their order; `*` also crosses "/".
 * @param {string[]} patterns
 * @param {string[]} metrics
 * @returns {string[]}
 */
export function matching(patterns, metrics) {
  const found = new Set();
  for (const pattern of patterns) {
    if (!pattern.includes("*")) {
      if (metrics.includes(pattern)) found.add(pattern);
      continue;
    }
    for (const metric of metrics) if (isGlob(metric, pattern)) found.add(metric);
  }
  return [...found];
}

function isGlob(name, pattern) {
  const parts = pattern.split("*");
  const [head, tail] = [parts[0], parts[parts.length - 1]];
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  if (name.length < head.length + tail.length) return false;
  return inOrder(name.slice(head.length, name.length - tail.length), parts.slice(1, -1));
}

/**
 * Return the metrics whose names are closest to one that is not there.
 * @param {string} name
 * @param {string[]} metrics
 * @param {number} [most]
 * @returns {string[]}
 */
export function nearest(name, metrics, most = 3) {
  const pairs = (text) => new Set([...text].slice(1).map((c, i) => text[i] + c));
  const own = pairs(name.toLowerCase());
  const alike = (other) => {
    const theirs = pairs(other.toLowerCase());
    const shared = [...own].filter((pair) => theirs.has(pair)).length;
    return (2 * shared) / (own.size + theirs.size || 1);
  };
  return metrics
    .map((metric) => [alike(metric), metric])
    .filter(([score]) => score > 0.3)
    .sort(([a], [b]) => b - a)
    .slice(0, most)
    .map(([, metric]) => metric);
}
