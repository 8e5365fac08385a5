/**
 * The binary answer of POST /api/series, read without copying.
 *
 * u32 n | JSON header of n bytes, padded so that 4 + n is a multiple of 8 | arrays, each of them
 * 8-byte aligned, all little-endian.  An array in the header is [byte where it begins in the answer,
 * length, "f4" or "f8"]; NaN stands for "nothing here".
 */

/**
 * One run's part of a window.
 * @typedef {Object} Lane
 * @property {string} run id of the run
 * @property {string} metric
 * @property {Float64Array} grid middle of each bucket, or the points' own x where exact
 * @property {number} lead how many of the first buckets lie before the window, for smoothing only
 * @property {boolean} exact the values are the points themselves
 * @property {Float32Array|Float64Array} mean
 * @property {Float32Array|Float64Array} low smallest value in each bucket
 * @property {Float32Array|Float64Array} high largest value in each bucket
 * @property {Float32Array|Float64Array|null} count points in each bucket, if asked for
 * @property {number} points how many points the window holds
 * @property {Array<[number, string, number]>} marks x, "nan" | "inf" | "-inf", how many
 * @property {number} marksTotal
 */

/**
 * One metric's window.
 * @typedef {Object} Frame
 * @property {string} metric
 * @property {string} x
 * @property {boolean} exact
 * @property {number} lead
 * @property {Float64Array} grid that all lanes share
 * @property {[number, number]|null} extent of x, over everything these runs have
 * @property {number} points
 * @property {Lane[]} lanes
 */

const KINDS = { f4: Float32Array, f8: Float64Array };

/**
 * Return what an answer holds, its arrays being views of the buffer.
 * @param {ArrayBuffer} buffer
 * @returns {{charts: Frame[], missing: Array<{run: string, reason: string}>, ms: number}}
 * @throws {Error} the answer is cut short or no answer of this kind
 */
export function decode(buffer) {
  if (buffer.byteLength < 4) throw new Error("the answer of the server is empty");
  const length = new DataView(buffer).getUint32(0, true);
  const body = 4 + length;
  if (body > buffer.byteLength || body % 8) throw new Error("the answer of the server is damaged");
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const view = (place) => (place ? viewOf(buffer, place) : null);
  const charts = header.charts.map((chart) => frameOf(chart, view));
  return { charts, missing: header.missing ?? [], ms: header.ms ?? 0 };
}

function viewOf(buffer, [offset, length, kind]) {
  const Kind = KINDS[kind];
  if (!Kind) throw new Error(`the server sent numbers of an unknown kind, ${kind}`);
  if (offset + length * Kind.BYTES_PER_ELEMENT > buffer.byteLength) {
    throw new Error("the answer of the server is cut short");
  }
  return new Kind(buffer, offset, length);
}

function frameOf(chart, view) {
  const shared = {
    metric: chart.metric,
    grid: view(chart.grid) ?? new Float64Array(0),
    lead: chart.lead ?? 0,
    exact: Boolean(chart.exact),
  };
  return {
    metric: chart.metric,
    x: chart.x,
    exact: shared.exact,
    lead: shared.lead,
    grid: shared.grid,
    extent: chart.extent ?? null,
    points: chart.points ?? 0,
    lanes: chart.lanes.map((lane) => laneOf(lane, shared, view)),
  };
}

function laneOf(lane, shared, view) {
  const mean = view(lane.mean);
  return {
    run: lane.run,
    ...shared,
    mean,
    low: view(lane.low) ?? mean,
    high: view(lane.high) ?? mean,
    count: view(lane.count),
    points: lane.points,
    marks: lane.marks ?? [],
    marksTotal: lane.marksTotal ?? 0,
  };
}
