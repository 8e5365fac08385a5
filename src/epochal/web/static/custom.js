/** Charts that somebody put together and saved: several metrics in one picture, above the others. */

import { html, useEffect, useId, useState } from "epochal/html.js";
import { getJSON, postJSON } from "epochal/api.js";
import { ChartCard, FullScreen } from "epochal/chart_card.js";
import { groupKeys, keyLabel } from "epochal/controls.js";
import { Dialog } from "epochal/dialog.js";
import { count } from "epochal/format.js";
import { Icon, IconButton } from "epochal/icons.js";
import { notify } from "epochal/notices.js";
import { matching, nearest } from "epochal/sections.js";
import { listOf, listText } from "epochal/store.js";

const MOST_METRICS = 12;
const BLANK = { title: "", metrics: [], x: "", log: false, smoothing: 0, group: "", kind: "line" };
const KINDS = [["line", "lines"], ["scatter", "points"], ["bar", "bars of last values"]];
const AXES = [["", "as the page"], ["step", "step"], ["epoch", "epoch"], ["elapsed", "elapsed time"], ["time", "wall time"]];

/**
 * The section of saved charts.
 * @param {object} props slug of the project, metrics and runs of the page, wall, chartOf(saved, names),
 *   full: title of the chart in full screen, q and setView of the view, edited: the {index, chart}
 *   that is being edited, an index of null means a new one, onEdit: edits another, false: may not
 */
export function CustomCharts({ slug, metrics, runs, wall, chartOf, full, q, setView, edited, onEdit }) {
  const [charts, save] = useSaved(slug);
  const shown = charts
    .map((chart, index) => ({ chart, index, names: matching(chart.metrics, metrics).slice(0, MOST_METRICS) }))
    .filter(({ names }) => names.length);
  const open = !listOf(q.cl).includes("*");
  const cards = shown.map(({ chart, index, names }) => ({
    index, picture: chartOf(chart, names),
    actions: onEdit && html`<${IconButton} icon="edit" class="small" label=${`Edit ${chart.title}`}
      onClick=${() => onEdit({ index, chart })} />`,
  }));
  const inFull = cards.find(({ picture }) => picture.title === full);
  return html`
    ${shown.length > 0 && html`<section class="wall-section" aria-label="Saved charts">
      <h2><button type="button" class="wall-fold" aria-expanded=${open ? "true" : "false"}
        onClick=${() => setView({ cl: foldText(q.cl, open) })}><${Icon} name=${open ? "chevronDown" : "chevronRight"} />
        saved charts<span class="wall-count">${shown.length}</span></button></h2>
      ${open && html`<div class="chart-grid">${cards.map(({ index, picture, actions }) => html`<${ChartCard}
        key=${index} chart=${picture} wall=${wall} actions=${actions} />`)}</div>`}
    </section>`}
    ${inFull && html`<${FullScreen} chart=${inFull.picture} wall=${wall} actions=${inFull.actions} />`}
    ${edited && html`<${Editor} index=${edited.index} chart=${edited.chart ?? BLANK} charts=${charts} metrics=${metrics}
      runs=${runs} onClose=${() => onEdit(null)} onSave=${save} />`}`;
}

function foldText(text, open) {
  const others = listOf(text).filter((name) => name !== "*");
  return listText(open ? [...others, "*"] : others) || null;
}

/** The saved charts of a project, and what saves them. */
function useSaved(slug) {
  const [charts, setCharts] = useState([]);
  const path = `/api/charts?project=${encodeURIComponent(slug ?? "")}`;
  useEffect(() => {
    if (!slug) return undefined;
    const stop = new AbortController();
    getJSON(path, { signal: stop.signal }).then(
      (answer) => setCharts(answer.charts ?? []),
      (error) => error.name === "AbortError" || error.status === 0 || notify(error.message, "error"),
    );
    return () => stop.abort();
  }, [path]);
  const save = async (next) => {
    const answer = await postJSON(path, { charts: next });
    setCharts(answer?.charts ?? next);
  };
  return [charts, save];
}

