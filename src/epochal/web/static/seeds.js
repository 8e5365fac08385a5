/** Groups of runs that differ by their seed: mean and interval, every seed, and verdicts in words. */
import { html, useMemo, useState } from "epochal/html.js";
import { slotColor } from "epochal/color.js";
import { count, exact, num, toNumber } from "epochal/format.js";
import { quoted } from "epochal/filter.js";
import { query, useJSON } from "epochal/load.js";
import { Callout, Nothing, Panel, Pending, Select } from "epochal/panel.js";
import { SeedPlot } from "epochal/seed_plot.js";
import { link, listOf, listText, useView } from "epochal/store.js";
import { lowerIsBetter, mainMetric } from "epochal/telling.js";

const STATISTICS = ["last", "min", "max", "mean", "best", "last 10 %"];
const GOALS = [["minimize", "lower is better"], ["maximize", "higher is better"]];
const PAIRED = [["1", "pairs of the same seed"], ["0", "no pairs"]];
const FEW = 3;
const NAMED = 3;

/**
 * The tab.
 * @param {{slug: string, ids: string[], version: number}} props ids: only these runs; none: all
 */
export function Seeds({ slug, ids, version }) {
  const [view, setView] = useView();
  const filter = ids.length ? `id in [${ids.map(quoted).join(", ")}]` : null;
  const table = useJSON(`/api/runs${query({ project: slug, filter })}`, 0, true);
  const metrics = table.data?.metrics ?? [];
  const metric = view.q.sm ?? (metrics.length ? mainMetric(metrics).name : "");
  const known = metrics.find((each) => each.name === metric);
  const open = Boolean(known) && !view.q.sg && !known.goal && !lowerIsBetter(metric); // what is better is not known
  const by = listOf(view.q.by);
  const asked = {
    project: slug, runs: ids.join(","), metric, by: by.join(","), statistic: view.q.ss, goal: view.q.sg,
    margin: view.q.mg, paired: view.q.pa, baseline: view.q.bl,
  };
  const found = useJSON(table.data && metric && !open ? `/api/compare${query(asked)}` : null, version, true);
  const keys = useMemo(() => Object.keys(table.data?.config ?? {}), [table.data]);
  if (!table.data) return html`<${Pending} of=${table} what="Reading the runs" />`;
  if (!metric) return html`<${Nothing}
    title="There is no metric to compare by">None of these runs has logged one.<//>`;
  return html`<div class="seeds-page">
    <div class="toolbar">
      <${Select} label="Metric" value=${metric} options=${metrics.map((each) => each.name)}
        onChange=${(sm) => setView({ sm })} />
      <${Select} label="Number" value=${view.q.ss ?? ""}
        empty=${`as defined${found.data ? ` (${found.data.settings.statistic})` : ""}`} options=${STATISTICS}
        onChange=${(ss) => setView({ ss: ss || null })} />
      <${Select} label="Goal" value=${view.q.sg ?? ""}
        empty=${open ? "not known" : `as defined${found.data ? ` (${found.data.settings.goal})` : ""}`} options=${GOALS}
        onChange=${(sg) => setView({ sg: sg || null })} />
      <${Select} label="Groups by" value=${by[0] ?? ""} empty="all that differs"
        options=${[...keys, "group", "tags", "git.commit"]}
        onChange=${(key) => setView({ by: key ? listText([key]) : null, bl: null })} />
      <${Select} label="Pairs" value=${view.q.pa ?? ""} empty="as the seeds allow" options=${PAIRED}
        onChange=${(pa) => setView({ pa: pa || null })} />
      <${Select} label="Baseline" value=${view.q.bl ?? ""} empty="every pair"
        options=${(found.data?.groups ?? []).map((group) => group.name)} onChange=${(bl) => setView({ bl: bl || null })} />
      <${Margin} value=${view.q.mg ?? ""} onChange=${(mg) => setView({ mg: mg || null })} />
    </div>
    ${open ? html`<${GoalOf} metric=${metric} choose=${(sg) => setView({ sg })} />`
      : found.error ? html`<${Callout} kind="warn" title="These runs cannot be compared so">${found.error.message}<//>`
      : found.data ? html`<${Result} of=${found.data} />` : html`<${Pending} of=${found} what="Comparing" />`}
  </div>`;
}

function GoalOf({ metric, choose }) {
  return html`<${Callout} title=${`What is better for ${metric}?`}>
    <p>A training says so with <code>run.define("${metric}", goal="maximize")</code>; here it can be chosen:</p>
    <div class="form-actions">${GOALS.map(([goal, words]) => html`<button type="button" class="button small"
      key=${goal} onClick=${() => choose(goal)}>${words[0].toUpperCase() + words.slice(1)}</button>`)}</div><//>`;
}

function Margin({ value, onChange }) {
  const [text, setText] = useState(value);
  const send = (event) => {
    event.preventDefault();
    onChange(text.trim());
  };
  return html`<form class="labeled" onSubmit=${send}><label for="seed-margin">Margin</label>
    <input id="seed-margin" class="input margin" placeholder="0.01 or 1 %"
      title="The largest difference that does not matter" value=${text}
      onInput=${(event) => setText(event.currentTarget.value)}
        onBlur=${() => text.trim() !== value && onChange(text.trim())} /></form>`;
}

