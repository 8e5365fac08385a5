/** The results of a run: the statistics of each metric, and what the training said itself. */
import { html, useMemo, useState } from "epochal/html.js";
import { count, exact, grouped, num } from "epochal/format.js";
import { lineOf } from "epochal/nested.js";
import { Nothing, SearchField } from "epochal/panel.js";
import { link } from "epochal/store.js";

const SHOWN = 200;
const SEARCHED_FROM = 12;

/**
 * The metrics of a run with last, best, smallest and largest value, mean and number of points.
 * @param {{run: object}} props run: as /api/run/ID describes it
 */
export function SummaryTable({ run }) {
  const [query, setQuery] = useState("");
  const [limit, setLimit] = useState(SHOWN);
  const [machine, setMachine] = useState(false);
  const found = useMemo(() => sortedNames(run.summary, query), [run.summary, query]);
  const names = machine || query ? found : found.filter((name) => !isOfMachine(name));
  const total = Object.keys(run.summary).length;
  const best = names.some((name) => isKnown(run.summary[name].best)); // only where a goal was defined
  if (!total) {
    return html`<${Nothing} title="No metric has been logged">
      <p>Log one with <code>run.log({"loss": loss}, step=step)</code>.</p><//>`;
  }
  return html`${total > SEARCHED_FROM && html`<div class="tree-tools">
      <${SearchField} label="Search metrics" value=${query} onInput=${setQuery} />
      <span class="muted" role="status">${query && `${names.length} of ${total}`}</span></div>`}
    <div class="scroll-x" tabindex="0" role="group" aria-label="Results of metrics"><table class="data-table">
      <thead><tr><th scope="col">Metric</th><th scope="col" class="number">Last</th>
        ${best && html`<th scope="col" class="number with-step">Best</th>`}
        <th scope="col" class="number with-step">Min</th>
        <th scope="col" class="number with-step">Max</th><th scope="col" class="number">Mean ± std</th>
        <th scope="col" class="number">Points</th></tr></thead>
      <tbody>${names.slice(0, limit).map((name) =>
        html`<${MetricRow} key=${name} id=${run.id} name=${name} of=${run.summary[name]} best=${best} />`)}</tbody>
    </table></div>
    ${found.length > names.length && html`<button type="button" class="link-button" onClick=${() => setMachine(true)}>
      and ${count(found.length - names.length, "reading")} of the machine</button>`}
    ${names.length > limit && html`<button type="button" class="button small"
      onClick=${() => setLimit(Infinity)}>Show all ${names.length} metrics</button>`}`;
}

/**
 * Returns metrics by name, those of the machine last.
 * @param {Record<string, object>} summary @param {string} query words to be found in the name
 * @returns {string[]}
 */
export function sortedNames(summary, query = "") {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (name) => words.every((word) => name.toLowerCase().includes(word));
  return Object.keys(summary).filter(has)
    .sort((a, b) => isOfMachine(a) - isOfMachine(b) || a.localeCompare(b, "en", { numeric: true }));
}

const isOfMachine = (name) => name.startsWith("system/");

const isKnown = (value) => value !== null && value !== undefined;

function MetricRow({ id, name, of, best }) {
  const goal = of.goal === "minimize" ? "↓" : of.goal === "maximize" ? "↑" : "";
  const tab = isOfMachine(name) ? "system" : "charts";
  return html`<tr>
    <th scope="row"><a href=${link(["r", id, tab], { m: name })}>${name}</a>
      ${goal && html` <span class="goal" title=${`goal: ${of.goal}`}>${goal}</span>`}
      ${of.unit && html` <span class="muted">${of.unit}</span>`}
      <${Remarks} of=${of} /></th>
    <${Value} of=${of.last} at=${null} />
    ${best && html`<${Value} of=${of.best} at=${of.best_step} strong />`}
    <${Value} of=${of.min} at=${of.min_step} />
    <${Value} of=${of.max} at=${of.max_step} />
    <td class="number" title=${`${exact(of.mean)} ± ${exact(of.std)}`}>${num(of.mean)}<span
      class="muted"> ± ${num(of.std, 2)}</span></td>
    <td class="number">${of.count.toLocaleString("en-US")}</td>
  </tr>`;
}

function Value({ of, at, strong }) {
  if (!isKnown(of)) return html`<td class=${at === null ? "number muted" : "number with-step muted"}>–</td>`;
  const where = !isKnown(at) ? "" : ` at step ${exact(at)}`;
  return html`<td class=${strong ? "number strong" : "number"} title=${`${exact(of)}${where}`}>
    ${num(of)}${where && html`<span class="at-step">@${grouped(at)}</span>`}</td>`;
}

function Remarks({ of }) {
  const said = [];
  if (of.nan) said.push(`▲ ${of.nan.toLocaleString("en-US")} NaN`);
  if (of.inf) said.push(`▲ ${of.inf.toLocaleString("en-US")} infinite`);
  const since = said.length && of.first_bad_step !== null && of.first_bad_step !== undefined
    ? `, first at step ${exact(of.first_bad_step)}` : "";
  if (of.out_of_range) said.push(`${of.out_of_range.toLocaleString("en-US")} out of range`);
  if (!said.length) return null;
  return html`<span class="remark">${said.join(", ")}${since}</span>`;
}

/**
 * What the training set in `run.summary`.
 * @param {{values: Record<string, unknown>}} props
 */
export function UserSummary({ values }) {
  const names = Object.keys(values ?? {});
  if (!names.length) return null;
  return html`<dl class="facts">${names.map((name) => html`<div class="fact" key=${name}>
    <dt>${name}</dt><dd title=${exact(values[name])}>
      ${typeof values[name] === "number" ? num(values[name], 6) : lineOf(values[name])}</dd>
  </div>`)}</dl>`;
}
