/** The runs of a project as the server lists them, kept up to date while they run. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { getJSON, isStatic } from "epochal/api.js";
import { askedPaths, summaryPath } from "epochal/columns.js";
import { notify } from "epochal/notices.js";
import { mainMetrics } from "epochal/telling.js";

const MANY = 1000;
const MEASURED_MOST = 60;
const MEASURE_EVERY_MS = 2000;
const LOAD_EVERY_MS = 3000;
const LOOK_EVERY_MS = 1500;
const OWN_KEYS = ["name", "group", "state", "duration_s", "steps", "tags", "notes", "seed", "code"];

/**
 * Loads the runs and keeps them current.
 * @param {string} slug
 * @param {string} expression filter
 * @param {{chosen: string[], extra: string[]}} columns chosen: paths of columns, none for the usual
 *   ones; extra: paths that are sorted or grouped by
 * @param {import("./live.js").Live} live
 * @returns {{list: object|null, error: Error|null, loading: boolean, change: Function}}
 */
export function useRunList(slug, expression, { chosen, extra }, live) {
  const [list, setList] = useState(null);
  const [error, setError] = useState(null);
  const [loading, setLoading] = useState(true);
  const [round, setRound] = useState(0);
  const wanted = [...chosen, "", ...extra].join("\n");
  useLayoutEffect(() => {
    const asking = new AbortController();
    setLoading(true);
    const show = (found) => setList((old) => old ?? found);
    load(slug, expression, { chosen, extra }, asking.signal, show).then(
      (found) => {
        setList(found);
        setError(null);
        setLoading(false);
      },
      (problem) => {
        if (problem.name === "AbortError") return;
        setLoading(false);
        setError(problem);
      },
    );
    return () => asking.abort();
  }, [slug, expression, wanted, round]);
  const change = useCallback((id, news) => setList((old) => patched(old, [[id, news]])), []);
  const reload = () => setRound((n) => n + 1);
  useFollow({ slug, expression, list, live, setList, reload });
  useLookout(list ? !list.total : error?.status === 404, reload);
  return { list, error, loading, change };
}