function Result({ of }) {
  const groups = useMemo(() => of.groups.map(withNumbers), [of]);
  const few = groups.filter((group) => group.n < FEW);
  const { settings } = of;
  const guards = useMemo(() => guardsOfAll(of), [of]);
  return html`
    ${few.length > 0 && html`<${Few} groups=${few} settings=${settings} />`}
    <${Panel} title=${`${settings.metric} by ${settings.by}`}>
      <${SeedPlot} groups=${groups} settings=${settings} />
      <p class="muted">Dots: runs. Line: the mean. Bar: ${num(100 * settings.level)} % t interval of the mean.
        ${settings.ignored.length > 0 && ` Not taken as settings: ${settings.ignored.join(", ")}.`}</p>
      <${GroupTable} groups=${groups} settings=${settings} />
    <//>
    <${Panel} title="Verdicts"><${Verdicts} of=${of} /><//>
    ${guards.length > 0 && html`<${Panel} title="What stands against all this"><ul class="guards">
      ${guards.map((guard) => html`<li key=${guard}>${guard}</li>`)}</ul><//>`}`;
}

function Few({ groups, settings }) {
  const names = groups.slice(0, NAMED).map((group) => `${group.name} (n = ${group.n})`).join("; ");
  const left = groups.length - NAMED;
  const keys = String(settings.by).split(", ");
  return html`<${Callout} kind="warn"
    title=${`${count(groups.length, "group has", "groups have")} fewer than ${FEW} runs`}>
    <p>${names}${left > 0 && `; and ${left} more`}. An interval of so few says little, and a test can hardly decide.</p>
    ${keys.length > 1 && html`<p>The groups differ in ${count(keys.length, "setting")}: choose one with “Groups by”
      above, and its runs stand together.</p>`}<//>`;
}

/** Non-finite numbers travel as texts. */
function withNumbers(group) {
  const [value, low, high] = [group.value, group.low, group.high].map(toNumber);
  return { ...group, value, low, high, scores: group.scores.map(toNumber) };
}

function GroupTable({ groups, settings }) {
  return html`<div class="scroll-x" tabindex="0" role="group" aria-label="Groups"><table class="data-table"><thead>
    <tr><th scope="col">Group</th>
      <th scope="col" class="number">n</th><th scope="col" class="number">Mean</th><th scope="col"
        class="number">Interval</th>
      <th scope="col" class="number">Lowest</th><th scope="col" class="number">Highest</th><th
        scope="col">Standing</th><th scope="col">Left out</th></tr></thead>
    <tbody>${groups.map((group, i) => html`<tr key=${group.name}>
      <th scope="row"><span class="run-dot"
        style=${{ background: slotColor(groups.slice(0, i).filter((each) => each.n).length) }}
        aria-hidden="true"></span><span title=${group.label}>${group.name}</span></th>
      <td class=${group.n < FEW ? "number remark" : "number"}>${group.n}</td><td class="number strong"
        title=${exact(group.value)}>${num(group.value)}</td>
      <td class="number">${Number.isFinite(group.low) ? `${num(group.low)} to ${num(group.high)}` : "–"}</td>
      <td class="number">${group.n ? num(Math.min(...group.scores)) : "–"}</td><td class="number">
        ${group.n ? num(Math.max(...group.scores)) : "–"}</td>
      <td>${standingOf(group, groups, settings)}</td><td><${LeftOut}
        of=${group.left_out} /></td></tr>`)}</tbody></table></div>`;
}

function standingOf(group, groups, settings) {
  const best = group.best ?? group.name === settings.best;
  const near = group.not_worse ?? settings.not_worse.includes(group.name);
  if (groups.filter((each) => each.n).length < 2) return "";
  if (best) return html`<span class="badge badge-good">best mean</span>`;
  return near ? html`<span class="badge">not significantly worse</span>` : "";
}

function LeftOut({ of }) {
  if (!of?.length) return html`<span class="muted">none</span>`;
  return html`<details><summary>${count(of.length, "run")}</summary><ul class="plain-list">
    ${of.map((each, i) => html`<li key=${i}>
    <a href=${link(["r", each.run])}>${each.name ?? each.run}</a> <span class="muted">
      ${each.reason}</span></li>`)}</ul></details>`;
}

const MARKS = {
  better: "badge badge-good", worse: "badge badge-bad", equivalent: "badge badge-even", undecided: "badge",
};

function Verdicts({ of }) {
  if (!of.verdicts.length) return html`<${Nothing}
    title="There is nothing to compare with">A verdict needs two groups.<//>`;
  const left = (of.verdicts_total ?? of.verdicts.length) - of.verdicts.length;
  return html`<ul class="verdicts">${of.verdicts.map((each) => html`<li key=${`${each.a}\0${each.b}`}>
      <span class=${MARKS[each.word] ?? "badge"}>${each.word}</span>
      <div><p class="verdict-sentence">${each.sentence}</p>
        <${Guards} of=${each} /></div></li>`)}</ul>
    ${left > 0 && html`<p class="muted">
      ${count(left, "more verdict")} between other groups ${left === 1 ? "is" : "are"} not listed.</p>`}`;
}

function Guards({ of }) {
  const guards = guardsOfVerdict(of);
  return guards.length > 0 && html`<p class="muted">${guards.join("; ")}.</p>`;
}

/**
 * What stands against a verdict and is not in its sentence already.
 * @param {{sentence: string, guards?: string[]}} verdict
 * @returns {string[]}
 */
export function guardsOfVerdict({ sentence, guards = [] }) {
  return guards.filter((guard) => !sentence.includes(guard));
}

/**
 * What stands against a comparison and is not said with one of the verdicts that are listed.
 * @param {{guards: string[], verdicts: object[], verdicts_total?: number}} of
 * @returns {string[]}
 */
export function guardsOfAll({ guards, verdicts, verdicts_total: total = verdicts.length }) {
  const isOf = ({ a, b }, text) => (guard) =>
    guard === `${a} and ${b}: ${text}` || (total === verdicts.length && guard.endsWith(` pairs: ${text}`));
  const said = verdicts.flatMap((verdict) => (verdict.guards ?? []).map((text) => isOf(verdict, text)));
  return guards.filter((guard) => !said.some((is) => is(guard)));
}
