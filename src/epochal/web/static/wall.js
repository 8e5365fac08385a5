/** All charts of some runs: sections by "/", one shared cursor and range, saved charts on top. */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "epochal/html.js";
import { Annotate } from "epochal/annotations_marks.js";
import { postFrames } from "epochal/api.js";
import { Bus } from "epochal/chart_bus.js";
import { ChartCard, FullScreen } from "epochal/chart_card.js";
import { rangeOf, rangeText } from "epochal/chart_input.js";
import { choice, choiceText } from "epochal/choices.js";
import { groupColors } from "epochal/color.js";
import { Controls } from "epochal/controls.js";
import { CustomCharts } from "epochal/custom.js";
import { groupRuns, STATISTICS } from "epochal/group.js";
import { Icon } from "epochal/icons.js";
import { useKeys } from "epochal/keys.js";
import { isOpen, searched, sections } from "epochal/sections.js";
import { SeriesSource } from "epochal/series.js";
import { useAbout } from "epochal/session.js";
import { listOf, listText } from "epochal/store.js";

/**
 * The charts of some runs.
 * @param {object} props
 * @param {Array<{id: string, name: string, color: string, config: object, state: string}>} props.runs
 * @param {string[]} props.metrics
 * @param {string} props.slug of the project
 * @param {{q: object}} props.view with `setView`, see store.js
 * @param {Object<string, number>} [props.versions] of runs, see live.js
 * @param {{gone: boolean, full: number}} [props.live]
 * @param {object[]} [props.annotations]
 * @param {(annotations: object[]) => void} [props.onAnnotations] told of those of the run when one
 *   was added
 * @param {boolean} [props.custom] whether saved charts stand on top
 * @param {string} [props.usualX] x of all charts where the address says none
 */
export function Wall(props) {
  const { metrics, slug, view, setView, custom = true, usualX = "step" } = props;
  const { q } = view;
  const { write } = useAbout();
  const runs = useSameRuns(props.runs);
  const source = useSource({ ...props, runs });
  const [annotations, onAdded] = useAnnotations(props);
  const [extents, seeExtent] = useExtents();
  const active = useRef(null);
  const groups = useGroups(runs, q.g);
  const buses = useRef(new Map());
  const busOf = (x) => {
    if (!buses.current.has(x)) buses.current.set(x, new Bus());
    return buses.current.get(x);
  };
  const shared = sharedOptions(q, usualX);
  const [ranges, setRanges] = useState({}); // of charts whose x is not that of the wall
  const onRange = (chart, range, done) => {
    if (chart.x !== shared.x) return setRanges((old) => ({ ...old, [chart.x]: range }));
    return setView({ r: range && rangeText(range, chart.x === "step") }, { replace: Boolean(done && q.r) });
  };
  const wall = {
    runs, source, busOf, annotations, seeExtent, onRange, metrics, usualX, robust: q.rb === "1",
    statistic: Object.hasOwn(STATISTICS, q.gs ?? "") ? q.gs : "ci", goneSince: useSince(props.live?.gone),
    setActive: (title) => { active.current = title; },
    onLog: (chart) => setView({ ly: toggledLog(q.ly, chart.title, chart.logY) }),
    onFull: (chart) => setView({ fs: chart && chart.title }),
    onPick: view.path?.[0] !== "p" ? null : ((run) => setView({ pin: withRun(q.pin, run) })),
    tipExtra: !write || runs.length !== 1 ? null : ((chart) => (x) => chart.x === "step"
      && html`<${Annotate} run=${runs[0].id} step=${x} metric=${null} onAdded=${onAdded} />`),
  };
  const chartOf = (metric) => ({
    title: metric, metrics: [metric], ...shared, ...groups, logY: isLog(q.ly, metric),
  });
  const customOf = (saved, names) => ({
    ...chartOf(saved.title), metrics: names, kind: saved.kind, saved: true, ...overrides(saved, shared, runs, groups),
    ...(saved.x && saved.x !== shared.x ? { range: ranges[saved.x] ?? null } : {}),
  });
  useWallKeys({ q, setView, active });
  const [edited, setEdited] = useState(null);
  const canSave = write && custom && Boolean(slug);
  const found = useMemo(() => searched(metrics, q.m), [metrics, q.m]);
  const parts = useMemo(() => sections(found), [found]);
  const full = q.fs && fullChart(q.fs, metrics, chartOf);
  return html`<div class="wall">
    <${Controls} view=${view} setView=${setView} runs=${runs} metrics=${metrics} extent=${extents[shared.x] ?? null}
      usualX=${usualX} found=${found.length} onAdd=${canSave && (() => setEdited({ index: null, chart: null }))} />
    ${custom && html`<${CustomCharts} slug=${slug} metrics=${metrics} runs=${runs} wall=${wall}
      chartOf=${customOf} full=${q.fs} q=${q} setView=${setView} edited=${edited}
      onEdit=${canSave && setEdited} />`}
    ${parts.map((part, i) => html`<${Section} key=${part.name} ...${part} wall=${wall} chartOf=${chartOf} first=${i === 0}
      open=${Boolean(q.m) || isOpen(part.name, parts.map(({ name }) => name), new Set(listOf(q.cl)))}
      onToggle=${() => setView({ cl: toggled(q.cl, part.name) })} />`)}
    ${!found.length && html`<${NothingFound} search=${q.m} total=${metrics.length} setView=${setView} />`}
    ${full && html`<${FullScreen} chart=${full} wall=${wall} />`}
  </div>`;
}

