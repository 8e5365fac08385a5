/** Smoothing by half-life, the same at a step however far the chart is zoomed in. */

/** How many half-lives before a window are asked for: what lies further back counts 1e-6. */
export const LEAD = 20;

/**
 * Return a moving average in which a point `halfLife` of x further back counts half.
 *
 * The same as `epochal.analyze.smoothing.half_life_ema` of the points where the window is exact.
 * A bucket stands for its `count` points, spread evenly over its width: at its middle those of the
 * first half count, so that an overview and a narrow window agree.  Where there is no value there
 * is none in the answer, and nothing after it changes.
 *
 * @param {ArrayLike<number>} x rising
 * @param {ArrayLike<number>} y NaN: no value
 * @param {ArrayLike<number>|null} count points of each value; null: one each
 * @param {number} halfLife above 0, in units of x
 * @param {{exact?: boolean}} [options] exact: all points of a value have exactly this x
 * @returns {Float64Array}
 */
export function halfLifeEma(x, y, count, halfLife, { exact = true } = {}) {
  const smoothed = new Float64Array(y.length).fill(NaN);
  const scale = scaleOf(y);
  let average = 0; // of everything up to here, and the weight it has
  let weight = 0;
  let before = NaN;
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i])) continue;
    const value = y[i] / scale;
    const points = count ? count[i] : 1;
    if (weight > 0) weight *= 2 ** (-(x[i] - before) / halfLife);
    before = x[i];
    const near = exact ? points : nearShare(points, widthAt(x, i), halfLife);
    smoothed[i] = (average + (value - average) * (near / (weight + near))) * scale;
    weight += points;
    average += (value - average) * (points / weight);
  }
  return smoothed;
}

/** Weight, at the middle of a bucket, of its points up to there. */
function nearShare(points, width, halfLife) {
  if (points <= 1) return points;
  const half = (points + 1) / 2;
  const distance = (width * (points - 1)) / (4 * points);
  return half * 2 ** (-distance / halfLife);
}

/** Width of bucket i: to its nearest neighbor (coarser buckets lie before finer ones). */
function widthAt(x, i) {
  const left = i > 0 ? x[i] - x[i - 1] : Infinity;
  const right = i + 1 < x.length ? x[i + 1] - x[i] : Infinity;
  const width = Math.min(left, right);
  return Number.isFinite(width) ? width : 0;
}

/** A divisor that keeps differences of values near 1e308 from overflowing. */
function scaleOf(y) {
  let largest = 0;
  for (let i = 0; i < y.length; i++) {
    const size = Math.abs(y[i]);
    if (size > largest && size < Infinity) largest = size;
  }
  return largest > 1e300 ? 16 : 1;
}

/**
 * Return the half-lives that a slider offers: 0 and 1-2-5 numbers that fit an axis.
 * @param {[number, number]|null} extent of x
 * @param {number} [chosen] one more, offered in its place
 * @returns {number[]} rising, the first 0
 */
export function halfLifeChoices(extent, chosen = 0) {
  const span = extent ? extent[1] - extent[0] : 0;
  const choices = new Set([0, ...(chosen > 0 ? [chosen] : [])]);
  if (span > 0) {
    for (let e = Math.floor(Math.log10(span / 2000)); e <= Math.log10(span); e++) {
      for (const digit of [1, 2, 5]) {
        const value = Number(`${digit}e${e}`);
        if (value >= span / 2000 && value <= span / 2) choices.add(value);
      }
    }
  }
  return [...choices].sort((a, b) => a - b);
}