/** Asks again and again for a project that has no runs yet: its first one may just begin. */
function useLookout(empty, reload) {
  useEffect(() => {
    if (!empty || isStatic) return undefined;
    const timer = setInterval(() => document.hidden || reload(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [empty]);
}

async function load(slug, expression, { chosen, extra }, signal, show) {
  const asked = askedPaths([...(chosen.length ? chosen : remembered(slug)), ...extra]);
  const first = await getJSON(address(slug, expression, asked), { signal });
  const usual = chosen.length ? [] : askedPaths(mainMetrics(first.metrics ?? []).map((name) => summaryPath(name)));
  const missing = usual.filter((path) => !Object.hasOwn(first.columns ?? {}, path));
  if (!missing.length) return first;
  remember(slug, usual); // the next time one question is enough
  if (first.id.length >= MANY) show(first); // the second answer takes a while: numbers come later
  return getJSON(address(slug, expression, [...asked, ...missing]), { signal });
}

function address(slug, expression, columns) {
  const query = new URLSearchParams({ project: slug });
  if (expression) query.set("filter", expression);
  if (columns.length) query.set("columns", JSON.stringify([...new Set(columns)]));
  return `/api/runs?${query}`;
}

/** Takes in what /api/changes tells: small things at once, measured values every few seconds. */
function useFollow({ slug, expression, list, live, setList, reload }) {
  const waiting = useRef({ ids: new Set(), measuredAt: 0, loadedAt: 0, timer: 0 }).current;
  const now = useRef({});
  now.current = { slug, expression, list, reload };
  useEffect(() => {
    if (live.full) reload();
  }, [live.full]);
  useEffect(() => {
    const { list: shown, expression: filter } = now.current;
    const entries = Object.entries(live.changed);
    if (!shown || (!entries.length && !live.removed?.length)) return;
    const at = positions(shown);
    const moved = ([id, { state }]) => !at.has(id) || (filter && state !== shown.state[at.get(id)]);
    if (entries.some(moved) || live.removed?.some((id) => at.has(id))) {
      later(waiting, LOAD_EVERY_MS, waiting.loadedAt, () => loadAgain(waiting, now));
      return;
    }
    setList((old) => patched(old, entries));
    for (const [id] of entries) waiting.ids.add(id);
    later(waiting, MEASURE_EVERY_MS, waiting.measuredAt, () => measure(waiting, now, setList));
  }, [live.changed, live.removed]);
  useEffect(() => () => clearTimeout(waiting.timer), []);
}

function later(waiting, every, last, act) {
  clearTimeout(waiting.timer);
  waiting.timer = setTimeout(act, Math.max(0, last + every - Date.now()));
}

function loadAgain(waiting, now) {
  waiting.loadedAt = Date.now();
  waiting.ids.clear();
  now.current.reload();
}

/** Asks for the runs that changed, with the columns that the list has. */
async function measure(waiting, now, setList) {
  waiting.measuredAt = Date.now();
  const { slug, list } = now.current;
  const ids = [...waiting.ids];
  waiting.ids.clear();
  if (ids.length > MEASURED_MOST) {
    loadAgain(waiting, now);
    return;
  }
  try {
    const some = await getJSON(address(slug, `id in ${JSON.stringify(ids)}`, Object.keys(list.columns ?? {})));
    setList((old) => merged(old, some));
  } catch (error) {
    if (error.status) notify(error.message, "error"); // without an answer the banner tells
  }
}

/**
 * The list with fields of some runs changed.
 * @param {object} list
 * @param {Array<[string, object]>} news id and fields, such as {tags: […]}
 * @returns {object}
 */
export function patched(list, news) {
  if (!list) return list;
  const at = positions(list);
  const next = { ...list };
  for (const [id, fields] of news) {
    const row = at.get(id);
    if (row === undefined) continue;
    for (const key of OWN_KEYS) {
      if (!(key in fields) || fields[key] === list[key][row]) continue;
      if (next[key] === list[key]) next[key] = [...list[key]];
      next[key][row] = fields[key];
    }
  }
  return next;
}

/**
 * The list with the runs of another one in it taken from there.
 * @param {object} list
 * @param {object} some answer for a few of its runs
 * @returns {object}
 */
export function merged(list, some) {
  const at = positions(list);
  const rows = some.id.map((id) => at.get(id));
  const taken = (mine = {}, theirs = {}) => {
    const next = { ...mine };
    for (const [path, values] of Object.entries(theirs)) {
      next[path] = [...(mine[path] ?? new Array(list.id.length).fill(null))];
      rows.forEach((row, i) => row !== undefined && (next[path][row] = values[i]));
    }
    return next;
  };
  const own = taken(Object.fromEntries(OWN_KEYS.map((key) => [key, list[key]])), Object.fromEntries(
    OWN_KEYS.map((key) => [key, some[key]]).filter(([, values]) => values)));
  const known = new Set(list.metrics.map(({ name }) => name));
  const metrics = [...list.metrics, ...(some.metrics ?? []).filter(({ name }) => !known.has(name))];
  metrics.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    ...list, ...own, metrics: metrics.length === list.metrics.length ? list.metrics : metrics,
    columns: taken(list.columns, some.columns), config: taken(list.config, some.config),
  };
}

function positions(list) {
  return new Map(list.id.map((id, row) => [id, row]));
}

function remember(slug, paths) {
  try {
    sessionStorage.setItem(`epochal.columns.${slug}`, JSON.stringify(paths));
  } catch {
    // next time it takes a second question again
  }
}

function remembered(slug) {
  try {
    const paths = JSON.parse(sessionStorage.getItem(`epochal.columns.${slug}`) ?? "[]");
    return Array.isArray(paths) ? paths.map(String) : [];
  } catch {
    return [];
  }
}
