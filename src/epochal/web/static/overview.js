/** The overview of a run: how it stands, its results, its config, its code and its surroundings. */
import { html } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { Annotations } from "epochal/run_annotations.js";
import { CodeView } from "epochal/code_view.js";
import { ago, bytes, count, dateTime, duration, exact, grouped } from "epochal/format.js";
import { StateMark } from "epochal/icons.js";
import { useJSON } from "epochal/load.js";
import { lineOf } from "epochal/nested.js";
import { Notes } from "epochal/notes.js";
import { CopyButton, Panel } from "epochal/panel.js";
import { link } from "epochal/store.js";
import { SummaryTable, UserSummary } from "epochal/summary_table.js";
import { Tags } from "epochal/tags.js";
import { Tree } from "epochal/tree.js";
import { Troubles, losses } from "epochal/troubles.js";

/**
 * The overview.
 * @param {{run: object, change: (news: object) => void}} props run: as /api/run/ID describes it;
 *   change: takes what was edited
 */
export function Overview({ run, change }) {
  const env = run.environment ?? {};
  return html`<div class="overview">
    <div class="overview-main">
      <${Troubles} run=${run} />
      <${Panel} title="Results">
        <${UserSummary} values=${run.user_summary} />
        <${SummaryTable} run=${run} />
      <//>
      <${Panel} title="Config"><${Tree} value=${run.config ?? {}} label="config" /><//>
      <${Code} git=${run.git ?? {}} />
    </div>
    <div class="overview-side">
      <${Panel} title="Run"><${Facts} run=${run} /><//>
      <${Panel} title="Notes and tags">
        <${Tags} id=${run.id} tags=${run.tags} onChange=${(tags) => change({ tags })} />
        <${Notes} id=${run.id} notes=${run.notes} onChange=${(notes) => change({ notes })} />
      <//>
      <${Panel} title="Annotations"><${Annotations} run=${run}
        onChange=${(annotations) => change({ annotations })} /><//>
      <${Sessions} sessions=${run.sessions ?? []} />
      <${Panel} title="Environment">${Object.keys(env).length
        ? html`<${Tree} value=${env} label="environment" closedFrom=${0} />`
        : html`<p class="muted">Nothing was recorded of it.</p>`}<//>
    </div>
  </div>`;
}

function Facts({ run }) {
  const whole = losses(run).length === 0;
  return html`<dl class="facts">
    <${Fact} name="State"><${StateMark} state=${run.state} /><//>
    <${Fact} name="Duration" title=${`${exact(run.duration_s)} s`}>${duration(run.duration_s)}<//>
    <${Fact} name="Started" title=${dateTime(run.created_s)}>${dateTime(run.created_s)} (${ago(run.created_s)})<//>
    <${Fact} name="Last step">${run.steps === null ? "–" : grouped(run.steps)}<//>
    ${run.seed !== null && html`<${Fact} name="Seed">${lineOf(run.seed)}<//>`}
    ${run.group && html`<${Fact} name="Group">${run.group}<//>`}
    ${run.fork && html`<${Fact} name="Forked from"><${Fork} fork=${run.fork} missing=${run.missing_parent} /><//>`}
    ${run.ranks?.length > 1 && html`<${Fact} name="Ranks">${run.ranks.length}; shown is rank 0<//>`}
    ${run.host && html`<${Fact} name="Host">${run.host}<//>`}
    <${Fact} name="Recording">${whole ? "complete: nothing lost or refused" : "with losses, see above"}<//>
    ${run.command && html`<${Copied} name="Command" text=${run.command} />`}
    <${Copied} name="Id" text=${run.id} />
    ${run.folder && html`<${Copied} name="Folder" text=${run.folder} />`}
    ${!isStatic && html`<${Size} run=${run} />`}
  </dl>`;
}

/** What the folder takes on the disk; while the run grows, as of when the page was opened. */
function Size({ run }) {
  const { data, error } = useJSON(`/api/run/${run.id}/files?size=1`, run.state, true);
  if (error) return null; // the files have a page of their own, which says what is wrong
  const title = data && `${exact(data.bytes)} bytes in ${count(data.count, "file")}`;
  return html`<${Fact} name="Size on disk" title=${title}>${data
    ? html`<a href=${link(["r", run.id, "files"])}>${data.truncated ? "more than " : ""}${bytes(data.bytes)}</a>`
    : "…"}<//>`;
}

function Fact({ name, title, children }) {
  return html`<div class="fact"><dt>${name}</dt><dd title=${title}>${children}</dd></div>`;
}

function Copied({ name, text }) {
  return html`<div class="fact"><dt>${name}</dt><dd class="fact-copied"><code>${text}</code>
    <${CopyButton} text=${text} label=${`Copy ${name.toLowerCase()}`} /></dd></div>`;
}

function Fork({ fork, missing }) {
  const id = fork.id ?? fork.run ?? fork.parent;
  const at = fork.step === undefined ? "" : ` at step ${exact(fork.step)}`;
  const parent = typeof id === "string" && !missing
    ? html`<a href=${link(["r", id])}>${fork.name ?? id}</a>` : html`<span>${fork.name ?? id ?? lineOf(fork)}</span>`;
  return html`${parent}${at}${missing && html` <span class="remark">it is missing</span>`}`;
}

const CODE = ["commit", "branch", "remote", "dirty"];

function Code({ git }) {
  const known = CODE.filter((key) => git[key] !== undefined && git[key] !== null && git[key] !== "");
  if (!known.length && !git.diff) {
    return html`<${Panel} title="Code"><p class="muted">The training was not started in a git repository,
      so no commit is known.</p><//>`;
  }
  const files = [["changed_files", "Changed files"], ["untracked_files", "Not tracked"]]
    .filter(([key]) => (Array.isArray(git[key]) ? git[key].length : git[key]));
  return html`<${Panel} title="Code">
    <dl class="facts">
      ${git.commit && html`<${Copied} name="Commit" text=${git.commit} />`}
      ${known.filter((key) => !["commit", "dirty"].includes(key)).map((key) =>
        html`<${Fact} key=${key} name=${key[0].toUpperCase() + key.slice(1)}>${String(git[key])}<//>`)}
      <${Fact} name="Changes">
        ${git.dirty ? "there were changes that are not committed" : "none: the commit is what ran"}<//>
      ${files.map(([key, name]) => html`<${Fact} key=${key} name=${name}>${lineOf(git[key])}<//>`)}
    </dl>
    ${git.diff && html`<${CodeView} text=${git.diff} label="diff" />`}
    ${git.dirty && !git.diff && html`<p class="muted">What they were was not recorded:
      <code>epochal.init(capture_diff=True)</code> records it.</p>`}
    ${git.diff_truncated && html`<p class="muted">The diff was too large and is not whole.</p>`}
  <//>`;
}

function Sessions({ sessions }) {
  const found = sessions.filter((each) => each.role !== "annotate");
  if (found.length < 2) return null;
  return html`<${Panel} title=${count(found.length, "session")}><ol class="plain-list sessions">${found.map((each) =>
    html`<li key=${each.id + each.rank}><${StateMark} state=${each.state} />
      <span title=${dateTime(each.started_s)}>
        ${each.role === "fork" ? "child process, " : ""}${each.rank ? `rank ${each.rank}, ` : ""}started
        ${` ${ago(each.started_s)}`}</span>
      <span class="muted">on ${each.host}, pid ${each.pid}</span>
      ${each.hides_after !== null && each.hides_after !== undefined && html`<span class="remark">
        hides what was recorded after step ${exact(each.hides_after)}</span>`}</li>`)}</ol><//>`;
}