/** A form for one chart. */
function Editor({ index, chart, charts, metrics, runs, onClose, onSave }) {
  const [draft, setDraft] = useState({ ...BLANK, ...chart, text: chart.metrics.join("\n") });
  const [problem, setProblem] = useState("");
  const set = (key) => (event) => setDraft({ ...draft, [key]: event.currentTarget.value });
  const names = linesOf(draft.text);
  const found = matching(names, metrics);
  const store = async (next) => {
    try {
      await onSave(next);
      onClose();
    } catch (error) {
      setProblem(error.message);
    }
  };
  const submit = (event) => {
    event.preventDefault();
    const { text, ...rest } = draft;
    const title = draft.title.trim() || names.join(", ").slice(0, 80);
    const taken = metrics.includes(title) || charts.some((other, i) => i !== index && other.title === title);
    if (!names.length) return setProblem("Name at least one metric.");
    if (taken) return setProblem("That title is taken: choose another one.");
    const made = { ...rest, title, metrics: names, smoothing: Number(draft.smoothing) || 0 };
    return store(index === null ? [...charts, made] : charts.map((old, i) => (i === index ? made : old)));
  };
  return html`<${Dialog} label=${index === null ? "New chart" : `Edit ${chart.title}`} class="chart-editor" onClose=${onClose}>
    <form onSubmit=${submit}>
      <div class="dialog-head"><h2>${index === null ? "New chart" : "Edit chart"}</h2>
        <${IconButton} icon="cross" label="Close" onClick=${onClose} /></div>
      <${Line} label="Title"><input class="chart-field" value=${draft.title} maxlength="200" onInput=${set("title")}
        placeholder=${names[0] ?? ""} /><//>
      <${MetricLines} text=${draft.text} onText=${(text) => setDraft({ ...draft, text })} metrics=${metrics} found=${found} names=${names} />
      <${Line} label="Drawn as"><${Select} value=${draft.kind} options=${KINDS} onChange=${set("kind")} /><//>
      <${Line} label="x"><${Select} value=${draft.x} onChange=${set("x")}
        options=${[...AXES, ...metrics.map((name) => [name, name])]} /><//>
      <${Line} label="Group"><${Select} value=${draft.group} onChange=${set("group")}
        options=${[["", "as the page"], ...groupKeys(runs).different.map((key, _, keys) => [key, keyLabel(key, keys)])]} /><//>
      <${Line} label="Half-life" hint="0: as the page"><input class="chart-field" type="number" min="0" step="any" value=${draft.smoothing}
        onInput=${set("smoothing")} /><//>
      <label class="check"><input type="checkbox" checked=${draft.log}
        onChange=${(event) => setDraft({ ...draft, log: event.currentTarget.checked })} />logarithmic y</label>
      ${problem && html`<p class="error-text" role="alert">${problem}</p>`}
      <div class="dialog-actions">
        ${index !== null && html`<button type="button" class="button" onClick=${() => store(charts.filter((_, i) => i !== index))}>Delete</button>
        <span class="spacer"></span>`}
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="button primary">Save</button></div>
    </form><//>`;
}

function linesOf(text) {
  return [...new Set(text.split("\n").map((name) => name.trim()).filter(Boolean))];
}

function MetricLines({ text, onText, metrics, found, names }) {
  const unknown = names.filter((name) => !matching([name], metrics).length);
  const near = unknown.length ? nearest(unknown[0], metrics) : [];
  const add = (event) => {
    const name = event.currentTarget.value;
    event.currentTarget.value = "";
    onText([...linesOf(text), name].join("\n"));
  };
  return html`<${Line} label="Metrics" hint="one in a line; * stands for anything">
      <textarea class="chart-field" rows="4" value=${text} spellcheck="false" placeholder=${"train/loss\nval/*"}
        onInput=${(event) => onText(event.currentTarget.value)}></textarea><//>
    <${Line} label="Add"><${Select} value="" options=${[["", "a metric"], ...metrics.map((name) => [name, name])]} onChange=${add} /><//>
    <p class="muted chart-editor-found">${count(found.length, "metric")} here${
      found.length > MOST_METRICS ? `, the first ${MOST_METRICS} are drawn` : ""}${
      unknown.length ? `; nothing is called ${unknown[0]}${near.length ? `: ${near.join(", ")}?` : ""}` : ""}</p>`;
}

function Line({ label, hint, children }) {
  const id = useId();
  const [field] = Array.isArray(children) ? children : [children];
  field.props.id = id;
  return html`<div class="form-line"><label for=${id}>${label}</label>${field}
    ${hint && html`<span class="muted">${hint}</span>`}</div>`;
}

function Select({ id, value, options, onChange }) {
  return html`<select id=${id} class="select" value=${value} onChange=${onChange}>
    ${options.map(([each, text]) => html`<option key=${each} value=${each}>${text}</option>`)}</select>`;
}
