/**
 * Sets of runs in the address: "a,b" is these two, "*" all, "*,a" all but one, so that "hide all"
 * of ten thousand runs is one letter.
 */
import { listOf, listText } from "epochal/store.js";

/**
 * @typedef {object} Choice
 * @property {boolean} all
 * @property {Set<string>} ids with `all` those that are not in it
 */

/**
 * @param {string|undefined} text
 * @returns {Choice}
 */
export function choice(text) {
  const items = listOf(text);
  const all = items[0] === "*";
  return { all, ids: new Set(all ? items.slice(1) : items) };
}

/**
 * @param {Choice} chosen
 * @returns {string|null} null for none, which takes the key out of the address
 */
export function choiceText({ all, ids }) {
  return listText([...(all ? ["*"] : []), ...ids]) || null;
}

/**
 * @param {Choice} chosen
 * @param {string} id
 * @returns {boolean}
 */
export function has({ all, ids }, id) {
  return all !== ids.has(id);
}

/**
 * The choice with one run in it or not.
 * @param {Choice} chosen
 * @param {string} id
 * @param {boolean} wanted
 * @returns {Choice}
 */
export function put({ all, ids }, id, wanted) {
  const next = new Set(ids);
  if (wanted === all) next.delete(id);
  else next.add(id);
  return { all, ids: next };
}
