/** What the page knows about the server and its projects; asked once, and again when told to. */
import { useEffect, useState } from "preact/hooks";
import { getJSON } from "epochal/api.js";

const READING = { version: "", root: "", write: false, control: null, assets: true };

class Shared {
  constructor(path, empty) {
    Object.assign(this, { path, value: empty, asked: null, listeners: new Set() });
  }

  load(again = false) {
    if (!this.asked || again) this.asked = this.ask();
    return this.asked;
  }

  async ask() {
    try {
      this.value = await getJSON(this.path);
      for (const listener of [...this.listeners]) listener(this.value);
    } catch {
      this.asked = null; // the banner tells when the server is gone; the next component asks again
    }
    return this.value;
  }
}

const about = new Shared("/api/about", READING);
const projects = new Shared("/api/projects", null);

/**
 * What `/api/about` says; until it has answered, that nothing may be changed.
 * @returns {{version: string, root: string, write: boolean, control: string|null}}
 */
export function useAbout() {
  return useShared(about);
}

/**
 * All projects, or null until they are known.
 * @returns {{projects: Array<object>, indexing: {done: number, total: number}|null}|null}
 */
export function useProjects() {
  return useShared(projects);
}

/**
 * What the bar on top says of a run, or null until it is known.
 * @param {string|null} id
 * @returns {{id: string, name: string, project: string, slug: string}|null}
 */
export function useRunNames(id) {
  const [names, setNames] = useState(null);
  useEffect(() => {
    if (!id) return undefined;
    const asking = new AbortController();
    getJSON(`/api/run/${encodeURIComponent(id)}`, { signal: asking.signal }).then(
      ({ name, project, slug }) => setNames({ id, name, project, slug }),
      () => {}, // the page below says what is wrong with this run
    );
    return () => asking.abort();
  }, [id]);
  return names?.id === id ? names : null;
}

/** Asks again what the projects are. */
export function reloadProjects() {
  return projects.load(true);
}

/** Asks again what this browser may do, after signing in. */
export function reloadAbout() {
  return about.load(true);
}

function useShared(shared) {
  const [value, setValue] = useState(shared.value);
  useEffect(() => {
    shared.listeners.add(setValue);
    shared.load().then(setValue);
    return () => shared.listeners.delete(setValue);
  }, [shared]);
  return value;
}
