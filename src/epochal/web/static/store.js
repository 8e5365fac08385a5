/**
 * The view: what is shown, all of it in the address. `#/p/mnist?f=config.lr%3C1&g=config.lr` is the
 * path ["p", "mnist"] with the keys f and g. Nothing else in the page holds view state.
 */
import { useEffect, useState } from "preact/hooks";

/** @typedef {{path: string[], q: Object<string, string>}} View */

const listeners = new Set();
let current = null;

/**
 * Reads a hash such as "#/p/mnist?f=x".
 * @param {string} hash
 * @returns {View}
 */
export function parseHash(hash) {
  const text = hash.replace(/^#/, "");
  const cut = text.indexOf("?");
  const path = (cut < 0 ? text : text.slice(0, cut)).split("/").filter(Boolean).map(decode);
  const q = {};
  for (const pair of cut < 0 ? [] : text.slice(cut + 1).split("&")) {
    const at = pair.indexOf("=");
    const key = decode(at < 0 ? pair : pair.slice(0, at));
    if (key && key !== "__proto__") q[key] = at < 0 ? "" : decode(pair.slice(at + 1));
  }
  return { path, q };
}

/**
 * Writes what `parseHash` reads; keys without a value are left out.
 * @param {View} view
 * @returns {string}
 */
export function formatHash({ path, q }) {
  const pairs = Object.entries(q)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([key, value]) => `${encode(key)}=${encode(String(value))}`);
  return `#/${path.map(encodeURIComponent).join("/")}${pairs.length ? `?${pairs.join("&")}` : ""}`;
}

/**
 * The address of a view, for an `href`. The theme that the address asks for stays in it.
 * @param {string[]|string} path such as ["p", slug], or "#/p/slug" itself
 * @param {Object<string, string|number|null>} [q]
 * @returns {string}
 */
export function link(path, q = {}) {
  const parts = Array.isArray(path) ? path.map(String) : parseHash(path).path;
  const theme = view().q.t;
  return formatHash({ path: parts, q: theme && !("t" in q) ? { ...q, t: theme } : q });
}

/**
 * Opens another view.
 * @param {string[]|string} path
 * @param {Object<string, string|number|null>} [q]
 */
export function go(path, q = {}) {
  move(link(path, q), false);
}

/**
 * Changes keys of the present view; null removes one. Pushes, so that Back undoes it.
 * @param {Object<string, string|number|boolean|null>} changes
 * @param {{replace?: boolean}} [options] replace: for what nobody would want to undo
 */
export function setView(changes, { replace = false } = {}) {
  const { path, q } = view();
  move(formatHash({ path, q: { ...q, ...changes } }), replace);
}

/**
 * The present view, outside components.
 * @returns {View}
 */
export function view() {
  if (!current || current.hash !== location.hash) {
    current = { hash: location.hash, ...parseHash(location.hash) };
  }
  return current;
}

/**
 * The present view and its setter, in a component; it renders again whenever the view changes.
 * @returns {[View, typeof setView]}
 */
export function useView() {
  const [now, setNow] = useState(view);
  useEffect(() => {
    setNow(view());
    return onView(setNow);
  }, []);
  return [now, setView];
}

/**
 * Calls a function with each new view.
 * @param {(view: View) => void} listener
 * @returns {() => void} ends it
 */
export function onView(listener) {
  if (!listeners.size) addEventListener("hashchange", announce);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Several texts as one value of the address, by commas: listText(["a", "b,c"]) is "a,b\,c".
 * @param {string[]} items
 * @returns {string}
 */
export function listText(items) {
  return items.map((item) => String(item).replace(/[\\,]/g, "\\$&")).join(",");
}

/**
 * The texts that `listText` wrote.
 * @param {string|undefined|null} text
 * @returns {string[]}
 */
export function listOf(text) {
  const items = [...(text ?? "").matchAll(/((?:\\[\s\S]|[^\\,])*)(?:,|$)/g)].map((found) => found[1]);
  return items.map((item) => item.replace(/\\([\s\S])/g, "$1")).filter(Boolean);
}

function move(hash, replace) {
  if (hash === (location.hash || "#/")) return;
  if (replace) location.replace(hash);
  else location.hash = hash;
  announce();
}

let announced = null;
function announce() {
  const now = view();
  if (now === announced) return;
  announced = now;
  for (const listener of [...listeners]) listener(now);
}

function encode(text) {
  return encodeURIComponent(text).replace(/%(2C|2F|3A|40|5B|5D|22|5C)/g, (code) =>
    '",/:@[]\\'.includes(decodeURIComponent(code)) ? decodeURIComponent(code) : code,
  );
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand: a lone % stands for itself
  }
}
