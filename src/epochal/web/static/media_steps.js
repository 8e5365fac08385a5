/** Media of several keys and runs at one step: which keys there are, and what each shows there. */

/**
 * A key under which something was logged.
 * @typedef {{key: string, type: string, count: number, steps: number[]}} MediaKey
 */

/**
 * Returns the keys of several runs together, in the order in which they first appear.
 * @param {(MediaKey[] | null)[]} lists one per run; null: not known yet
 * @returns {(MediaKey & {per: (MediaKey | null)[]})[]} steps: of all runs; per: the key in each run
 */
export function joinedKeys(lists) {
  const found = new Map();
  lists.forEach((keys, i) => {
    for (const each of keys ?? []) {
      const name = `${each.type === "text" ? "t" : "m"} ${each.key}`;
      if (!found.has(name)) {
        found.set(name, { key: each.key, type: each.type, count: 0, per: lists.map(() => null) });
      }
      const joined = found.get(name);
      joined.count += each.count;
      joined.per[i] = each;
    }
  });
  return [...found.values()].map((each) => ({ ...each, steps: joinedSteps(each.per) }));
}

/**
 * Returns every step of some keys, once and rising.
 * @param {(MediaKey | null)[]} keys @returns {number[]}
 */
export function joinedSteps(keys) {
  const all = new Set(keys.flatMap((each) => each?.steps ?? []));
  return [...all].sort((a, b) => a - b);
}

/**
 * Returns the last step that is not after another one, null if all are after it.
 * @param {number[]} steps rising @param {number} step @returns {number | null}
 */
export function atOrBefore(steps, step) {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return low ? steps[low - 1] : null;
}

/**
 * Returns what a key shows at a step: what was logged then, or last before it.
 * @template {{step: number | null}} T
 * @param {T[]} items in the order of logging
 * @param {number | null} step null: the latest
 * @returns {{items: T[], step: number | null, next: number | null}} step: at which they were logged;
 *   next: where there is nothing yet, the first step that has something
 */
export function itemsAt(items, step) {
  const steps = [...new Set(items.map((each) => each.step).filter((each) => each !== null))];
  steps.sort((a, b) => a - b);
  if (!steps.length) return { items: latestOf(items), step: null, next: null };
  const at = step === null ? steps.at(-1) : atOrBefore(steps, step);
  if (at === null) return { items: [], step: null, next: steps[0] };
  return { items: latestOf(items.filter((each) => each.step === at)), step: at, next: null };
}

/** Of what was logged at one step again and again in lists (1 of 4, 2 of 4 …), the last list. */
function latestOf(items) {
  const start = items.findLastIndex((each) => each.index && each.index[0] === 1);
  const inList = start > 0 && items.slice(start).every((each) => each.index);
  return inList ? items.slice(start) : items;
}

/**
 * Returns where a step stands among others: at it, or the last before it.
 * @param {number[]} steps rising @param {number | null} step null: the last
 * @returns {number} -1 if there are none
 */
export function placeOf(steps, step) {
  if (step === null || !steps.length) return steps.length - 1;
  const at = atOrBefore(steps, step);
  return at === null ? 0 : steps.indexOf(at);
}
