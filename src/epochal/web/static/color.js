/**
 * Colors of runs and groups. A color is a CSS variable, so that each theme has its own shade;
 * a canvas, which knows no variables, asks `resolveColor` when it draws.
 */

/** How many colors there are: --run-0 to --run-11 in base.css. */
export const SLOTS = 12;

const STORED = "epochal.colors.chosen";
const KEPT = 1000;
let chosen = null;

/**
 * The color of a run: by its place among the runs of its project, oldest first, so that it is the
 * same on every page and in every browser, and neighbors differ.
 * @param {string} id
 * @param {number|null|undefined} ordinal as the server tells it; without it the run is gray
 * @returns {string} such as "var(--run-3)"
 */
export function runColor(id, ordinal) {
  const slot = byHand().get(id) ?? ordinal;
  return slot === null || slot === undefined ? "var(--faint)" : slotColor(slot);
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
 * Gives a run a color by hand, for this browser.
 * @param {string} id
 * @param {number} slot
 */
export function chooseColor(id, slot) {
  byHand().set(id, slot);
  try {
    localStorage.setItem(STORED, JSON.stringify([...chosen].slice(-KEPT)));
  } catch {
    // a full or forbidden storage costs only the memory for the next visit
  }
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

function byHand() {
  if (chosen) return chosen;
  chosen = new Map();
  try {
    for (const [id, slot] of JSON.parse(localStorage.getItem(STORED) ?? "[]")) {
      chosen.set(String(id), Math.abs(slot | 0) % SLOTS);
    }
  } catch {
    chosen = new Map(); // no storage, or somebody else's text in it: nothing was chosen
  }
  return chosen;
}
