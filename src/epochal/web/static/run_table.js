/** The runs of a project as dimensions: what parallel coordinates and scatter are drawn of. */
import { useMemo } from "epochal/html.js";
import { dimension, parseMetricPath } from "epochal/dimensions.js";
import { isPath } from "epochal/filter.js";
import { query, useJSON } from "epochal/load.js";

/** So many runs are drawn at once; of more the newest. */
export const MOST_RUNS = 1500;

/**
 * Runs with their values.
 * @typedef {{id: string[], name: string[], state: string[], metrics: object[], config:
 *   import("epochal/dimensions.js").Dimension[], byPath: Map<string,
 *   import("epochal/dimensions.js").Dimension>, matched: number, total: number}} RunTable
 */

/**
 * Loads runs with some values of each.
 * @param {string} slug @param {{paths?: string[], filter?: string, ids?: string[], version?: any}} what
 *   paths: of metrics, such as summary.loss.min; config keys are there anyway; ids: only these; none
 *   for all
 * @returns {{data: RunTable | null, error: Error | null, loading: boolean}}
 */
export function useRunTable(slug, { paths = [], filter = "", ids = [], version = 0 }) {
  const metrics = [...new Set(paths.filter((path) => parseMetricPath(path) && isPath(path)))].sort();
  const columns = metrics.length ? JSON.stringify(metrics) : "";
  const found = useJSON(`/api/runs${query({ project: slug, filter, columns })}`, version, true);
  const wanted = ids.join(",");
  const data = useMemo(() => found.data && tableOf(found.data, wanted ? ids : []), [found.data, wanted]);
  return { ...found, data };
}

/**
 * Returns an answer of the server as dimensions.
 * @param {object} answer of /api/runs @param {string[]} ids only these; none for all
 * @returns {RunTable}
 */
export function tableOf(answer, ids = []) {
  const wanted = new Set(ids);
  const places = answer.id.flatMap((id, i) => (!ids.length || wanted.has(id) ? [i] : [])).slice(0, MOST_RUNS);
  const pick = (column) => places.map((i) => column[i]);
  const made = (columns) => Object.entries(columns ?? {}).map(([path, column]) => dimension(path, pick(column)));
  const config = made(answer.config);
  const all = [...config, ...made(answer.columns)];
  return {
    id: pick(answer.id), name: pick(answer.name), state: pick(answer.state),
    metrics: answer.metrics, config, byPath: new Map(all.map((each) => [each.path, each])),
    matched: ids.length ? places.length : answer.matched, total: answer.total,
  };
}