/** The same array as long as it says the same: charts are drawn again when it is another. */
function useSameRuns(runs) {
  const kept = useRef({ runs: null, text: "" });
  if (kept.current.runs !== runs) {
    const text = JSON.stringify(runs);
    if (text !== kept.current.text) kept.current = { runs, text };
  }
  return kept.current.runs;
}

/** The annotations given, or those after one was added here. */
function useAnnotations({ annotations = [], onAnnotations }) {
  const [own, setOwn] = useState(null);
  useEffect(() => setOwn(null), [annotations]);
  const onAdded = (all) => {
    setOwn(all);
    onAnnotations?.(all);
  };
  return [own ?? annotations, onAdded];
}

function withRun(text, run) {
  const pinned = choice(text);
  pinned.ids.add(run);
  return choiceText(pinned);
}

/** What the URL says about all charts. */
function sharedOptions(q, usualX) {
  return {
    x: q.x || usualX,
    range: rangeOf(q.r),
    logX: q.lx === "1",
    halfLife: Math.max(0, Number(q.h) || 0),
  };
}

/** What a saved chart says of itself; what it leaves open follows the wall. */
function overrides(saved, shared, runs, groups) {
  const of = { logY: Boolean(saved.log) };
  if (saved.x) of.x = saved.x;
  if (saved.smoothing > 0) of.halfLife = saved.smoothing;
  return saved.group ? { ...of, ...groupsOf(runs, [saved.group]) } : { ...of, ...groups };
}

function useSource({ runs, versions, live }) {
  const source = useMemo(
    () => new SeriesSource((body, options) => postFrames("/api/series", body, options)), []);
  useEffect(() => () => source.close(), []);
  const ids = runs.map((run) => run.id);
  useLayoutEffect(() => source.setRuns(ids), [ids.join()]);
  useEffect(() => source.setVersions(versions ?? {}), [versions]);
  useEffect(() => {
    if (live?.full) source.reload();
  }, [live?.full]);
  useEffect(() => {
    if (live && !live.gone) source.retry();
  }, [live?.gone]);
  return source;
}

/** Since when the server is gone, in milliseconds. */
function useSince(gone) {
  const since = useRef(null);
  if (!gone) since.current = null;
  else since.current ??= Date.now();
  return since.current;
}

