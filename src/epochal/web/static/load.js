/** Loading for pages: what was there stays until the new answer has come. */
import { useEffect, useRef, useState } from "epochal/html.js";
import { getJSON } from "epochal/api.js";

/**
 * Loads JSON and loads it again when its path or version changes.
 * @param {string | null} path null: nothing yet
 * @param {number | string} version changes when there is more to load
 * @param {boolean} keep whether the old answer stays while another path loads
 * @returns {{data: any, error: Error | null, loading: boolean}}
 */
export function useJSON(path, version = 0, keep = false) {
  const [found, setFound] = useState({ path: null, data: null, error: null, version: null });
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    getJSON(path, { signal: stop.signal }).then(
      (data) => setFound({ path, data, error: null, version }),
      (error) => {
        if (stop.signal.aborted) return;
        setFound((old) => ({ path, data: old.path === path ? old.data : null, error, version }));
      },
    );
    return () => stop.abort();
  }, [path, version]);
  const current = found.path === path;
  const data = current || (keep && path !== null) ? found.data : null;
  const loading = path !== null && (!current || found.version !== version);
  return { data, error: current ? found.error : null, loading };
}

/**
 * Returns a value that follows another at most so often: for what changes many times a second.
 * @template T
 * @param {T} value @param {number} everyMs @returns {T}
 */
export function useSlowly(value, everyMs) {
  const [shown, setShown] = useState(value);
  const latest = useRef(value);
  const last = useRef(0);
  latest.current = value;
  useEffect(() => {
    if (value === shown) return undefined;
    const wait = Math.max(0, last.current + everyMs - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      setShown(latest.current);
    }, wait);
    return () => clearTimeout(timer);
  }, [value, shown, everyMs]);
  return shown;
}

/**
 * Returns a value once it has not changed for a moment: for what is typed.
 * @template T
 * @param {T} value @param {number} afterMs @returns {T}
 */
export function useSettled(value, afterMs = 200) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    if (value === settled) return undefined;
    const timer = setTimeout(() => setSettled(value), afterMs);
    return () => clearTimeout(timer);
  }, [value, settled, afterMs]);
  return settled;
}

/**
 * Returns the inner size of an element, and a ref to give to it.
 * @returns {[(node: HTMLElement | null) => void, {width: number, height: number}]}
 */
export function useSize() {
  const [node, setNode] = useState(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!node) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      const box = entry.contentRect;
      setSize({ width: Math.round(box.width), height: Math.round(box.height) });
    });
    observer.observe(node);
    return () => observer.disconnect();
  }, [node]);
  return [setNode, size];
}

/**
 * Returns a query string of the values that are given.
 * @param {Record<string, unknown>} values null, undefined and "" are left out
 * @returns {string} with its question mark, or ""
 */
export function query(values) {
  const given = Object.entries(values).filter(([, v]) => v !== null && v !== undefined && v !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/**
 * Loads several answers side by side; each is loaded again when the version changes.
 * @param {string[]} paths @param {number | string} version
 * @returns {{data: any, error: Error | null}[]} one for each; what was there stays meanwhile
 */
export function useMany(paths, version = 0) {
  const [found, setFound] = useState({});
  const key = paths.join("\n");
  useEffect(() => {
    const stop = new AbortController();
    for (const path of paths) {
      getJSON(path, { signal: stop.signal }).then(
        (data) => setFound((old) => ({ ...old, [path]: { data, error: null } })),
        (error) => {
          if (stop.signal.aborted) return;
          setFound((old) => ({ ...old, [path]: { data: old[path]?.data ?? null, error } }));
        },
      );
    }
    return () => stop.abort();
  }, [key, version]);
  return paths.map((path) => found[path] ?? { data: null, error: null });
}

/**
 * Says whether an element is, or was, near what is seen; give the ref to it.
 * @returns {[(node: HTMLElement | null) => void, boolean]}
 */
export function useNear() {
  const [node, setNode] = useState(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (!node || near) return undefined;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setNear(true);
    }, { rootMargin: "600px" });
    observer.observe(node);
    return () => observer.disconnect();
  }, [node, near]);
  return [setNode, near];
}

/**
 * Loads a text.
 * @param {string | null} path null: nothing
 * @returns {{data: string | null, error: Error | null}}
 */
export function useText(path) {
  const [found, setFound] = useState({ path: null, data: null, error: null });
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    fetchText(path, stop.signal).then(
      (data) => setFound({ path, data, error: null }),
      (error) => stop.signal.aborted || setFound({ path, data: null, error }),
    );
    return () => stop.abort();
  }, [path]);
  return found.path === path ? found : { data: null, error: null };
}

async function fetchText(path, signal) {
  const answer = await fetch(path, { signal });
  if (answer.ok) return answer.text();
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The server answered ${answer.status}.`);
}
