/** The lines of a console, fetched page by page as they come into sight. */
import { useEffect, useMemo, useReducer, useRef } from "epochal/html.js";
import { getJSON } from "epochal/api.js";
import { query } from "epochal/load.js";

/** Lines of one request. */
export const PAGE = 1000;
const KEPT_PAGES = 40;

/**
 * Lines that fit a search, by number.
 * @typedef {{total: number | null, error: Error | null, line: (n: number) => any[] | null,
 *   need: (first: number, last: number) => void, findTime: (elapsed_s: number) => Promise<number>}} Lines
 */

/**
 * Returns the lines of a run's console.
 * @param {string} id of the run @param {{grep: string, stream: string}} filter
 * @param {number} version grows when there is more: the end is asked for again
 * @returns {Lines}
 */
export function useLines(id, filter, version) {
  const [, renew] = useReducer((n) => n + 1, 0);
  const store = useMemo(() => new Store(id, filter, renew), [id, filter.grep, filter.stream]);
  const first = useRef(true);
  useEffect(() => {
    first.current = true;
    store.load(0);
    return () => store.stop();
  }, [store]);
  useEffect(() => {
    if (!first.current) store.loadEnd();
    first.current = false;
  }, [store, version]);
  return store;
}

class Store {
  constructor(id, filter, changed) {
    Object.assign(this, { id, filter, changed, total: null, error: null, ending: false });
    this.pages = new Map();
    this.asked = new Set();
    this.stopper = new AbortController();
  }

  stop() {
    this.stopper.abort();
  }

  line(n) {
    return this.pages.get(Math.floor(n / PAGE))?.[n % PAGE] ?? null;
  }

  need(first, last) {
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page += 1) {
      const known = this.pages.get(page);
      const whole = known && (known.length === PAGE || page * PAGE + known.length >= (this.total ?? 0));
      if (!whole && (this.total === null || page * PAGE < this.total)) this.load(page);
    }
  }

  /** Asks for the lines that have come since. */
  async loadEnd() {
    if (this.total === null || this.ending) return;
    this.ending = true;
    try {
      const { after = this.total, lines, total } = await this.ask(this.total, PAGE);
      if (total < this.total) this.pages.clear(); // a resume hides lines
      else this.append(after, lines);
      this.total = total;
      this.error = null;
    } catch (error) {
      if (this.stopper.signal.aborted) return;
      this.error = error;
    }
    this.ending = false;
    this.changed();
  }

  append(from, lines) {
    lines.forEach((line, i) => {
      const page = Math.floor((from + i) / PAGE);
      const place = (from + i) % PAGE;
      if (place === 0 && !this.pages.has(page)) this.pages.set(page, []);
      const known = this.pages.get(page);
      if (known?.length === place) known.push(line);
    });
  }

  async load(page) {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    try {
      const answer = await this.ask(page * PAGE, PAGE);
      this.error = null;
      this.total = answer.total;
      this.keep(page, answer.lines);
    } catch (error) {
      if (this.stopper.signal.aborted) return;
      this.error = error;
    }
    this.asked.delete(page);
    this.changed();
  }

  keep(page, lines) {
    this.pages.delete(page);
    this.pages.set(page, lines);
    while (this.pages.size > KEPT_PAGES) this.pages.delete(this.pages.keys().next().value);
  }

  ask(after, limit) {
    const path = `/api/run/${this.id}/console${query({ after, limit, ...this.filter })}`;
    return getJSON(path, { signal: this.stopper.signal });
  }

  /** Returns the number of the first line that is not before a time, by halving. */
  async findTime(elapsed_s) {
    let [low, high] = [0, this.total ?? 0];
    while (low < high) {
      const middle = (low + high) >> 1;
      const line = this.line(middle) ?? (await this.ask(middle, 1)).lines[0];
      if (line && line[0] < elapsed_s) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, Math.max(0, (this.total ?? 1) - 1));
  }
}
