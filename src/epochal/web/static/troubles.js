/** What went wrong in a run, said plainly: how it ended, alerts, losses, damage. */
import { html } from "epochal/html.js";
import { ago, count, dateTime } from "epochal/format.js";
import { CopyButton, Callout } from "epochal/panel.js";

const ENDED = {
  killed: ["warn", "The process ended without a word",
    "It was killed or crashed (SIGKILL, out of memory, a crash of the interpreter). What was logged until then is"
    + " here."],
  lost: ["warn", "There is no contact with the process",
    "It runs on another machine and has not been heard of for a minute. That is not the same as dead."],
  interrupted: ["info", "The training was interrupted", "Somebody pressed Ctrl-C."],
  unknown: ["warn", "How this run stands is not known", "It has no session that can be read."],
};

/**
 * Everything about a run that somebody should not overlook; nothing if there is nothing.
 * @param {{run: object}} props
 */
export function Troubles({ run }) {
  const [kind, title, text] = ENDED[run.state] ?? [];
  return html`${run.state === "failed" && html`<${Failure} error=${run.error} />`}
    ${kind && html`<${Callout} kind=${kind} title=${title}>${text}<//>`}
    ${losses(run).map((each) => html`<${Callout} key=${each.title} kind=${each.kind} title=${each.title}>
      ${each.text}<//>`)}
    ${(run.alerts ?? []).map((alert, i) => html`<${Alert} key=${i} alert=${alert} />`)}`;
}

function Failure({ error }) {
  const lines = (error ?? "").trimEnd().split("\n");
  const last = lines.at(-1);
  return html`<div class="callout callout-error failure" role="alert">
    <div class="callout-text"><strong>The training failed</strong>
      ${last && html`<div class="failure-last">${last}</div>`}
      ${lines.length > 1 && html`<details><summary>Traceback, ${count(lines.length, "line")}</summary>
        <pre class="traceback" tabindex="0">${error}</pre></details>`}
    </div>
    ${error && html`<${CopyButton} text=${error} label="Copy the traceback" />`}
  </div>`;
}

const LEVELS = { info: "info", warn: "warn", warning: "warn", error: "error" };

function Alert({ alert }) {
  const rank = alert.rank ? ` · rank ${alert.rank}` : "";
  return html`<${Callout} kind=${LEVELS[alert.level] ?? "warn"}
    title=${html`Alert: ${alert.title}<span class="callout-when" title=${dateTime(alert.time_s)}>
      ${ago(alert.time_s)}${rank}</span>`}>
    <span class="alert-text">${alert.text}</span><//>`;
}

/**
 * Returns what was lost, refused or damaged, in sentences.
 * @param {{lost?: number, refused?: number, problems?: Record<string, number>, damage?: string[]}} run
 * @returns {{kind: "warn" | "error", title: string, text: string}[]}
 */
export function losses(run) {
  const found = [];
  const damage = Array.isArray(run.damage) ? run.damage : [];
  if (damage.length) {
    found.push({ kind: "error", title: `${count(damage.length, "file is", "files are")} damaged`,
      text: `${damage.join("; ")}. What is shown is what could be read; nothing of it is guessed.` });
  }
  if (run.lost) {
    found.push({ kind: "error", title: `${count(run.lost, "record")} did not reach the disk`,
      text: "The sequence has a hole: memory was full or a disk failed while they were recorded." });
  }
  const refused = amount(run.refused);
  if (refused) {
    found.push({ kind: "warn", title: `${count(refused, "call")} could not be recorded`,
      text: "A value had a type that cannot be recorded, or a key was not allowed; the log says which." });
  }
  const topics = Object.entries(run.problems ?? {}).filter(([topic]) => !(refused && topic === "refused"));
  if (topics.length) {
    found.push({ kind: "warn", title: "Recording reported problems",
      text: topics.map(([topic, n]) => `${topic}: ${n.toLocaleString("en-US")}`).join(" · ") });
  }
  return found;
}

const amount = (refused) => (Array.isArray(refused) ? refused.length : refused ?? 0);
