/** Histograms over steps as a heat map: columns and shades. No dependencies. */

/**
 * A histogram of a step.
 * @typedef {{step: number | null, counts: number[], edges: number[]}} Bins
 */

/**
 * Returns the columns of a heat map: each reaches halfway to its neighbors.
 * @param {Bins[]} bins in any order; of a step that comes again the last one counts
 * @returns {{step: number, from: number, to: number, bins: Bins, total: number, shade: Float32Array}[]}
 *   shade: 0 to 1 for each bin, by density: the share of values per width
 */
export function heatColumns(bins) {
  const byStep = new Map(bins.map((each) => [each.step ?? 0, each]));
  const steps = [...byStep.keys()].sort((a, b) => a - b);
  const densities = steps.map((step) => densityOf(byStep.get(step)));
  const highest = steady(densities);
  return steps.map((step, i) => {
    const before = i ? (steps[i - 1] + step) / 2 : step - gap(steps, 0) / 2;
    const after = i < steps.length - 1 ? (step + steps[i + 1]) / 2 : step + gap(steps, steps.length - 1) / 2;
    const shade = densities[i].map((value) => (value ? 0.06 + 0.94 * Math.sqrt(Math.min(1, value / highest)) : 0));
    const found = byStep.get(step);
    return { step, from: before, to: after, bins: found, total: sum(found.counts), shade };
  });
}

/**
 * Returns the range of values that all histograms cover.
 * @param {Bins[]} bins not empty @returns {[number, number]}
 */
export function valueRange(bins) {
  const low = Math.min(...bins.map((each) => each.edges[0]));
  const high = Math.max(...bins.map((each) => each.edges.at(-1)));
  return [low, high];
}

function densityOf({ counts, edges }) {
  const total = sum(counts) || 1;
  return Float32Array.from(counts, (n, i) => n / total / Math.max(1e-30, edges[i + 1] - edges[i]));
}

/** The density that is drawn darkest: that of one extreme column does not make the others pale. */
function steady(densities) {
  const peaks = densities.map((each) => Math.max(...each)).sort((a, b) => a - b);
  return peaks[Math.floor((peaks.length - 1) * 0.9)] || 1;
}

function gap(steps, i) {
  if (steps.length < 2) return 1;
  return i ? steps[i] - steps[i - 1] : steps[1] - steps[0];
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
