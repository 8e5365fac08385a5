/**
 * The server's place in a page that was exported: the names of api.js, answered from the data in
 * the page. Nothing is requested from anywhere, and nothing can be changed.
 */
import { runs } from "epochal/static_runs.js";
import { open, series } from "epochal/static_series.js";

/** There is no server. */
export const isStatic = true;

/** An answer that is no success. */
export class ApiError extends Error {
  /**
   * @param {number} status as of HTTP
   * @param {string} message a sentence to show
   * @param {object} body the whole answer
   */
  constructor(status, message, body = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.body = body;
  }
}

/** Nothing can be out of reach. @param {(reached: boolean) => void} _watcher */
export function onReach(_watcher) {}

let stored = null;

/** The data of the page, unpacked when they are first asked for. */
function data() {
  stored ??= unpack(document.getElementById("epochal-data").textContent);
  return stored;
}

async function unpack(text) {
  const letters = atob(text.trim());
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return open(await new Response(stream).arrayBuffer());
}

/**
 * Answers what the server would, as far as it was recorded.
 * @param {string} path such as "/api/projects"
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function getJSON(path) {
  const { header } = await data();
  const at = new URL(path, "http://page");
  const query = at.searchParams;
  const slug = query.get("project");
  if (at.pathname === "/api/runs") return table(header, slug, query);
  if (at.pathname === "/api/diff") return difference(header, query.get("runs").split(","));
  if (at.pathname === "/api/changes") return { cursor: "0", running: 0, changed: {}, gone: [] };
  if (at.pathname === "/api/charts") return header.answers[`/api/charts?project=${slug}`];
  if (Object.hasOwn(header.answers, at.pathname)) return header.answers[at.pathname];
  const empty = EMPTY[at.pathname.split("/")[4]];
  if (empty) return empty;
  throw absent();
}

/** What a run's parts that were not exported look like: as if there were none. */
const EMPTY = {
  media: { keys: [], items: [] },
  texts: { keys: [], items: [] },
  console: { lines: [], next: 0, total: 0 },
  files: { files: [], artifacts: [], checkpoints: [] },
};

/**
 * Nothing can be changed here.
 * @throws {ApiError}
 */
export async function postJSON() {
  throw new ApiError(403, "This is an exported page: open the runs with `epochal serve` to edit.");
}

/**
 * Answers requests for series; what reads answers is static_frames.js here.
 * @param {string} _path
 * @param {object} body the request
 * @returns {Promise<{charts: import("./frames.js").Frame[]}>}
 * @throws {ApiError}
 */
export async function postFrames(_path, body) {
  if (body.x !== undefined && body.x !== "step") {
    throw new ApiError(404, "An exported page has the points by step only.");
  }
  return series(await data(), body);
}

/** Media are not exported. @returns {string} */
export function mediaUrl() {
  return "data:,";
}

/** Files are not exported. @returns {string} */
export function fileUrl() {
  return "data:,";
}

function table({ runs: tables, answers }, slug, query) {
  if (!Object.hasOwn(tables, slug)) throw absent();
  try {
    return runs(tables[slug], (id) => answers[`/api/run/${id}`], {
      filter: query.get("filter") ?? "", columns: JSON.parse(query.get("columns") || "[]"),
    });
  } catch (error) {
    if (error.at === undefined) throw error;
    throw new ApiError(400, error.message, { error: error.message, at: error.at });
  }
}

/** How runs differ, from the rows that were made for all of them. */
function difference({ diff, answers }, ids) {
  const at = ids.map((id) => diff.runs.indexOf(id));
  const rows = diff.rows.flatMap(({ path, kind, values, rule }) => {
    const mine = at.map((i) => values[i] ?? null);
    if (mine.every((value) => value === null)) return [];
    const texts = mine.map((value) => JSON.stringify(value));
    return [{ path, kind, rule, values: mine, same: texts.every((text) => text === texts[0]) }];
  });
  const about = ids.map((id) => ({ id, name: answers[`/api/run/${id}`].name }));
  return { rows, runs: about, code: "" };
}

function absent() {
  return new ApiError(404, "This is not in the exported page: open the runs with `epochal serve`.");
}
