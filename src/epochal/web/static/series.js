/**
 * Fetching of what charts show: one request for all visible charts, old pictures kept meanwhile.
 *
 * Charts say what they need with `watch`; the first is asked for at once, and later needs that come
 * within some 40 ms travel together.  Of
 * runs that are already there only new and changed ones are asked for.  An answer that is no longer
 * wanted (the chart was zoomed again) is dropped.  Nothing here knows the page or the network.
 */

import { decode } from "epochal/frames.js";
import { emptyEntry, isCoarse, keyOf, paramsOf, pendingOf, refusal, take } from "epochal/series_entry.js";

const DELAY_MS = 40;
const MOST_RUNS = 2000;
const MOST_METRICS = 200;
const MOST_KEPT = 40; // windows of charts that are out of sight
const LIVE_MS = 900;
const LIVE_SHARE = 4; // a live picture that is dear to get comes less often
const MANY_RUNS = 20; // the first chart of a page that shows so many comes alone, and so sooner
const NOTHING = { lanes: [], extent: null };
const RETRY_MS = [2000, 4000, 8000, 15000, 30000];

/**
 * What a chart needs of one metric.
 * @typedef {Object} Need
 * @property {string} metric
 * @property {string} x
 * @property {[number, number]|null} range
 * @property {number} lead how far before the range, in units of x
 * @property {boolean} counts
 * @property {number} width how many buckets
 */

/**
 * What is there of one metric.
 * @typedef {Object} Held
 * @property {Map<string, import("./frames.js").Lane>} lanes by run; runs without the metric have none
 * @property {{has: (id: string) => boolean}} asked runs that were asked for
 * @property {[number, number]|null} extent
 * @property {boolean} loading
 * @property {Error|null} error
 * @property {Array<{run: string, reason: string}>} missing runs that could not be read
 * @property {number|null} staleSince since when newer data are known of, in milliseconds
 * @property {number} over how many runs are more than can be drawn
 */

/** Windows of metrics for the charts of one page. */
export class SeriesSource {
  /**
   * @param {(body: object, options: {signal: AbortSignal}) => Promise<ArrayBuffer>} post
   * @param {{delay?: number, clock?: () => number}} [options]
   */
  constructor(post, { delay = DELAY_MS, clock = Date.now } = {}) {
    this.post = post;
    this.delay = delay;
    this.clock = clock;
    this.runs = [];
    this.over = 0;
    this.versions = {};
    this.watchers = new Set();
    this.entries = new Map();
    this.requests = 0;
    this.alone = false;
    this.failures = 0;
    this.liveAt = 0;
    this.timer = null;
    this.due = Infinity;
  }

  /** Say which runs are shown. @param {string[]} ids */
  setRuns(ids) {
    this.over = Math.max(0, ids.length - MOST_RUNS);
    this.runs = ids.slice(0, MOST_RUNS);
    this.schedule(this.delay);
  }

  /** Say how far runs have come. @param {Object<string, number>} versions grow with new data */
  setVersions(versions) {
    this.versions = versions;
    this.schedule(Math.max(this.delay, this.liveAt - this.clock()));
  }

  /**
   * Ask for a window, now and whenever its runs have more.
   * @param {Need} need
   * @param {(held: Held) => void} listener called with what is there, old pictures too
   * @returns {() => void} ends it
   */
  watch(need, listener) {
    const watcher = { need, listener };
    this.watchers.add(watcher);
    const entry = this.entryOf(need);
    if (entry.asked.size) listener(this.held(entry));
    this.schedule(this.delay);
    return () => {
      this.watchers.delete(watcher);
      this.forget();
    };
  }

  /** Ask again at once, for example when the server is back. */
  retry() {
    this.failures = 0;
    for (const entry of this.entries.values()) entry.refused = null;
    this.schedule(0);
  }

  /** Load everything again; old pictures stay meanwhile. */
  reload() {
    for (const entry of this.entries.values()) entry.params = null;
    this.retry();
  }

  /** End everything. */
  close() {
    clearTimeout(this.timer);
    this.watchers.clear();
    for (const entry of this.entries.values()) entry.pending?.stop.abort();
    this.entries.clear();
  }

  schedule(wait) {
    if (!this.requests) {
      // Nothing is drawn yet: this waits for what is asked for in the same moment, not for a picture.
      queueMicrotask(() => this.flush());
      return;
    }
    const due = this.clock() + wait;
    if (due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.flush(), wait);
  }

  flush() {
    this.due = Infinity;
    if (this.alone) return;
    const requests = new Map();
    const wanted = new Map();
    for (const { need } of this.watchers) wanted.set(keyOf(need), need);
    for (const [key, need] of wanted) this.plan(this.entries.get(key), need, requests);
    for (const request of requests.values()) {
      if (!this.requests && request.runs.length >= MANY_RUNS) {
        this.sendAlone(request);
        return;
      }
      for (let i = 0; i < request.entries.length; i += MOST_METRICS) {
        this.send(request, request.entries.slice(i, i + MOST_METRICS));
      }
    }
  }