/** How far each x reaches, for the slider; it grows, and its smallest changes are not told. */
function useExtents() {
  const [extents, setExtents] = useState({});
  const see = (x, [low, high]) => setExtents((old) => {
    const before = old[x];
    if (!before) return { ...old, [x]: [low, high] };
    const next = [Math.min(low, before[0]), Math.max(high, before[1])];
    const grown = next[1] - next[0] > 1.2 * (before[1] - before[0]);
    return grown ? { ...old, [x]: next } : old;
  });
  return [extents, see];
}

function useGroups(runs, text) {
  return useMemo(() => groupsOf(runs, listOf(text)), [runs, text]);
}

function groupsOf(runs, asked) {
  const keys = asked.filter((key) => runs.some(({ config }) => config && Object.hasOwn(config, key)));
  if (!keys.length || runs.length < 2) return { groups: null, colors: new Map(), groupKey: "" };
  const groups = groupRuns(runs, keys);
  const colors = ownColors(groups, runs) ?? groupColors(groups.map((group) => group.name));
  return { groups, colors, groupKey: keys.map((key) => key.replace(/^config\./, "")).join(" · ") };
}

/** The colors that the runs already have, if those of each group share one: as the table shows. */
function ownColors(groups, runs) {
  const of = new Map(runs.map((run) => [run.id, run.color]));
  const colors = new Map();
  for (const { name, runs: ids } of groups) {
    const own = new Set(ids.map((id) => of.get(id)));
    if (own.size > 1) return null;
    colors.set(name, [...own][0]);
  }
  return new Set(colors.values()).size === colors.size ? colors : null;
}

function isLog(text, metric) {
  const names = listOf(text);
  return names.includes(metric) || (names.includes("1") && !names.includes(`!${metric}`));
}

/** The list of logarithmic charts with one of them changed: "1" means all, "!a" all but a. */
function toggledLog(text, metric, isOn) {
  const names = listOf(text).filter((name) => name !== metric && name !== `!${metric}`);
  const all = names.includes("1");
  if (isOn === all) names.push(isOn ? `!${metric}` : metric);
  return listText(names) || null;
}

function toggled(text, name) {
  const names = listOf(text);
  return listText(names.includes(name) ? names.filter((one) => one !== name) : [...names, name]) || null;
}

function useWallKeys({ q, setView, active }) {
  const focus = (selector) => {
    const field = document.querySelector(`.wall-controls ${selector}`);
    field?.focus();
    return field ? undefined : false;
  };
  useKeys({
    l: ["Logarithmic y", () => setView({ ly: listOf(q.ly).includes("1") ? null : "1" })],
    s: ["Smoothing: arrow keys change it", () => focus(".half-life-slider")],
    g: ["Group the runs", () => focus(".group-choice")],
    r: ["Reset the zoom", () => (q.r ? setView({ r: null }) : false)],
    f: ["The chart in full screen", () => {
      if (!q.fs && !active.current) return false;
      return setView({ fs: q.fs ? null : active.current });
    }],
  });
}

function fullChart(title, metrics, chartOf) {
  return metrics.includes(title) ? chartOf(title) : null;
}

function Section({ name, metrics, open, onToggle, wall, chartOf, first }) {
  return html`<section class="wall-section" aria-label=${name}>
    <h2><button type="button" class="wall-fold" aria-expanded=${open ? "true" : "false"} onClick=${onToggle}>
      <${Icon} name=${open ? "chevronDown" : "chevronRight"} />${name}
      <span class="wall-count">${metrics.length.toLocaleString("en-US")}</span></button></h2>
    ${open && html`<div class="chart-grid">${metrics.map(
      (metric, i) => html`<${ChartCard} key=${metric} chart=${chartOf(metric)} wall=${wall} first=${first && i === 0} />`)}</div>`}
  </section>`;
}

function NothingFound({ search, total, setView }) {
  if (!total) return html`<p class="wall-empty">No metric was logged yet.</p>`;
  return html`<p class="wall-empty">None of ${total.toLocaleString("en-US")} metrics has “${search}” in its name.
    ${" "}<button type="button" class="button small" onClick=${() => setView({ m: null })}>Clear</button></p>`;
}
