/** What the operators of the filter language mean, as `epochal.read.operators` says. No dependencies. */

/** What a lookup gives for a path that a run does not have; unlike null it is no value. */
export const MISSING = Symbol("missing");

const isNumber = (value) => typeof value === "number" || typeof value === "boolean";
const isText = (value) => typeof value === "string";

/** Says whether a value counts as true, as in Python. @param {unknown} value @returns {boolean} */
export function isTrue(value) {
  if (value === MISSING || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object") return Object.keys(value).length > 0;
  return Boolean(value) || Number.isNaN(value);
}

/** As in Python the result is the operand that decides. @param {Function[]} parts @param {boolean} stopAt true: or */
export function joined(parts, stopAt) {
  return (lookup) => {
    let value = MISSING;
    for (const part of parts) {
      value = part(lookup);
      if (isTrue(value) === stopAt) break;
    }
    return value;
  };
}

function equal(a, b) {
  if (a === MISSING || b === MISSING) return false;
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [mine, theirs] = [Object.keys(a), Object.keys(b)];
  return mine.length === theirs.length && mine.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}

function isIn(item, container) {
  if (isText(item) && isText(container)) return container.includes(item);
  if (Array.isArray(container)) return container.some((each) => equal(item, each));
  return isText(item) && container !== null && typeof container === "object" && Object.hasOwn(container, item);
}

function hasTag(tag, tags) {
  if (!isText(tag) || !Array.isArray(tags)) return false;
  return tags.some((each) => each === tag || (isText(each) && each.startsWith(`${tag}/`)));
}

const ORDERS = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};

/** The test that a sign stands for. @param {string} sign @param {boolean} onTags tags are hierarchical */
export function test(sign, onTags) {
  const inside = onTags ? hasTag : isIn;
  if (sign === "==") return equal;
  if (sign === "!=") return (a, b) => !equal(a, b);
  if (sign === "in") return inside;
  if (sign === "not in") return (a, b) => !inside(a, b);
  const compare = ORDERS[sign];
  return (a, b) => ((isNumber(a) && isNumber(b)) || (isText(a) && isText(b))) && compare(a, b);
}

/** Arithmetic by its sign; a division by zero has no result. */
export const OPERATIONS = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => (b === 0 ? MISSING : a / b),
};

/** Calculates with numbers only; anything else has no result. */
export function calculate(operation, a, b) {
  return isNumber(a) && isNumber(b) ? operation(Number(a), Number(b)) : MISSING;
}

function lengthOf(value) {
  if (isText(value)) return [...value].length;
  return value !== null && typeof value === "object" ? Object.keys(value).length : MISSING;
}

function fits(value, pattern) {
  if (!isText(value) || !isText(pattern)) return false;
  const source = [...pattern].map((c) => ({ "*": ".*", "?": "." })[c] ?? c.replace(/[\\^$.|+()[\]{}/-]/g, "\\$&"));
  return new RegExp(`^${source.join("").replace(/(\.\*)+/g, ".*")}$`, "su").test(value);
}

/** Functions: how many values they take, and what they do. */
export const FUNCTIONS = {
  lower: [1, (a) => (isText(a) ? a.toLowerCase() : MISSING)],
  len: [1, lengthOf],
  exists: [1, (a) => a !== MISSING],
  startswith: [2, (a, b) => isText(a) && isText(b) && a.startsWith(b)],
  endswith: [2, (a, b) => isText(a) && isText(b) && a.endsWith(b)],
  contains: [2, (a, b, onTags) => (onTags ? hasTag(b, a) : isIn(b, a))],
  matches: [2, (a, b) => fits(a, b)],
};

/** The text that a literal stands for. @param {string} text @returns {string} */
export function unquoted(text) {
  return text.slice(1, -1).replace(/\\(.)/gs, (_, c) => ({ n: "\n", t: "\t" })[c] ?? c);
}
