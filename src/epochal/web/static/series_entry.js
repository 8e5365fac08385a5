/** What the fetching of series remembers of each metric. */

const FILLED = 0.8; // of a window that fits

/** Return what entries are told apart by. @param {import("./series.js").Need} need */
export function keyOf(need) {
  return `${need.metric}\n${need.x}\n${need.width}`;
}

/** Return what a window is told apart by. @param {import("./series.js").Need} need */
export function paramsOf({ range, lead, counts, width }) {
  return JSON.stringify([range, lead, counts, width]);
}

/** Return what a refused request is known by. @param {string} params @param {string[]} runs */
export function refusal(params, runs) {
  return `${params} ${runs.join()}`;
}

/** Return the entry of a metric that nothing is known of. @param {string} metric */
export function emptyEntry(metric) {
  return {
    metric,
    params: null,
    lanes: new Map(),
    asked: new Map(),
    fitted: null,
    extent: null,
    missing: [],
    pending: null,
    error: null,
    refused: null,
    staleSince: null,
  };
}

/**
 * Return a request on its way; it is aborted when no entry wants it any more.
 * @param {string} params @param {string[]} runs @param {object[]} entries
 */
export function pendingOf(params, runs, entries) {
  const waiting = new Set(entries);
  const stop = new AbortController();
  const leave = (entry) => {
    entry.pending = null;
    waiting.delete(entry);
    if (!waiting.size) stop.abort();
  };
  return { params, runs: new Set(runs), stop, leave };
}

/**
 * Put an answer into its entry; the picture of another window makes room for it.
 * @param {object} entry
 * @param {import("./frames.js").Frame} frame
 * @param {string} params
 * @param {Map<string, number|undefined>} versions of the runs that were asked for, as they were then
 * @param {Array<{run: string, reason: string}>} missing
 */
export function take(entry, frame, params, versions, missing) {
  const anew = entry.params !== params;
  if (anew) {
    entry.params = params;
    entry.asked = new Map();
  }
  entry.lanes = new Map(anew ? [] : entry.lanes);
  for (const [id, version] of versions) {
    entry.asked.set(id, version);
    entry.lanes.delete(id);
  }
  for (const lane of frame.lanes) if (hasAny(lane)) entry.lanes.set(lane.run, lane);
  entry.extent = anew ? frame.extent : union(entry.extent, frame.extent);
  const before = anew ? [] : entry.missing.filter(({ run }) => !versions.has(run));
  entry.missing = [...before, ...missing];
  entry.error = null;
  entry.staleSince = null;
}

/**
 * Whether lanes have buckets that are clearly wider than those of a window of their own would be:
 * they were asked for together with longer runs.
 * @param {import("./frames.js").Lane[]} lanes
 */
export function isCoarse(lanes) {
  let [low, high, covered] = [Infinity, -Infinity, 0];
  for (const { grid, mean, exact } of lanes) {
    let first = 0;
    let last = grid.length - 1;
    while (first <= last && Number.isNaN(mean[first])) first += 1;
    while (last > first && Number.isNaN(mean[last])) last -= 1;
    if (first > last) continue;
    low = Math.min(low, grid[first]);
    high = Math.max(high, grid[last]);
    if (!exact) covered = Math.max(covered, grid[grid.length - 1] - grid[0]);
  }
  return high - low < FILLED * covered;
}

function hasAny(lane) {
  return lane.points > 0 || lane.marks.length > 0 || lane.mean.some((value) => !Number.isNaN(value));
}

function union(a, b) {
  if (!a || !b) return a ?? b;
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}
