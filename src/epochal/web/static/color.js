/**
 * Colors of runs and groups. A color is a CSS variable, so that each theme has its own shade;
 * a canvas, which knows no variables, asks `resolveColor` when it draws.
 */

/** How many colors there are: --run-0 to --run-11 in base.css. */
export const SLOTS = 12;

const STORED = "epochal.colors";
const KEPT = 4000;
let slots = null;

/**
 * The color of a run, the same on every page and visit.
 * @param {string} id
 * @returns {string} such as "var(--run-3)"
 */
export function runColor(id) {
  const map = known();
  if (!map.has(id)) map.set(id, hash(id) % SLOTS); // seen alone first: other pages keep to it
  return slotColor(map.get(id));
}

/**
 * The color with this number, counted round.
 * @param {number} slot
 * @returns {string}
 */
export function slotColor(slot) {
  return `var(--run-${slot % SLOTS})`;
}

/**
 * Gives runs that have no color yet one that few of these runs have; remembered in the browser.
 * @param {string[]} ids oldest first, so that a new run changes no other's color
 */
export function learnRuns(ids) {
  const map = known();
  const used = new Array(SLOTS).fill(0);
  const fresh = [];
  for (const id of ids) {
    if (map.has(id)) used[map.get(id)] += 1;
    else fresh.push(id);
  }
  for (const id of fresh) {
    const slot = used.indexOf(Math.min(...used));
    used[slot] += 1;
    map.set(id, slot);
  }
  if (fresh.length) remember();
}

/**
 * Gives a run a color by hand.
 * @param {string} id
 * @param {number} slot
 */
export function chooseColor(id, slot) {
  known().set(id, slot);
  remember();
}

/**
 * The colors of groups, in the order of their names as given; more groups than colors share.
 * @param {string[]} names
 * @returns {Map<string, string>}
 */
export function groupColors(names) {
  return new Map(names.map((name, i) => [name, slotColor(i)]));
}

/**
 * The color that a canvas can use now: "var(--run-3)" becomes what the theme says.
 * @param {string} color
 * @returns {string}
 */
export function resolveColor(color) {
  const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
  return name ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() : color;
}

/**
 * A well spread 32-bit number of a text (FNV-1a, mixed at the end).
 * @param {string} text
 * @returns {number}
 */
export function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  value ^= value >>> 15;
  return Math.imul(value, 0x2c1b3c6d) >>> 0;
}

function known() {
  if (slots) return slots;
  slots = new Map();
  try {
    for (const [id, slot] of JSON.parse(localStorage.getItem(STORED) ?? "[]")) {
      slots.set(String(id), Math.abs(slot | 0) % SLOTS);
    }
  } catch {
    slots = new Map(); // no storage, or somebody else's text in it: colors still come from the ids
  }
  return slots;
}

function remember() {
  try {
    localStorage.setItem(STORED, JSON.stringify([...known()].slice(-KEPT)));
  } catch {
    // a full or forbidden storage costs only the memory for the next visit
  }
}
