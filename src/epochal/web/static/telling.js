/** Which metrics tell most of a run, by their names and what was defined of them. */

const LOSS = /(^|[/_.-])(loss|nll|ppl|perplexity)(?=$|[/_.-])(?![_.-]?scal)/i;
const LOWER = new Set("loss error perplexity mse mae rmse nll wer cer fid".split(" "));
const CHECKED = /(^|[/_.-])(val|valid|validation|eval|test|dev)([/_.-]|$)/i;
const SCORE = /(acc|accuracy|f1|auc|map|bleu|reward|return|score|iou|psnr|top-?[15])(@\d+)?$/i;
const ASIDE = /(^|[/_.-])(lr|learning_rate|epoch|step|time|seconds|throughput|grad)/i;

/**
 * Says whether a metric is a loss by its name.
 * @param {string} name
 * @returns {boolean}
 */
export function isLoss(name) {
  return LOSS.test(name);
}

/**
 * Says whether less of a metric is better by its name alone, as `epochal.core.goals` does.
 * @param {string} name
 * @returns {boolean}
 */
export function lowerIsBetter(name) {
  return name.toLowerCase().split(/[/\-._ ]/).some((word) => LOWER.has(word));
}

/**
 * The metrics that tell most of a run, best first: with a goal, of validation, losses and scores.
 * @param {Array<{name: string, runs: number, goal: string|null}>} metrics
 * @param {number} [n]
 * @returns {string[]}
 */
export function mainMetrics(metrics, n = 2) {
  return ranked(metrics, () => 0).slice(0, n).map(({ name }) => name);
}

/**
 * The metric that runs are compared by unless somebody chooses another one: of those of which it is
 * known what is better the most telling one; null if there is none at all.
 * @template {{name: string, runs: number, goal?: string | null}} M
 * @param {M[]} metrics
 * @returns {M | null}
 */
export function mainMetric(metrics) {
  return ranked(metrics, ({ name, goal }) => (goal ? 2 : lowerIsBetter(name) ? 1 : 0))[0] ?? metrics[0] ?? null;
}

function ranked(metrics, kind) {
  const most = Math.max(1, ...metrics.map((metric) => metric.runs ?? 0));
  return metrics
    .filter(({ name }) => !name.startsWith("system/"))
    .map((metric) => ({ metric, kind: kind(metric), weight: weight(metric, most) }))
    .sort((a, b) => b.kind - a.kind || b.weight - a.weight || (a.metric.name < b.metric.name ? -1 : 1))
    .map(({ metric }) => metric);
}

function weight({ name, runs, goal }, most) {
  let sum = (runs ?? 0) / most;
  if (goal) sum += 4;
  if (CHECKED.test(name)) sum += 2;
  if (isLoss(name)) sum += 2;
  else if (SCORE.test(name)) sum += 1.5;
  return ASIDE.test(name) ? sum - 3 : sum;
}
