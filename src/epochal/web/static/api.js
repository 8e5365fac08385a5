/**
 * The server, as functions. The exported page puts another module with these names in its place.
 */

/** False here; true in a page that was exported and has no server. */
export const isStatic = false;

/** An answer that is no success; status 0 means that no answer came. */
export class ApiError extends Error {
  /**
   * @param {number} status of HTTP
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

/** With it what is wrong with a question comes as a success: browsers log every failure. */
const ASKING = { "X-Epochal": "page" };

const watchers = new Set();

/**
 * Calls a function with true after each answer and with false when no answer came.
 * @param {(reached: boolean) => void} watcher
 */
export function onReach(watcher) {
  watchers.add(watcher);
}

/**
 * Gets JSON.
 * @param {string} path such as "/api/projects"
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function getJSON(path, { signal } = {}) {
  return (await request(path, { headers: ASKING, signal })).json();
}

/**
 * Posts JSON and gets JSON, or null where the answer has no body.
 * @param {string} path
 * @param {object} body
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function postJSON(path, body, { signal } = {}) {
  const answer = await post(path, body, signal);
  return answer.status === 204 ? null : answer.json();
}

/**
 * Posts JSON and gets binary frames, see frames.js.
 * @param {string} path
 * @param {object} body
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<ArrayBuffer>}
 * @throws {ApiError}
 */
export async function postFrames(path, body, { signal } = {}) {
  return (await post(path, body, signal)).arrayBuffer();
}

/**
 * The address of one logged media file.
 * @param {string} id of the run
 * @param {number} n of the item
 * @returns {string}
 */
export function mediaUrl(id, n) {
  return `/api/run/${encodeURIComponent(id)}/media/${n}`;
}

/**
 * The address of one file of a run.
 * @param {string} id of the run
 * @param {string} path inside its folder
 * @returns {string}
 */
export function fileUrl(id, path) {
  return `/api/run/${encodeURIComponent(id)}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
}

function post(path, body, signal) {
  const headers = { "Content-Type": "application/json", "X-Epochal": "1" };
  return request(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function request(path, init) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    reached(false);
    throw new ApiError(0, "The server does not answer. Is `epochal serve` still running?");
  }
  reached(true);
  const status = Number(answer.headers.get("X-Epochal-Status") ?? answer.status);
  if (status < 400) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(status, body.error || `The server answered ${status}.`, body);
}

function reached(yes) {
  for (const watcher of watchers) watcher(yes);
}
