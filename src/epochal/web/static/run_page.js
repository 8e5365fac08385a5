/** The page of one run: its head, and its tabs. */
import { html, useEffect, useMemo, useRef, useState } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { runColor } from "epochal/color.js";
import { ConsoleTab } from "epochal/console.js";
import { FilesTab } from "epochal/files.js";
import { ago, count, dateTime, duration, grouped } from "epochal/format.js";
import { IconButton, StateMark } from "epochal/icons.js";
import { useLive } from "epochal/live.js";
import { useJSON, useSlowly } from "epochal/load.js";
import { MediaTab } from "epochal/media.js";
import { changeText } from "epochal/notes.js";
import { Overview } from "epochal/overview.js";
import { Nothing, Pending } from "epochal/panel.js";
import { useAbout } from "epochal/session.js";
import { link, useView } from "epochal/store.js";
import { TabBar } from "epochal/tab_bar.js";
import { flatConfig } from "epochal/nested.js";
import { Wall } from "epochal/wall.js";

const TABS = [
  ["overview", "Overview"], ["charts", "Charts"], ["system", "System"], ["media", "Media"],
  ["console", "Console"], ["files", "Files"],
];
const RELOAD_MS = 2500;
const FACTS_MS = 10_000;

/**
 * The page `#/r/ID/TAB`.
 * @param {{id: string}} props
 */
export function RunPage({ id }) {
  const [version, setVersion] = useState(0);
  const found = useJSON(`/api/run/${encodeURIComponent(id)}`, version, true);
  if (!found.data) {
    return html`<div class="page"><h1 class="sr-only">Run</h1>
      ${found.error?.status === 404
        ? html`<${Nothing} title="There is no such run">No run here has the id <code>${id}</code>: it may have been
            moved or deleted, or the server shows another folder. <a href="#/">All projects</a><//>`
        : html`<${Pending} of=${found} what="Reading the run" />`}</div>`;
  }
  return html`<${Shown} loaded=${found.data} reload=${setVersion} />`;
}

/** A run that has been loaded; it asks to be loaded again when there is more to show. */
function Shown({ loaded, reload }) {
  const [view, setView] = useView();
  const [edited, setEdited] = useState({});
  const live = useLive(loaded.slug);
  const newest = live.versions[loaded.id] ?? 0;
  const version = useSlowly(newest, RELOAD_MS);
  const facts = useSlowly(newest, view.path[2] === undefined || view.path[2] === "overview" ? RELOAD_MS : FACTS_MS);
  useEffect(() => {
    if (facts) reload(facts);
  }, [facts]);
  useEffect(() => setEdited({}), [loaded]);
  const latest = useRef({}); // an answer about other runs says nothing of this one
  latest.current = live.changed?.[loaded.id] ?? latest.current;
  const { state, steps, duration_s } = { ...loaded, ...latest.current };
  const run = useMemo(
    () => ({ ...loaded, ...edited, state, steps, duration_s }), [loaded, edited, state, steps, duration_s]);
  const tabs = isStatic ? TABS.slice(0, 3) : TABS;
  const tab = tabs.some(([name]) => name === view.path[2]) ? view.path[2] : "overview";
  const change = (news) => setEdited((old) => ({ ...old, ...news }));
  const shown = { run, view, setView, version, live, tab };
  return html`<div class="page run-page">
    <${Head} run=${run} change=${change} />
    <${TabBar} label="Parts of the run" path=${["r", run.id]} tabs=${tabs} tab=${tab}
      keep=${{ runs: view.q.runs }} />
    ${tab === "overview" ? html`<${Overview} run=${run} change=${change} />` : null}
    ${tab === "charts" || tab === "system" ? html`<${Charts} ...${shown} change=${change} />` : null}
    ${tab === "media" ? html`<${MediaTab} run=${run} version=${version} />` : null}
    ${tab === "console" ? html`<${ConsoleTab} run=${run} running=${run.state === "running"}
      version=${newest} />` : null}
    ${tab === "files" ? html`<${FilesTab} run=${run} version=${version} />` : null}
  </div>`;
}

/** The name, which can be changed by those who may. */
function Name({ run, change }) {
  const { write } = useAbout();
  const [text, setText] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    const name = text.trim() && text !== run.name ? await changeText(run.id, "name", text.trim()) : run.name;
    if (name !== null) change({ name });
    if (name !== null) setText(null);
  };
  if (text === null) {
    return html`<h1>${run.name}</h1>${write && html`<${IconButton} icon="edit" class="small" label="Rename the run"
      onClick=${() => setText(run.name)} />`}`;
  }
  return html`<form class="rename" onSubmit=${save}><h1 class="sr-only">${run.name}</h1>
    <input class="input" aria-label="Name of the run" value=${text} ref=${focus}
      onInput=${(event) => setText(event.currentTarget.value)}
      onKeyDown=${(event) => event.key === "Escape" && setText(null)} />
    <button type="submit" class="button small primary">Rename</button>
    <button type="button" class="button small quiet" onClick=${() => setText(null)}>Cancel</button></form>`;
}

const focus = (field) => field && document.activeElement !== field && field.focus();

function Head({ run, change }) {
  const { state, steps, duration_s } = run;
  return html`<header class="page-head">
    <div class="page-title"><span class="run-dot" style=${{ background: runColor(run.id, run.ordinal) }} aria-hidden="true"></span>
      <${Name} run=${run} change=${change} /><${StateMark} state=${state} /></div>
    <p class="page-facts">
      <a href=${link(["p", run.slug])}>${run.project}</a>
      <span title=${dateTime(run.created_s)}>started ${ago(run.created_s)}</span>
      <span>ran ${duration(duration_s)}</span>
      ${steps !== null && steps !== undefined && html`<span>step ${grouped(steps)}</span>`}
      ${run.alerts?.length > 0 && html`<span>${count(run.alerts.length, "alert")}</span>`}
      <a href=${link(["c", run.slug, "diff"], { runs: run.id })}>Compare with others</a>
    </p>
  </header>`;
}

function Charts({ run, view, setView, live, tab, change }) {
  const system = tab === "system";
  const metrics = useMemo(
    () => run.metrics.filter((name) => name.startsWith("system/") === system), [run.metrics, system]);
  const runs = useMemo(() => [{
    id: run.id, name: run.name, color: runColor(run.id, run.ordinal), config: flatConfig(run.config),
    state: run.state,
  }], [run.id, run.name, run.config, run.state]);
  if (!metrics.length) {
    return system
      ? html`<${Nothing} title="The machine was not sampled">It is once in ten
          seconds, unless <code>log_system=False</code>; a very short run has no sample.<//>`
      : html`<${Nothing} title="No metric has been logged">Log one
          with <code>run.log({"loss": loss}, step=step)</code>.<//>`;
  }
  return html`<${Wall} runs=${runs} metrics=${metrics} slug=${run.slug} view=${view} setView=${setView}
    versions=${live.versions} live=${live} annotations=${run.annotations}
    onAnnotations=${(annotations) => change({ annotations })} custom=${!system}
    usualX=${system && !isStatic ? "elapsed" : "step"} />`;
}
