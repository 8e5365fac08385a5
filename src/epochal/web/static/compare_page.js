/** The page that compares runs: differences, curves, parallel coordinates, scatter, seeds. */
import { html, useEffect, useMemo, useState } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { runColor } from "epochal/color.js";
import { Diff } from "epochal/diff.js";
import { FilterBox } from "epochal/filter_box.js";
import { quoted, toExpression } from "epochal/filter.js";
import { useLive } from "epochal/live.js";
import { query, useJSON, useSlowly } from "epochal/load.js";
import { Nothing, Pending } from "epochal/panel.js";
import { Parallel } from "epochal/parallel.js";
import { NewestRuns, RunPicker } from "epochal/run_picker.js";
import { Scatter } from "epochal/scatter.js";
import { Seeds } from "epochal/seeds.js";
import { useView } from "epochal/store.js";
import { TabBar } from "epochal/tab_bar.js";
import { Wall } from "epochal/wall.js";

const TABS = [
  ["diff", "Differences"], ["curves", "Curves"], ["parallel", "Parallel"], ["scatter", "Scatter"],
  ["seeds", "Seeds"],
];
const RELOAD_MS = 5000;
const MOST = 50;

/**
 * The page `#/c/SLUG/TAB?runs=ID,ID`.
 * @param {{slug: string}} props
 */
export function ComparePage({ slug }) {
  const [view, setView] = useView();
  const live = useLive(slug);
  const version = useSlowly(useVersion(live), RELOAD_MS);
  const ids = (view.q.runs ?? "").split(",").filter(Boolean);
  const tabs = isStatic ? TABS.filter(([name]) => name !== "seeds") : TABS;
  const tab = tabs.some(([name]) => name === view.path[2]) ? view.path[2] : "diff";
  const wide = tab !== "diff" && tab !== "curves";
  const filtered = useFilter(slug, view.q.f ?? "");
  const shown = { slug, ids, version, filter: filtered.expression };
  return html`<div class="page compare-page">
    <header class="page-head">
      <h1>Compare runs</h1>
      <div class="toolbar">
        <${RunPicker} slug=${slug} chosen=${ids} most=${MOST} version=${version}
          onChange=${(all) => setView({ runs: all.join(",") || null })} />
        ${wide && !ids.length && html`<span class="muted">all runs${filtered.text ? " of the filter" : ""}</span>`}
        ${wide && ids.length > 0 && html`<button type="button" class="button small"
          onClick=${() => setView({ runs: null })}>All runs</button>`}
        ${wide && tab !== "seeds" && !ids.length && html`<div class="compare-filter"><${FilterBox}
          value=${filtered.text}
          onChange=${(f) => setView({ f: f || null })} meaning=${filtered.meaning} error=${filtered.error}
          paths=${filtered.paths} counts=${filtered.counts} /></div>`}
      </div>
    </header>
    <${TabBar} label="Ways to compare" path=${["c", slug]} tabs=${tabs} tab=${tab}
      keep=${{ runs: view.q.runs, f: view.q.f }} />
    ${tab === "diff" ? html`<${Diff} slug=${slug} ids=${ids} version=${version}
      ordinals=${filtered.ordinals} />` : null}
    ${tab === "curves" ? html`<${Curves} slug=${slug} ids=${ids} view=${view} setView=${setView}
      version=${version} live=${live} />` : null}
    ${tab === "parallel" ? html`<${Parallel} ...${shown} />` : null}
    ${tab === "scatter" ? html`<${Scatter} ...${shown} />` : null}
    ${tab === "seeds" ? html`<${Seeds} slug=${slug} ids=${ids} version=${version} />` : null}
  </div>`;
}

/** A number that changes whenever a run of the project has more to show. */
function useVersion(live) {
  return useMemo(() => {
    const sum = Object.values(live.versions).reduce((total, n) => total + n, 0);
    return `${live.full} ${sum}`;
  }, [live.versions, live.full]);
}

/** The filter of the address, what it means, and what is wrong with it. */
function useFilter(slug, text) {
  const names = useJSON(`/api/runs${query({ project: slug })}`);
  const known = useMemo(() => ({
    config: new Set(Object.keys(names.data?.config ?? {})),
    metrics: new Set((names.data?.metrics ?? []).map((each) => each.name)),
  }), [names.data]);
  const ordinals = useMemo(
    () => new Map(names.data?.id.map((id, i) => [id, names.data.ordinal[i]])), [names.data]);
  const { expression, short } = useMemo(() => toExpression(text, known), [text, known]);
  const tried = useJSON(text ? `/api/runs${query({ project: slug, filter: expression })}` : null, 0, true);
  const error = text && tried.error ? { message: tried.error.message, at: tried.error.body?.at } : null;
  const last = useLastGood(error || tried.loading ? null : expression, expression);
  return {
    text, error, ordinals, meaning: short && text ? expression : "", paths: [...known.config], expression: last ?? "",
    counts: tried.data && !error && text ? { matched: tried.data.matched, total: tried.data.total } : null,
  };
}

/** The last value that was not null: a filter that is being typed does not empty the picture. */
function useLastGood(value, first) {
  const [good, setGood] = useState(first);
  useEffect(() => {
    if (value !== null) setGood(value);
  }, [value]);
  return value ?? good;
}

function Curves({ slug, ids, view, setView, version, live }) {
  const filter = isStatic || !ids.length ? null : `id in [${ids.map(quoted).join(", ")}]`;
  const found = useJSON(`/api/runs${query({ project: slug, filter })}`, version, true);
  const runs = useMemo(() => found.data && runsOf(found.data, ids), [found.data, ids.join(",")]);
  const metrics = useMemo(() => found.data?.metrics.map((each) => each.name) ?? [], [found.data]);
  if (!runs) return html`<${Pending} of=${found} what="Reading the runs" />`;
  if (!runs.length) return html`<${Nothing}
    title="Choose runs to see their curves">Add them above, or select runs in the table and press <kbd>c</kbd>.
    <${NewestRuns} slug=${slug} onChange=${(all) => setView({ runs: all.join(",") })} /><//>`;
  return html`<${Wall} runs=${runs} metrics=${metrics} slug=${slug} view=${view} setView=${setView}
    versions=${live.versions} live=${live} />`;
}

function runsOf(table, ids) {
  const at = new Map(table.id.map((id, i) => [id, i]));
  return ids.filter((id) => at.has(id)).map((id) => {
    const i = at.get(id);
    const config = Object.fromEntries(Object.entries(table.config).map(([path, column]) => [path, column[i]]));
    return { id, name: table.name[i], color: runColor(id, table.ordinal[i]), config, state: table.state[i] };
  });
}
