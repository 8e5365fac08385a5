/** The left part of the runs page: filter, tools, the table, and what can be done with a selection. */
import { html, useState } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { has } from "epochal/choices.js";
import { ColumnPicker } from "epochal/column_picker.js";
import { FilterBox } from "epochal/filter_box.js";
import { count } from "epochal/format.js";
import { IconButton } from "epochal/icons.js";
import { useAbout, useProjects } from "epochal/session.js";
import { go, listText, setView } from "epochal/store.js";
import { useTableCommands, useTableKeys } from "epochal/runs_keys.js";
import { RunTable } from "epochal/table.js";
import { changeTags, TagField, tagsOf } from "epochal/tags.js";

const OWN_PATHS = ["state", "name", "tags", "group", "seed", "created", "duration_s", "steps"];

/**
 * @param {object} props what RunsPage hands on, and `view` from useRunsView
 */
export function RunsPanel({ slug, list, error, loading, filter, sort, chosen, q, view, children }) {
  const { act, columns, rows, marks } = view;
  useTableKeys(view);
  useTableCommands(list, view);
  const title = useProjects()?.projects.find((one) => one.slug === slug)?.name ?? slug;
  const counts = list && { matched: list.matched ?? list.id.length, total: list.total };
  return html`<section class="runs-panel" aria-label="Runs" aria-busy=${loading ? "true" : null}>
    <h1 class="sr-only">${title}</h1>
    <${FilterBox}
      value=${q.f ?? ""}
      onChange=${(text) => setView({ f: text || null })}
      meaning=${filter.short ? filter.expression : ""}
      error=${error && { message: error.message, at: error.body?.at }}
      paths=${pathsOf(list)}
      counts=${counts}
    />
    ${list &&
    html`<div class="runs-tools">
      <${ColumnPicker}
        list=${list}
        shown=${columns.map(({ path }) => path)}
        usual=${!chosen.length}
        onChange=${(paths) => setView({ co: listText(paths) || null })}
      />
      <label class="check" title="Leave out columns in which all runs are the same">
        <input
          type="checkbox"
          checked=${view.different ?? !chosen.length}
          onChange=${(event) => setView({ od: event.currentTarget.checked ? "1" : "0" })}
        />
        Only different
      </label>
      <span class="spacer"></span>
      <${IconButton}
        icon="download"
        label="Save the table as CSV"
        onClick=${async () => {
          const { csvOf, saveText } = await import("epochal/csv.js");
          saveText(`${slug}.csv`, csvOf(list, view.sorted, columns));
        }}
      />
      <${IconButton}
        icon=${q.tw ? "chart" : "table"}
        label=${q.tw ? "Show the charts again" : "Show the whole table"}
        aria-pressed=${q.tw ? "true" : "false"}
        onClick=${() => setView({ tw: q.tw ? null : "1" })}
      />
    </div>
    <${Selection} list=${list} view=${view} slug=${slug} />
    ${list.id.length > 0 &&
    html`${!q.tw && html`<a class="skip" href="#charts" onClick=${toCharts}>Skip the table</a>`}
    <${RunTable}
      list=${list}
      rows=${rows}
      columns=${columns}
      sort=${sort}
      marks=${marks}
      current=${view.current}
      renaming=${view.renaming}
      act=${act}
      trends=${view.trends}
      head=${html`<${AllRuns} view=${view} list=${list} />`}
    />`}`}
    ${children}
  </section>`;
}

/** For the keyboard: the table has many stops. The hash is the view, so the link itself must not be followed. */
function toCharts(event) {
  event.preventDefault();
  document.querySelector(".runs-charts")?.focus();
}

function AllRuns({ view, list }) {
  const all = list.id.length > 0 && list.id.every((id) => has(view.selected, id));
  const some = list.id.some((id) => has(view.selected, id));
  const hidden = list.id.every((id) => has(view.hidden, id));
  return html`<input
      type="checkbox"
      aria-label="Select all runs"
      checked=${all}
      indeterminate=${some && !all}
      onClick=${() => view.act.selectAll(!some)}
    />
    <${IconButton}
      icon=${hidden ? "eyeOff" : "eye"}
      class="small"
      label=${hidden ? "Show all runs in the charts" : "Hide all runs in the charts"}
      onClick=${() => view.act.hideAll(!hidden)}
    />`;
}

function Selection({ list, view, slug }) {
  const { write } = useAbout();
  const [tagging, setTagging] = useState(false);
  const ids = view.ids.filter((id) => has(view.selected, id));
  if (!ids.length) return null;
  const tag = async (text) => {
    setTagging(false);
    const add = tagsOf(text);
    for (const id of add.length ? ids : []) {
      const tags = await changeTags(id, { add });
      if (!tags) return;
      view.act.change(id, { tags });
    }
  };
  const paper = () => go(["paper", slug], { runs: ids.join(",") });
  const only = () => setView({ hide: `*,${ids.join(",")}` });
  return html`<div class="selection" role="group" aria-label="Selected runs">
    <span class="number">${count(ids.length, "run")}</span>
    <button type="button" class="button small primary" title="c" onClick=${view.act.compare}>Compare</button>
    ${write &&
    (tagging
      ? html`<${TagField} done=${tag} cancel=${() => setTagging(false)} />`
      : html`<button type="button" class="button small" onClick=${() => setTagging(true)}>Tag</button>`)}
    <button type="button" class="button small" onClick=${only}>Show only</button>
    ${!isStatic && html`<button type="button" class="button small" onClick=${paper}>Paper</button>`}
    <span class="spacer"></span>
    <${IconButton} icon="cross" class="small" label="Select none" onClick=${() => view.act.selectAll(false)} />
  </div>`;
}

function pathsOf(list) {
  if (!list) return [];
  const metrics = list.metrics.map(({ name }) => `summary[${JSON.stringify(name)}]`);
  return [...OWN_PATHS, ...Object.keys(list.config), ...metrics];
}

