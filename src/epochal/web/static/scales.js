/** Scales: numbers to places on a picture and back, with round ticks. No dependencies. */

/**
 * Returns round numbers that cover a range, about as many as asked for.
 * @param {number} low @param {number} high @param {number} count
 * @returns {number[]} within [low, high], rising
 */
export function niceTicks(low, high, count = 5) {
  if (!(high > low) || !Number.isFinite(high - low)) return Number.isFinite(low) ? [low] : [];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const ticks = [];
  for (let i = first; i * step <= high + step * 1e-9; i += 1) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/**
 * Returns powers of ten in a range, with 2 and 5 between them where there are few.
 * @param {number} low above 0 @param {number} high @param {number} count at most about so many
 * @returns {number[]}
 */
export function logTicks(low, high, count = 5) {
  const from = Math.floor(Math.log10(low));
  const to = Math.ceil(Math.log10(high));
  const every = Math.max(1, Math.ceil((to - from) / count));
  const within = (value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const of = (factors) => {
    const ticks = [];
    for (let power = from; power <= to; power += every) {
      for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(12)));
    }
    return ticks.filter(within);
  };
  const tens = of([1]);
  if (tens.length >= 3 || every > 1) return tens;
  const more = of([1, 2, 5]);
  return more.length >= 2 ? more : niceTicks(low, high, count);
}

/**
 * A scale between a range of numbers and one of pixels.
 * @param {[number, number]} domain @param {[number, number]} range @param {boolean} log
 * @returns {{at: (value: number) => number, back: (place: number) => number,
 *   ticks: (count?: number) => number[], domain: [number, number], log: boolean}}
 */
export function scale(domain, range, log = false) {
  let [low, high] = domain;
  const useLog = log && low > 0;
  if (!(high > low)) {
    const room = useLog ? 0 : Math.abs(low) * 0.05 || 0.5;
    [low, high] = useLog ? [low / 1.1, high * 1.1] : [low - room, high + room];
  }
  const to = useLog ? Math.log10 : (value) => value;
  const from = useLog ? (value) => 10 ** value : (value) => value;
  const [a, b] = [to(low), to(high)];
  const slope = (range[1] - range[0]) / (b - a);
  return {
    at: (value) => range[0] + (to(value) - a) * slope,
    back: (place) => from(a + (place - range[0]) / slope),
    ticks: (count = 5) => (useLog ? logTicks : niceTicks)(low, high, count),
    domain: [low, high],
    log: useLog,
  };
}

/**
 * Returns the smallest and largest finite number, null where there is none.
 * @param {Iterable<number>} values @param {boolean} positive only those above 0
 * @returns {[number, number] | null}
 */
export function extentOf(values, positive = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (typeof value !== "number" || !Number.isFinite(value) || (positive && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/**
 * Returns a range a little wider, so that marks at its ends are whole.
 * @param {[number, number]} extent @param {boolean} log @param {number} share of its width
 * @returns {[number, number]}
 */
export function padded([low, high], log = false, share = 0.04) {
  if (log && low > 0) {
    const factor = (high / low) ** share || 1;
    return [low / Math.max(factor, 1.02), high * Math.max(factor, 1.02)];
  }
  const room = (high - low) * share || Math.abs(low) * 0.05 || 0.5;
  return [low - room, high + room];
}

/**
 * Says whether numbers are better seen on a log scale: all above 0, and 30 or more times apart.
 * @param {number[]} values @returns {boolean}
 */
export function spansDecades(values) {
  const finite = values.filter((value) => typeof value === "number" && Number.isFinite(value));
  const extent = extentOf(finite);
  return extent !== null && extent[0] > 0 && extent[1] / extent[0] >= 30;
}