  /** Send the first chart of a request; the others are asked for when it is there. */
  async sendAlone(request) {
    this.alone = true;
    await this.send(request, request.entries.slice(0, 1));
    this.alone = false;
    this.schedule(0);
  }

  /** Put what one chart lacks into a request that it shares with others. */
  plan(entry, need, requests) {
    const params = paramsOf(need);
    const wait = this.liveAt - this.clock();
    let runs = this.runs;
    if (entry.params === params) {
      const fresh = runs.filter((id) => !entry.asked.has(id));
      const changed = runs.filter((id) => this.isStale(entry, id));
      if (changed.length) entry.staleSince ??= this.clock();
      runs = wait > 0 ? fresh : [...new Set([...fresh, ...changed])];
      if (changed.length && wait > 0) this.schedule(wait);
      if (runs.length === this.runs.length || this.isLoose(entry, need)) runs = this.runs;
    }
    if (!runs.length || this.isComing(entry, params, runs)) return;
    const key = `${params} ${need.x} ${runs.length === this.runs.length || runs.join()}`;
    if (!requests.has(key)) requests.set(key, { need, params, runs, entries: [] });
    requests.get(key).entries.push(entry);
  }

  isStale(entry, id) {
    const version = this.versions[id];
    return version !== undefined && entry.asked.has(id) && version !== entry.asked.get(id);
  }

  /** Whether the window was made for longer runs than those that are left. */
  isLoose(entry, need) {
    if (need.range || entry.fitted === this.runs) return false;
    return isCoarse(this.runs.map((id) => entry.lanes.get(id)).filter(Boolean));
  }

  /** Whether an answer is on its way or would be refused; one for another window is given up. */
  isComing(entry, params, runs) {
    if (!entry.pending) return entry.refused === refusal(params, runs);
    if (entry.pending.params === params) return true; // what it lacks is asked for after it
    entry.pending.leave(entry);
    return false;
  }

  async send(request, entries) {
    const { need, params, runs } = request;
    const pending = pendingOf(params, runs, entries);
    const versions = new Map(runs.map((id) => [id, this.versions[id]]));
    for (const entry of entries) {
      entry.pending?.leave(entry);
      entry.pending = pending;
    }
    this.tell(entries);
    const body = {
      runs,
      metrics: entries.map((entry) => entry.metric),
      x: need.x,
      range: need.range,
      width: need.width,
      lead: need.lead,
      counts: need.counts,
    };
    const started = this.clock();
    this.requests += 1;
    try {
      const answer = decode(await this.post(body, { signal: pending.stop.signal }));
      this.failures = 0;
      const took = this.clock() - started;
      this.liveAt = this.clock() + Math.max(LIVE_MS, LIVE_SHARE * took);
      const frames = new Map(answer.charts.map((frame) => [frame.metric, frame]));
      for (const entry of entries.filter((one) => one.pending === pending)) {
        take(entry, frames.get(entry.metric) ?? NOTHING, params, versions, answer.missing);
        if (runs === this.runs) entry.fitted = runs; // however much they fill, it would be the same
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      this.fail(entries, pending, error);
    }
    this.finish(entries, pending);
  }

  fail(entries, pending, error) {
    const final = error.status >= 400 && error.status < 500; // asking again would not help
    for (const entry of entries.filter((one) => one.pending === pending)) {
      entry.error = error;
      entry.refused = final ? refusal(pending.params, [...pending.runs]) : null;
    }
    if (final) return;
    this.schedule(RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
  }

  finish(entries, pending) {
    const mine = entries.filter((entry) => entry.pending === pending);
    for (const entry of mine) entry.pending = null;
    this.tell(mine);
    if (!this.failures) this.schedule(this.delay); // a version that came meanwhile
  }

  tell(entries) {
    for (const { need, listener } of [...this.watchers]) {
      const entry = this.entries.get(keyOf(need));
      if (entries.includes(entry)) listener(this.held(entry));
    }
  }

  held(entry) {
    const { lanes, asked, extent, error, missing, staleSince } = entry;
    const loading = entry.pending !== null;
    return { lanes, asked, extent, error, missing, staleSince, loading, over: this.over };
  }

  entryOf(need) {
    const key = keyOf(need);
    const entry = this.entries.get(key) ?? emptyEntry(need.metric);
    this.entries.delete(key);
    this.entries.set(key, entry); // the newest stand last
    return entry;
  }

  forget() {
    const watched = new Set([...this.watchers].map(({ need }) => keyOf(need)));
    for (const [key, entry] of this.entries) {
      if (watched.has(key)) continue;
      if (entry.pending) entry.pending.leave(entry);
      if (this.entries.size > MOST_KEPT + watched.size) this.entries.delete(key);
    }
  }
}
