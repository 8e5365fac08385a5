/** The page for a paper: figures and tables of the runs, looked at, downloaded and copied. */
import { classes, html } from "epochal/html.js";
import { count } from "epochal/format.js";
import { query, useJSON } from "epochal/load.js";
import { Callout, Choice, Nothing, Pending, Select } from "epochal/panel.js";
import { FigureCard } from "epochal/paper_figure.js";
import { TableCard } from "epochal/paper_table.js";
import { RunPicker } from "epochal/run_picker.js";
import { useView } from "epochal/store.js";

const COLUMNS = [["", "As it fits"], ["single", "One column"], ["full", "Full width"]];
const STYLES = [["print", "Print"], ["dark", "Dark"]];
const MOST_RUNS = 50;

/**
 * The page `#/paper/SLUG`.
 * @param {{slug: string}} props
 */
export function PaperPage({ slug }) {
  const [view, setView] = useView();
  const { q } = view;
  const ids = (q.runs ?? "").split(",").filter(Boolean);
  const question = { project: slug, runs: ids.join(","), metric: q.sm, by: q.by, baseline: q.bl, x: q.x, task: q.task };
  const found = useJSON(`/api/paper${query(question)}`, 0, true);
  const look = { venue: q.ve, column: q.pc ?? "", style: q.ps ?? "print" };
  const widths = { own: ownWidths(q.pw), set: (own) => setView({ pw: widthsText(own) }) };
  return html`<div class="page paper-page">
    <header class="page-head"><h1>Figures and tables for a paper</h1>
      <div class="toolbar">
        <${RunPicker} slug=${slug} chosen=${ids} most=${MOST_RUNS}
          onChange=${(all) => setView({ runs: all.join(",") || null })} />
        ${!ids.length && html`<span
          class="muted">all ${found.data ? count(found.data.options?.runs ?? 0, "run") : "runs"} of the project</span>`}
      </div></header>
    ${found.data && html`<${Options} of=${found.data} q=${q} look=${look} setView=${setView} />`}
    <${Pending} of=${found} what="Looking at what can be made" />
    ${!found.data && found.error?.status === 404 && html`<p><a href="#/">All projects</a></p>`}
    ${found.data && html`<${Made} of=${found.data} question=${question} look=${look} widths=${widths}
      stale=${found.loading} />`}
  </div>`;
}

/** The widths of single figures as the address has them, `name:full,other:single`. */
function ownWidths(text) {
  const pairs = (text ?? "").split(",").map((each) => each.split(":"));
  return Object.fromEntries(pairs.filter(([, column]) => column === "single" || column === "full"));
}

function widthsText(own) {
  const pairs = Object.entries(own).filter(([, column]) => column);
  return pairs.map((each) => each.join(":")).join(",") || null;
}

function Options({ of, q, look, setView }) {
  const { options = {}, venues = [] } = of;
  const named = venues.map((venue) => (typeof venue === "string" ? [venue, venue] : [venue.name, venueName(venue)]));
  return html`<div class="toolbar paper-options">
    <${Select} label="Metric" value=${q.sm ?? ""} empty=${options.metric ? `${options.metric} (main)` : "main"}
      options=${options.metrics ?? []} onChange=${(sm) => setView({ sm: sm || null })} />
    <${Select} label="Groups by" value=${q.by ?? ""} empty="all that differs" options=${options.keys ?? []}
      onChange=${(by) => setView({ by: by || null, bl: null })} />
    <${Select} label="Baseline" value=${q.bl ?? ""} empty="none" options=${options.groups ?? []}
      onChange=${(bl) => setView({ bl: bl || null })} />
    <${Select} label="Task" value=${q.task ?? ""} empty="none" options=${options.keys ?? []}
      onChange=${(task) => setView({ task: task || null })} />
    <${Select} label="x" value=${q.x ?? "step"} options=${options.x ?? ["step"]}
      onChange=${(x) => setView({ x: x === "step" ? null : x })} />
    <${Select} label="Venue" value=${look.venue ?? ""} empty="anywhere" options=${named}
      onChange=${(ve) => setView({ ve: ve || null })} />
    <${Choice} label="Width" value=${look.column} options=${COLUMNS}
      onChange=${(pc) => setView({ pc: pc || null })} />
    <${Choice} label="Style" value=${look.style} options=${STYLES}
      onChange=${(ps) => setView({ ps: ps === "print" ? null : ps })} />
  </div>`;
}

function venueName({ name, title, column_in, full_in }) {
  const widths = column_in ? `${column_in} and ${full_in} in` : `${full_in} in`;
  return `${title ?? name} (${widths})`;
}

function Made({ of, question, look, widths, stale }) {
  const venue = (of.venues ?? []).find((each) => each.name === look.venue);
  const oneWidth = Boolean(venue && !venue.column_in);
  const can = (each) => !each.why;
  const figures = of.figures.filter(can);
  const tables = of.tables.filter(can);
  const not = byReason([...of.figures, ...of.tables].filter((each) => each.why));
  return html`<div class=${stale ? "paper-made stale" : "paper-made"}>
    ${!figures.length && !tables.length && html`<${Nothing}
      title="Nothing can be made of these runs yet">The reasons stand below.<//>`}
    ${figures.length > 0 && html`<h2 class="part-title">Figures</h2>
      <div class=${classes("figure-grid", look.column === "full" && "figure-full")}>${figures.map((each) => html`<${FigureCard} key=${each.name}
        figure=${each} question=${question} look=${look} own=${widths.own[each.name] ?? ""}
        onWidth=${oneWidth ? null : (column) => widths.set({ ...widths.own, [each.name]: column })} />`)}</div>`}
    ${tables.length > 0 && html`<h2 class="part-title">Tables</h2>
      ${tables.map((each) => html`<${TableCard} key=${each.name} table=${each} question=${question} />`)}`}
    ${not.length > 0 && html`<h2 class="part-title">What cannot be made of these runs, and why</h2>
      <dl class="reasons">${not.map(([why, titles]) => html`<div key=${why}><dt>${titles.join("; ")}</dt><dd>
        ${why}</dd></div>`)}</dl>`}
    <${Callout} title="Every file says what it was made of">Runs, question and code stand in each
      file; <code>epochal whence FILE</code> reads
      them, and <code>epochal paper check</code> says whether a paper still agrees with its runs.<//>
  </div>`;
}

/** What stands under each reason, so that a reason is said once. */
function byReason(items) {
  const found = new Map();
  for (const { why, title } of items) found.set(why, [...(found.get(why) ?? []), title]);
  return [...found];
}
