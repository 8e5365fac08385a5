/** How two numbers of runs relate: Spearman's rho and the Pareto front. No dependencies. */

/**
 * Returns ranks from 1 on; equal values share the mean of their ranks.
 * @param {number[]} values @returns {number[]}
 */
export function ranks(values) {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const found = new Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to += 1;
    for (let i = from; i < to; i += 1) found[order[i]] = (from + to + 1) / 2;
    from = to;
  }
  return found;
}

/**
 * Returns Spearman's rank correlation over the pairs of which both are finite.
 * @param {unknown[]} xs @param {unknown[]} ys
 * @returns {{rho: number, n: number}} rho is NaN for fewer than 3 pairs or where one does not vary
 */
export function spearman(xs, ys) {
  const pairs = xs.map((x, i) => [x, ys[i]]).filter((pair) => pair.every(isNumber));
  const n = pairs.length;
  if (n < 3) return { rho: NaN, n };
  const [a, b] = [0, 1].map((side) => ranks(pairs.map((pair) => pair[side])));
  const middle = (n + 1) / 2;
  let [both, ofA, ofB] = [0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    both += (a[i] - middle) * (b[i] - middle);
    ofA += (a[i] - middle) ** 2;
    ofB += (b[i] - middle) ** 2;
  }
  return { rho: ofA && ofB ? both / Math.sqrt(ofA * ofB) : NaN, n };
}

/**
 * Returns which points no other one beats, in the order of x.
 * @param {{x: number, y: number}[]} points
 * @param {"minimize" | "maximize"} goalX @param {"minimize" | "maximize"} goalY
 * @returns {number[]} their indices
 */
export function paretoFront(points, goalX, goalY) {
  const signX = goalX === "maximize" ? -1 : 1;
  const signY = goalY === "maximize" ? -1 : 1;
  const order = points
    .map((point, i) => ({ i, x: signX * point.x, y: signY * point.y }))
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y))
    .sort((a, b) => a.x - b.x || a.y - b.y);
  const front = [];
  let best = null;
  for (const point of order) {
    const same = best !== null && point.y === best.y && point.x === best.x;
    if (best !== null && point.y >= best.y && !same) continue;
    front.push(point.i);
    best = point;
  }
  return front.sort((i, j) => points[i].x - points[j].x);
}

/**
 * Says a rank correlation in words, with n and a caution where n is small.
 * @param {{rho: number, n: number}} found @returns {string}
 */
export function correlationText({ rho, n }) {
  if (n < 3) return `Spearman's ρ needs 3 runs with both numbers; there ${n === 1 ? "is" : "are"} ${n}`;
  if (Number.isNaN(rho)) return `Spearman's ρ cannot be had: one of them does not vary (n = ${n})`;
  const caution = n < 10 ? ", few: chance alone gives large values" : "";
  return `Spearman's ρ = ${rho.toFixed(2).replace("-", "−")} (n = ${n}${caution})`;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
