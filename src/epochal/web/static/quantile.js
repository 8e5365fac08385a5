/** Quantiles: of Student's t distribution, for intervals of means, and of numbers. */

const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406,
  12.507343278686905, -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

function logGamma(z) {
  if (z < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * z)) - logGamma(1 - z);
  const t = z + 6.5;
  const sum = LANCZOS.reduce((all, c, i) => all + c / (z + i), 0.9999999999998099);
  return 0.5 * Math.log(2 * Math.PI) + (z - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Continued fraction of the incomplete beta function (Lentz's method). */
function betaFraction(a, b, x) {
  const tiny = 1e-300;
  const away = (v) => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      change = c * d;
      value *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return value;
}

/** Regularized incomplete beta function. */
function incompleteBeta(a, b, x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const scale = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  return x < (a + 1) / (a + b + 2)
    ? (scale * betaFraction(a, b, x)) / a
    : 1 - (scale * betaFraction(b, a, 1 - x)) / b;
}

/** Probability that |t| is above a value. */
function twoSided(t, df) {
  return incompleteBeta(df / 2, 0.5, df / (df + t * t));
}

const known = new Map();

/**
 * Return the t that a share of Student's distribution lies within, from -t to t.
 * @param {number} df degrees of freedom, at least 1
 * @param {number} [confidence] above 0 and below 1
 * @returns {number} NaN where df < 1
 */
export function studentT(df, confidence = 0.95) {
  if (!(df >= 1)) return NaN;
  const key = `${df} ${confidence}`;
  if (!known.has(key)) known.set(key, solveT(df, 1 - confidence));
  return known.get(key);
}

function solveT(df, outside) {
  let low = 0;
  let high = 1;
  while (twoSided(high, df) > outside) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (twoSided(middle, df) > outside) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Return quantiles of numbers, interpolated linearly between the nearest two.
 * @param {Float64Array} values finite; sorted in place
 * @param {number[]} shares each from 0 to 1
 * @returns {number[]} NaN where there is no value
 */
export function quantiles(values, shares) {
  values.sort();
  return shares.map((share) => {
    const at = share * (values.length - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, values.length - 1);
    return values.length ? values[below] + (values[above] - values[below]) * (at - below) : NaN;
  });
}
