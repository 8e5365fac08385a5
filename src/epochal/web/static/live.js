/**
 * What changes while it is shown: one small question a second, however many components ask, only
 * while the tab is visible, and one every five seconds while nothing runs.
 */
import { useEffect, useState } from "preact/hooks";
import { getJSON, isStatic, onReach } from "epochal/api.js";

const BUSY_MS = 1000;
const IDLE_MS = 5000;
const RETRY_MS = [1000, 2000, 4000, 8000, 10000];
const NOTHING = { versions: {}, running: 0, gone: false, changed: {}, full: 0, retryAt: 0 };

/**
 * @typedef {object} Live
 * @property {Object<string, number>} versions of the runs that changed since the page was opened;
 *   a number that grows whenever a run has more to show
 * @property {number} running how many runs
 * @property {boolean} gone the server does not answer
 * @property {Object<string, {state: string, steps: number, duration_s: number, version: number}>}
 *   changed what the last answer said, run by run; other entries of `versions` came before
 * @property {string[]} removed runs that the last answer says are no longer there
 * @property {number} full grows when everything should be loaded again
 * @property {number} retryAt when the next try is, in milliseconds of Date.now()
 */

const pollers = new Map();

/**
 * Follows the runs of a project.
 * @param {string|null} [slug] null: of all projects; undefined: of none, it is not known yet
 * @returns {Live}
 */
export function useLive(slug) {
  const [now, setNow] = useState(() => pollers.get(slug)?.now ?? NOTHING);
  useEffect(() => {
    if (isStatic || slug === undefined) return undefined;
    const poller = pollerOf(slug);
    setNow(poller.now);
    return poller.join(setNow);
  }, [slug]);
  return now;
}

/**
 * What asks for one project; there is one however many components listen.
 * @param {string|null} slug
 * @returns {Poller}
 */
export function pollerOf(slug) {
  if (!pollers.has(slug)) pollers.set(slug, new Poller(slug));
  return pollers.get(slug);
}

/** Asks again at once, everywhere. */
export function askNow() {
  for (const poller of pollers.values()) poller.soon(0);
}

class Poller {
  constructor(slug) {
    this.slug = slug;
    this.now = NOTHING;
    this.cursor = "";
    this.failures = 0;
    this.listeners = new Set();
    this.timer = 0;
    this.asking = null;
  }

  join(listener) {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.soon(0);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size) return;
      clearTimeout(this.timer);
      this.asking?.abort();
      pollers.delete(this.slug);
    };
  }

  soon(ms) {
    clearTimeout(this.timer);
    if (this.listeners.size && !document.hidden) this.timer = setTimeout(() => this.ask(), ms);
  }

  async ask() {
    if (this.asking) return;
    const asking = new AbortController();
    this.asking = asking;
    let pause;
    try {
      const answer = await getJSON(this.path(), { signal: asking.signal });
      this.failures = 0;
      this.take(answer);
      pause = this.now.running ? BUSY_MS : IDLE_MS;
    } catch (error) {
      if (error.name === "AbortError") return;
      pause = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
      if (error.status === 0) this.tell({ gone: true, retryAt: Date.now() + pause });
    } finally {
      this.asking = null;
    }
    this.soon(pause);
  }

  path() {
    const query = new URLSearchParams();
    if (this.slug !== null) query.set("project", this.slug);
    if (this.cursor) query.set("cursor", this.cursor);
    return `/api/changes?${query}`;
  }

  take({ cursor, running = 0, changed = {}, gone = [], full = false }) {
    const first = !this.cursor;
    this.cursor = cursor;
    const news = { running, gone: false, retryAt: 0 };
    if (Object.keys(changed).length || gone.length) {
      news.versions = { ...this.now.versions };
      for (const [id, about] of Object.entries(changed)) news.versions[id] = about.version;
      for (const id of gone) delete news.versions[id];
      news.changed = changed;
      news.removed = gone;
    }
    if (full && !first) news.full = this.now.full + 1;
    this.tell(news);
  }

  tell(news) {
    if (Object.keys(news).every((key) => this.now[key] === news[key])) return;
    this.now = { ...this.now, ...news };
    for (const listener of [...this.listeners]) listener(this.now);
  }
}

onReach((reached) => {
  for (const poller of pollers.values()) {
    if (poller.now.gone === reached) poller.soon(0); // another request noticed it first
  }
});

globalThis.document?.addEventListener("visibilitychange", () => {
  if (!document.hidden) askNow();
});
