/** The home of a project: its runs in a table, and beside it the charts of those that are shown. */
import { classes, html, useEffect, useMemo, useState } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { isPath, toExpression } from "epochal/filter.js";
import { useLive } from "epochal/live.js";
import { useRunList } from "epochal/run_list.js";
import { RunsCharts } from "epochal/runs_charts.js";
import { FirstRun, NoRuns, ProjectGone } from "epochal/runs_empty.js";
import { RunsPanel } from "epochal/runs_panel.js";
import { useRunsView } from "epochal/runs_view.js";
import { sortKeys } from "epochal/sorting.js";
import { Splitter, useWidth } from "epochal/splitter.js";
import { listOf, useView } from "epochal/store.js";

const WIDTH = { least: 280, most: 480, usual: 444 };

/**
 * @param {{slug: string}} props
 */
export function RunsPage({ slug }) {
  const [{ q }, setView] = useView();
  const live = useLive(slug);
  const [names, setNames] = useState({});
  const filter = useMemo(() => meaningOf(q.f ?? "", names), [q.f, names]);
  const chosen = useMemo(() => listOf(q.co), [q.co]);
  const sort = useMemo(() => sortKeys(q.so), [q.so]);
  const groups = useMemo(() => listOf(q.g).filter(isPath), [q.g]);
  const columns = { chosen, extra: [...sort.map(({ path }) => path), ...groups] };
  const { list, error, loading, change } = useRunList(slug, filter.expression, columns, live);
  const [width, setWidth] = useWidth("runs", WIDTH);
  useEffect(() => {
    if (list) setNames((old) => namesOf(list, old));
  }, [list]);
  if (!list && error?.status === 404) return html`<${ProjectGone} slug=${slug} />`;
  if (!list && error && !q.f) return html`<${Failed} error=${error} />`;
  if (list && !list.total) return html`<${FirstRun} slug=${slug} />`;
  const wide = Boolean(q.tw);
  const shown = { slug, list, error: q.f ? error : null, loading, change, filter, sort, groups, chosen, live };
  return html`<div class=${classes("runs-page", wide && "runs-wide")} style=${{ "--runs-width": `${width}px` }}>
    <${Shown} ...${shown} q=${q} setView=${setView}>
      ${!wide && html`<${Splitter} width=${width} setWidth=${setWidth} ...${WIDTH} label="Width of the table of runs" />`}
    <//>
  </div>`;
}

function Shown({ children, ...shown }) {
  const view = useRunsView(shown);
  const { list, q } = shown;
  const none = list && !list.id.length;
  return html`
    <${RunsPanel} ...${shown} view=${view}>
      ${none && html`<${NoRuns} filter=${q.f} error=${shown.error} />`}
    <//>
    ${children}
    ${!q.tw && html`<${RunsCharts} ...${shown} view=${view} />`}
  `;
}

function Failed({ error }) {
  return html`<div class="empty">
    <h1>The runs cannot be shown</h1>
    <p>${error.message}</p>
    <button type="button" class="button" onClick=${() => location.reload()}>Try again</button>
  </div>`;
}

/** A page without a server searches words only, see api_static.js. */
function meaningOf(text, names) {
  return isStatic ? { expression: text.trim(), short: false } : toExpression(text, names);
}

/** The names that short filters can mean; those of an earlier list stay, for what it filtered. */
function namesOf(list, old) {
  const config = Object.keys(list.config ?? {});
  const metrics = (list.metrics ?? []).map(({ name }) => name);
  const known = (name, set) => set?.has(name);
  if (config.every((name) => known(name, old.config)) && metrics.every((name) => known(name, old.metrics))) return old;
  return {
    config: new Set([...(old.config ?? []), ...config]),
    metrics: new Set([...(old.metrics ?? []), ...metrics]),
  };
}
