/**
 * Windows cut out of what an exported page holds: the answer of POST /api/series without a server.
 * No dependencies, so that it can be tested alone.
 */

const KINDS = { f4: Float32Array, f8: Float64Array };
const BYTES = { f4: 4, f8: 8 };

/**
 * @typedef {{header: {charts: object[]}, buffer: ArrayBuffer, body: number}} Stored frames of all
 *   metrics of all runs, as frames.js describes them, but that places count from the end of the header
 */

/**
 * Reads the container: u32 n | JSON of n bytes | arrays.
 * @param {ArrayBuffer} buffer
 * @returns {Stored}
 */
export function open(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, buffer, body: 4 + length };
}

/**
 * Answers a request for series with what is there; a narrow window has the buckets in it and no
 * finer ones.
 * @param {Stored} stored
 * @param {{runs: string[], metrics: string[], x?: string, range?: [number, number]|null,
 *   lead?: number, counts?: boolean}} request
 * @returns {ArrayBuffer} frames
 */
export function series(stored, request) {
  const wanted = new Set(request.runs);
  const out = new Writer();
  const charts = request.metrics.map((metric) => {
    const chart = stored.header.charts.find(
      (each) => each.metric === metric && each.lanes.some((lane) => wanted.has(lane.run)),
    );
    return chart ? cut(stored, chart, wanted, request, out) : nothing(metric, out);
  });
  return out.frames({ charts, missing: [], ms: 0 });
}

function nothing(metric, out) {
  const grid = out.put([], "f8");
  return { metric, x: "step", exact: true, lead: 0, extent: null, points: 0, grid, lanes: [] };
}

function cut(stored, chart, wanted, request, out) {
  const grid = view(stored, chart.grid);
  const lanes = chart.lanes.filter((lane) => wanted.has(lane.run));
  const [first, after, lead] = span(grid, request);
  const made = lanes.map((lane) => {
    const part = (place) => (place ? view(stored, place).subarray(first, after) : null);
    const counts = part(lane.count);
    const inside = (x) => !request.range || (x >= request.range[0] && x <= request.range[1]);
    const marks = lane.marks.filter((mark) => inside(mark[0]));
    const marked = request.range ? sum(marks.map((mark) => mark[2])) : 0;
    return {
      run: lane.run,
      points: request.range ? sum(counts.subarray(lead)) + marked : lane.points,
      mean: out.put(part(lane.mean), lane.mean[2]),
      low: lane.low && out.put(part(lane.low), lane.low[2]),
      high: lane.high && out.put(part(lane.high), lane.high[2]),
      count: request.counts ? out.put(counts, lane.count[2]) : null,
      marks,
      marksTotal: request.range ? marked : lane.marksTotal,
    };
  });
  return {
    metric: chart.metric, x: chart.x, exact: chart.exact, lead, extent: extent(stored, grid, lanes),
    points: made.reduce((all, lane) => all + lane.points, 0),
    grid: out.put(grid.subarray(first, after), "f8"), lanes: made,
  };
}

/**
 * Which buckets are sent: [first, after the last, how many of them lie before the window]. One more
 * on each side lets lines go on to the edge of the picture.
 */
function span(grid, { range = null, lead = 0 }) {
  if (!range) return [0, grid.length, 0];
  const low = Math.max(0, lowest(grid, range[0]) - 1);
  const after = Math.min(grid.length, lowest(grid, range[1], true) + 1);
  const first = lead > 0 ? Math.min(low, lowest(grid, range[0] - lead)) : low;
  return [first, Math.max(after, low), low - first];
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
function extent(stored, grid, lanes) {
  let [low, high] = [Infinity, -Infinity];
  for (const lane of lanes) {
    const counts = view(stored, lane.count);
    for (let i = 0; i < counts.length; i++) {
      if (!counts[i]) continue;
      low = Math.min(low, grid[i]);
      high = Math.max(high, grid[i]);
    }
  }
  return low <= high ? [low, high] : null;
}

function sum(values) {
  let all = 0;
  for (const value of values) if (value === value) all += value;
  return all;
}

function view({ buffer, body }, [offset, length, kind]) {
  return new KINDS[kind](buffer, body + offset, length);
}

/** Puts arrays behind each other, each on a multiple of eight bytes. */
class Writer {
  constructor() {
    this.parts = [];
    this.size = 0;
  }

  put(values, kind) {
    const place = [this.size, values.length, kind];
    this.parts.push(place, values);
    this.size += Math.ceil((values.length * BYTES[kind]) / 8) * 8;
    return place;
  }

  /** The answer: the places in its header count from its first byte, so its size is made first. */
  frames(header) {
    const encoder = new TextEncoder();
    const digits = String(this.size).length + 8;
    const longest = encoder.encode(JSON.stringify(header)).length + (this.parts.length / 2) * digits;
    const start = Math.ceil((4 + longest) / 8) * 8;
    const buffer = new ArrayBuffer(start + this.size);
    for (let i = 0; i < this.parts.length; i += 2) {
      const place = this.parts[i];
      place[0] += start;
      new KINDS[place[2]](buffer, place[0], place[1]).set(this.parts[i + 1]);
    }
    new DataView(buffer).setUint32(0, start - 4, true);
    const head = new Uint8Array(buffer, 4, start - 4).fill(32);
    head.set(encoder.encode(JSON.stringify(header)));
    return buffer;
  }
}
