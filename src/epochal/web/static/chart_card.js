/** A chart on the wall: fetched and drawn only near the viewport, with its title and its buttons. */

import { classes, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "epochal/html.js";
import { Chart } from "epochal/chart.js";
import { buildCurves } from "epochal/chart_model.js";
import { xText } from "epochal/chart_axes.js";
import { toCsv } from "epochal/chart_values.js";
import { Dialog } from "epochal/dialog.js";
import { STATISTICS } from "epochal/group.js";
import { IconButton } from "epochal/icons.js";
import { Menu, MenuItem } from "epochal/menu.js";
import { lazy } from "epochal/lazy.js";
import { copy } from "epochal/notices.js";
import { nearest } from "epochal/sections.js";
import { LEAD } from "epochal/smooth.js";

const Bars = lazy(() => import("epochal/chart_bars.js"), "Bars");
const DataTable = lazy(() => import("epochal/chart_data.js"), "DataTable");
const NEAR_PX = 400;
const WIDTH = 1000;
const watched = new WeakMap();
let observer = null;

/** Whether an element is on the screen or close to it; `first`: taken to be until it is known. */
function useNear(element, always, first) {
  const [near, setNear] = useState(Boolean(always || first));
  useEffect(() => {
    if (always) return undefined;
    observer ??= new IntersectionObserver(
      (entries) => entries.forEach((entry) => watched.get(entry.target)?.(entry.isIntersecting)),
      { rootMargin: `${NEAR_PX}px 0px`, scrollMargin: `${NEAR_PX}px 0px` },
    );
    const node = element.current;
    watched.set(node, setNear);
    observer.observe(node);
    return () => observer.unobserve(node);
  }, []);
  return near;
}

/** What is there of metrics, kept up to date. */
function useHeld(source, metrics, { x, range, lead, counts, width }, active) {
  const [held, setHeld] = useState(() => new Map());
  const key = JSON.stringify([metrics, x, range, lead, counts, width]);
  useLayoutEffect(() => {
    if (!active) return undefined;
    const keep = (metric) => (one) => setHeld((old) => new Map(old).set(metric, kept(old.get(metric), one, x)));
    const leave = metrics.map((metric) => source.watch({ metric, x, range, lead, counts, width }, keep(metric)));
    return () => leave.forEach((end) => end());
  }, [source, key, active]);
  return held;
}

/** Another x starts with nothing: until something is there, the old picture stays with its x. */
function kept(old, one, x) {
  return old && !one.asked.size ? { ...old, error: one.error, loading: one.loading } : { ...one, x };
}

/**
 * A card.
 * @param {object} props
 * @param {{title: string, metrics: string[], x: string, range: [number, number]|null, logX: boolean,
 *   logY: boolean, halfLife: number, kind?: string, groups: object[]|null, colors: Map<string, string>,
 *   groupKey: string}} props.chart
 * @param {object} props.wall what all charts of the wall share, see wall.js
 * @param {boolean} [props.full] over the whole page
 * @param {boolean} [props.first] of the page: asked for before the page has its shape
 * @param {any} [props.actions] more buttons
 */
export function ChartCard({ chart, wall, full = false, first = false, actions }) {
  const element = useRef(null);
  const near = useNear(element, full, first);
  return html`<article ref=${element} class=${classes("chart-card", full && "full")}
    onPointerEnter=${() => wall.setActive(chart.title)} onFocusIn=${() => wall.setActive(chart.title)}>
    ${near
      ? html`<${Filled} chart=${chart} wall=${wall} full=${full} actions=${actions} />`
      : html`<header class="chart-head"><h3>${chart.title}</h3></header>`}
  </article>`;
}

/**
 * One chart over the whole page.
 * @param {{chart: object, wall: object, actions?: any}} props
 */
export function FullScreen({ chart, wall, actions }) {
  return html`<${Dialog} label=${chart.title} class="chart-full" onClose=${() => wall.onFull(null)}>
    <${ChartCard} chart=${chart} wall=${wall} full actions=${actions} /><//>`;
}

function Filled({ chart, wall, full, actions }) {
  const handle = useRef({});
  const [table, setTable] = useState(false);
  const need = {
    x: chart.x, range: chart.range, width: widthFor(wall.runs.length, full),
    lead: chart.halfLife > 0 && chart.range ? LEAD * chart.halfLife : 0,
    counts: chart.halfLife > 0,
  };
  const held = useHeld(wall.source, chart.metrics, need, true);
  const all = chart.metrics.map((metric) => held.get(metric)).filter(Boolean);
  const lanes = useMemo(() => lanesOf(all, wall.runs), [wall.runs, ...chart.metrics.map((m) => held.get(m)?.lanes)]);
  useEffect(() => all.forEach((one) => one.extent && wall.seeExtent(one.x, one.extent)), [lanes]);
  const x = all.find((one) => one.x !== chart.x)?.x ?? chart.x;
  const loaded = !wall.runs.length || (all.length > 0
    && all.every((one) => wall.runs.every((run) => one.asked.has(run.id))));
  const stale = useStale(all, wall.goneSince);
  const error = all.find((one) => one.error)?.error;
  const name = chart.x === wall.usualX || chart.saved ? chart.title : `${chart.title} by ${chart.x}`;
  const common = { runs: wall.runs, groups: chart.groups, colors: chart.colors, statistic: wall.statistic };
  return html`
    <header class="chart-head">
      <h3 title=${name}>${name}</h3>
      ${actions}
      <${Buttons} chart=${chart} wall=${wall} full=${full} handle=${handle} onTable=${() => setTable(true)} />
    </header>
    ${chart.kind === "bar"
      ? html`<${BarChart} lanes=${lanes} chart=${chart} common=${common} handle=${handle} />`
      : html`<${Chart} ...${common} tall=${full} legendRuns=${full && wall.runs.length <= 30}
          spec=${{ title: name, metrics: chart.metrics, lanes, x, kind: chart.kind }}
          halfLife=${chart.halfLife} logX=${chart.logX} logY=${chart.logY} robust=${wall.robust}
          range=${chart.range} bus=${wall.busOf(x)} handle=${handle} legendTitle=${chart.groupKey}
          onRange=${(range, done) => wall.onRange(chart, range, done)} onPick=${wall.onPick}
          annotations=${wall.annotations} tipExtra=${wall.tipExtra?.(chart)} stale=${stale}
          left=${leftOut(all, lanes, wall.runs, loaded)}
          empty=${loaded ? html`<${Empty} chart=${chart} wall=${wall} />` : html`<${Waiting} error=${error} />`}
          more=${html`${chart.saved && chart.x !== wall.usualX && html`<span>x: ${chart.x}</span>`}
            ${error && lanes.length > 0 && html`<span class="warn">${error.message}</span>`}`} />`}
    ${table && html`<${DataTable} title=${name} curves=${handle.current.curves} xName=${chart.x}
      xText=${(at, width) => xText(chart.x, at, width).replace(/^steps? /, "").replace(`${chart.x} `, "")} manyMetrics=${chart.metrics.length > 1}
      onClose=${() => setTable(false)} />`}`;
}

/** Buckets of each run: fewer where there are so many runs that the answer would weigh megabytes. */
function widthFor(runs, full) {
  if (runs > 600) return WIDTH / 5;
  if (runs > 200) return WIDTH / 2;
  if (full) return 2 * WIDTH;
  return runs > 50 ? WIDTH / 2 : WIDTH; // of a card on the wall each still has a pixel
}

function BarChart({ lanes, chart, common, handle }) {
  const curves = useMemo(
    () => buildCurves({ ...common, lanes, metrics: chart.metrics, halfLife: chart.halfLife }),
    [lanes, common.runs, common.groups, common.colors, common.statistic, chart.halfLife],
  );
  handle.current = { plot: null, curves, legend: [] };
  return html`<${Bars} curves=${curves} manyMetrics=${chart.metrics.length > 1} />
    <p class="chart-note"><span>last value${chart.halfLife > 0 ? ", smoothed" : ""}</span>
      ${curves.some((curve) => curve.n) && html`<span>bar: mean, line: ${STATISTICS[common.statistic]}</span>`}
      ${curves.some((curve) => !curve.exact) && html`<span>mean of the last bucket</span>`}</p>`;
}

function lanesOf(all, runs) {
  const lanes = [];
  for (const { lanes: byRun } of all) {
    for (const { id } of runs) if (byRun.has(id)) lanes.push(byRun.get(id));
  }
  return lanes;
}

function leftOut(all, lanes, runs, loaded) {
  const missing = (all[0]?.missing ?? []).filter((one) => runs.some((run) => run.id === one.run));
  const drawn = new Set([...lanes, ...missing].map((one) => one.run));
  const lacking = loaded && drawn.size ? runs.filter((run) => !drawn.has(run.id)) : [];
  const over = all[0]?.over ?? 0;
  return { missing, over, lacking: lacking.map((run) => run.name).slice(0, lacking.length - over) };
}

/** Seconds since newer data are known of that are not here; null where all is new. */
function useStale(all, goneSince) {
  const since = Math.min(...all.map((one) => one.staleSince ?? Infinity), goneSince ?? Infinity);
  const [, tick] = useState(0);
  useEffect(() => {
    if (since === Infinity) return undefined;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [since === Infinity]);
  return since === Infinity ? null : (Date.now() - since) / 1000;
}

function Waiting({ error }) {
  return error
    ? html`<p class="error-text">${error.message}</p>`
    : html`<p class="chart-loading" role="status">Loading …</p>`;
}

function Empty({ chart, wall }) {
  if (!wall.runs.length) return html`<p>No run is shown. Choose one in the table.</p>`;
  if (chart.range) {
    return html`<p>Nothing was logged in this range.</p>
      <button type="button" class="button small" onClick=${() => wall.onRange(chart, null)}>Reset zoom</button>`;
  }
  if (chart.x === "epoch") return html`<p>No epoch was logged with <strong>${chart.title}</strong>.</p>`;
  const names = chart.x !== "step" ? [] : nearest(chart.metrics[0] ?? "", wall.metrics.filter((m) => !chart.metrics.includes(m)));
  return html`<p>${wall.runs.length === 1 ? "This run has no" : "None of these runs has"} points of
    ${" "}<strong>${chart.metrics.join(", ") || chart.title}</strong>${chart.x === "step" ? "" : ` by ${chart.x}`}.</p>
    ${names.length > 0 && html`<p class="muted">Similar names: ${names.join(", ")}</p>`}`;
}

function Buttons({ chart, wall, full, handle, onTable }) {
  const csv = () => toCsv(handle.current.curves, chart.x);
  const save = async (kind) => {
    const { plot, legend } = handle.current;
    const { fileName, saveAs, toPng, toSvg } = await import("epochal/chart_save.js");
    const blob = kind === "png" ? await toPng(plot, chart.title, legend) : toSvg(plot, chart.title, legend);
    saveAs(blob, fileName(chart.title, kind));
  };
  const item = (text, act) => (close) => html`<${MenuItem} onClick=${() => { close(); act(); }}>${text}<//>`;
  const items = [item("Show as table", onTable), item("Copy as CSV", () => copy(csv(), "CSV"))];
  if (chart.kind !== "bar") items.push(item("Save as PNG", () => save("png")), item("Save as SVG", () => save("svg")));
  return html`<span class="chart-buttons">
    ${chart.kind !== "bar" && html`<button type="button" class="button quiet small chart-log" title="Logarithmic y"
      aria-pressed=${chart.logY ? "true" : "false"} onClick=${() => wall.onLog(chart)}>log</button>`}
    <${Menu} label=${`More for ${chart.title}`} icon="more" class="icon-button small">
      ${(close) => items.map((make) => make(close))}<//>
    ${full
      ? html`<${IconButton} icon="cross" label="Leave full screen" class="small" onClick=${() => wall.onFull(null)} />`
      : html`<button type="button" class="icon-button small" aria-label=${`${chart.title} in full screen`}
          title="Full screen (f)" onClick=${() => wall.onFull(chart)}><${Corners} /></button>`}
  </span>`;
}

function Corners() {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    <path d="M2.5 6V2.5H6M10 2.5h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10" /></svg>`;
}
