/**
 * Windows cut out of what an exported page holds: the answer of POST /api/series without a server.
 * No dependencies, so that it can be tested alone.
 */

const KINDS = { f4: Float32Array, f8: Float64Array };

/**
 * @typedef {{header: {charts: object[]}, charts: Map<string, object>, buffer: ArrayBuffer, body: number}} Stored
 *   series of all metrics of all runs. Each lane has its own grid, as fine as the run by itself was
 *   asked for; places of arrays count from the end of the header.
 */

/**
 * Reads the container: u32 n | JSON of n bytes | arrays.
 * @param {ArrayBuffer} buffer
 * @returns {Stored}
 */
export function open(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const charts = new Map(header.charts.map((chart) => [chart.metric, chart]));
  return { header, charts, buffer, body: 4 + length };
}

/**
 * Answers a request for series with what is there; a narrow window has the buckets in it and no
 * finer ones.
 * @param {Stored} stored
 * @param {{runs: string[], metrics: string[], range?: [number, number]|null, lead?: number,
 *   counts?: boolean}} request
 * @returns {{charts: import("./frames.js").Frame[], missing: object[], ms: number}}
 */
export function series(stored, request) {
  const wanted = new Set(request.runs);
  const charts = request.metrics.map((metric) => {
    const lanes = (stored.charts.get(metric)?.lanes ?? []).filter((lane) => wanted.has(lane.run));
    return frame(stored, metric, lanes, request);
  });
  return { charts, missing: [], ms: 0 };
}

function frame(stored, metric, lanes, request) {
  const parts = new Map();
  const partOf = ([place]) => parts.get(place);
  for (const { grid } of lanes) {
    if (!parts.has(grid[0])) parts.set(grid[0], part(view(stored, grid), request)); // runs alike share one
  }
  const made = lanes.map((lane) => laneOf(stored, metric, lane, partOf(lane.grid), request));
  return {
    metric, x: "step", exact: lanes.every((lane) => lane.exact), lead: 0, grid: made[0]?.grid ?? new Float64Array(0),
    extent: extent(lanes), points: sum(made.map((lane) => lane.points)), lanes: made,
  };
}

/**
 * The buckets that are sent, and how many of them lie before the window. One more on each side lets
 * lines go on to the edge of the picture.
 */
function part(grid, { range = null, lead = 0 }) {
  if (!range) return { grid, first: 0, after: grid.length, lead: 0 };
  const low = Math.max(0, lowest(grid, range[0]) - 1);
  const after = Math.max(low, Math.min(grid.length, lowest(grid, range[1], true) + 1));
  const first = lead > 0 ? Math.min(low, lowest(grid, range[0] - lead)) : low;
  return { grid: grid.subarray(first, after), first, after, lead: low - first };
}

function laneOf(stored, metric, lane, { grid, first, after, lead }, { range, counts: withCounts }) {
  const cut = (place) => (place ? view(stored, place).subarray(first, after) : null);
  const mean = cut(lane.mean);
  const counts = cut(lane.count);
  const marks = range ? lane.marks.filter(([x]) => x >= range[0] && x <= range[1]) : lane.marks;
  const marked = range ? sum(marks.map((mark) => mark[2])) : lane.marksTotal;
  return {
    run: lane.run, metric, grid, lead, exact: lane.exact,
    mean, low: cut(lane.low) ?? mean, high: cut(lane.high) ?? mean, count: withCounts ? counts : null,
    points: range ? sum(counts.subarray(lead)) + marked : lane.points, marks, marksTotal: marked,
  };
}

/** The first place whose x is at least (or, with `beyond`, more than) a value. */
function lowest(grid, value, beyond = false) {
  let [low, high] = [0, grid.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (grid[middle] < value || (beyond && grid[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The range of x in which any of the lanes has points. */
function extent(lanes) {
  const known = lanes.map((lane) => lane.extent).filter(Boolean);
  if (!known.length) return null;
  return [Math.min(...known.map(([low]) => low)), Math.max(...known.map(([, high]) => high))];
}

function sum(values) {
  let all = 0;
  for (const value of values) if (value === value) all += value;
  return all;
}

function view({ buffer, body }, [offset, length, kind]) {
  return new KINDS[kind](buffer, body + offset, length);
}
