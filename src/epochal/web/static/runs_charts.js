/** The right part of the runs page: the charts of the runs that the table shows. */
import { html, useMemo } from "epochal/html.js";
import { valuesOf } from "epochal/columns.js";
import { count } from "epochal/format.js";
import { setView, useView } from "epochal/store.js";
import { Wall } from "epochal/wall.js";

const NONE = [];
const STEPS = [30, 100, 300, 1000, 2000];

/**
 * @param {object} props what RunsPage hands on, and `view` from useRunsView
 */
export function RunsCharts({ slug, list, live, view }) {
  const [at, change] = useView();
  const runs = useMemo(() => (list ? drawnRuns(list, view) : []), [list, view.drawn, view.marks.color]);
  const metrics = useMemo(() => (list ? list.metrics.map(({ name }) => name) : []), [list?.metrics]);
  return html`<section class="runs-charts" tabindex="-1" aria-label="Charts">
    ${list && html`<${HowMany} list=${list} view=${view} />`}
    ${list?.id.length === 0 && html`<p class="charts-note">There are no charts: no run passes the filter.</p>`}
    ${list?.id.length > 0 &&
    html`<${Wall}
      runs=${runs}
      metrics=${metrics}
      slug=${slug}
      view=${at}
      setView=${change}
      versions=${live.versions}
      live=${live}
      annotations=${NONE}
    />`}
  </section>`;
}

function HowMany({ list, view }) {
  const shown = list.id.filter((id) => !isHidden(view, id)).length;
  if (shown <= view.drawn.size) return null;
  const larger = STEPS.filter((n) => n > view.most && (n < shown || n === STEPS.find((each) => each >= shown)));
  return html`<p class="charts-note">
    The charts show the first ${count(view.drawn.size, "run")} of ${count(shown, "run")} in the order of the table.
    ${larger.slice(0, 2).map(
      (n) => html`<button type="button" class="link-button" key=${n} onClick=${() => setView({ mx: String(n) })}>
        Show ${Math.min(n, shown).toLocaleString("en-US")}
      </button>`,
    )}
  </p>`;
}

function isHidden(view, id) {
  return view.marks.hidden(id);
}

function drawnRuns(list, view) {
  const paths = ["group", "seed"];
  const runs = [];
  for (const row of view.sorted) {
    const id = list.id[row];
    if (!view.drawn.has(id)) continue;
    const config = {};
    for (const [path, values] of Object.entries(list.config)) {
      if (values[row] !== null && values[row] !== undefined) config[path] = values[row];
    }
    for (const path of paths) {
      const value = valuesOf(list, path)[row];
      if (value !== null && value !== undefined && value !== "") config[path] = value;
    }
    runs.push({ id, name: list.name[row], color: view.marks.color(id), config, state: list.state[row] });
  }
  return runs;
}
