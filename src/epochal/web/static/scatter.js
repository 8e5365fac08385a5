/** Scatter: any two numbers of runs, colored by a third, with Pareto front and rank correlation. */
import { html, useMemo, useState } from "epochal/html.js";
import { choicesOf, DimensionSelect } from "epochal/axis_picker.js";
import { slotColor } from "epochal/color.js";
import { ColorKey } from "epochal/color_key.js";
import { isIdentifier } from "epochal/differences.js";
import { defaultPath, goalOf, labelOf, levelOf, valueText } from "epochal/dimensions.js";
import { pathParts } from "epochal/filter.js";
import { compact, count, num } from "epochal/format.js";
import { useSize } from "epochal/load.js";
import { colorsBy } from "epochal/parallel_axes.js";
import { Nothing, Pending, Select, Tick } from "epochal/panel.js";
import { correlationText, paretoFront, spearman } from "epochal/relation.js";
import { useRunTable } from "epochal/run_table.js";
import { extentOf, padded, scale, spansDecades } from "epochal/scales.js";
import { sequential } from "epochal/sequential.js";
import { go, useView } from "epochal/store.js";
import { mainMetric } from "epochal/telling.js";

const HEIGHT = 460;
const LEFT = 64;
const BOTTOM = HEIGHT - 46;
const TOP = 12;
const GOALS = [["minimize", "less is better"], ["maximize", "more is better"]];

/**
 * The tab.
 * @param {{slug: string, ids: string[], filter: string, version: number}} props ids: only these
 *   runs; none: all
 */
export function Scatter({ slug, ids, filter, version }) {
  const [view, setView] = useView();
  const first = useRunTable(slug, { filter, ids, version });
  const chosen = first.data && { ...suggested(first.data), ...given(view.q) };
  const paths = chosen ? [chosen.x, chosen.y, chosen.color].filter(Boolean) : [];
  const found = useRunTable(slug, { paths, filter, ids, version });
  if (!first.data || !found.data) return html`<${Pending} of=${first.data ? found : first}
    what="Reading the runs" />`;
  const table = found.data;
  const wanted = logByItself(table, chosen);
  const log = ["lx", "ly"].map((key, i) => (view.q[key] === undefined ? wanted[i] : view.q[key] === "1"));
  const goals = ["x", "y"].map((axis) => view.q[`g${axis}`] ?? goalOf(chosen[axis] ?? "", table.metrics) ?? "minimize");
  if (!choicesOf(table).length) return html`<${Nothing}
    title="There are no numbers to draw">None of these runs has logged a metric or has config keys.<//>`;
  return html`<div class="picture-page">
    <div class="toolbar">
      <${DimensionSelect} label="x" table=${table} value=${chosen.x} onChange=${(sx) => setView({ sx })} />
      <${Tick} label="log x" checked=${log[0]} onChange=${(on) => setView({ lx: on ? "1" : "0" })} />
      <${DimensionSelect} label="y" table=${table} value=${chosen.y} onChange=${(sy) => setView({ sy })} />
      <${Tick} label="log y" checked=${log[1]} onChange=${(on) => setView({ ly: on ? "1" : "0" })} />
      <${DimensionSelect} label="Color" table=${table} value=${chosen.color}
        onChange=${(cb) => setView({ cb: cb || null })} empty="none" />
      <${Tick} label="Pareto front" checked=${view.q.pf === "1"}
        onChange=${(on) => setView({ pf: on ? "1" : null })} />
      ${view.q.pf === "1" && ["x", "y"].map((axis, i) => html`<${Select} key=${axis} label=${`Goal of ${axis}`}
        value=${goals[i]} options=${GOALS}
        onChange=${(goal) => setView({ [`g${axis}`]: goal })} />`)}
    </div>
    ${chosen.x && chosen.y ? html`<${Picture} table=${table} chosen=${chosen} log=${log}
      goals=${view.q.pf === "1" ? goals : null} />` : html`<${Nothing}
        title="There are no two numbers to draw">Log a metric or set config keys first.<//>`}
  </div>`;
}

function given(q) {
  return Object.fromEntries([["x", q.sx], ["y", q.sy], ["color", q.cb]].filter(([, value]) => value));
}

/**
 * What is worth a first look: the main metric against the config number that differs most; seeds only
 * where nothing else differs.
 * @param {import("epochal/run_table.js").RunTable} table
 * @returns {{x: string|null, y: string|null, color: string|null}} paths
 */
export function suggested(table) {
  const main = mainMetric(table.metrics);
  const varying = table.config.filter((each) => each.varies);
  const settings = varying.filter((each) => isMeasured(each.path));
  const numbers = settings.filter((each) => each.kind === "number");
  const distinct = (each) => new Set(each.values.filter((value) => value !== null)).size;
  numbers.sort((a, b) => distinct(b) - distinct(a));
  const y = main && defaultPath(main);
  const x = numbers[0]?.path ?? settings[0]?.path ?? choicesOf(table).find((each) => each.path !== y)?.path ?? null;
  const color = best((settings.length > 1 ? settings : varying).filter((each) => each.path !== x), (each) =>
    2 * each.values.filter((value) => value !== null).length + (each.kind === "category" ? 1 : 0));
  return { x, y, color: color?.path ?? null };
}

/** A seed can be drawn, but its order says nothing. */
function isMeasured(path) {
  return !isIdentifier(pathParts(path).at(-1));
}

function best(items, weight) {
  return items.reduce((a, b) => (a === null || weight(b) > weight(a) ? b : a), null);
}

/** Says for x and y whether the runs that have both are better seen on a log scale. */
function logByItself(table, chosen) {
  const [xs, ys] = [chosen.x, chosen.y].map((path) => table.byPath.get(path)?.values ?? []);
  const both = table.id.map((_, i) => i).filter((i) => Number.isFinite(xs[i]) && Number.isFinite(ys[i]));
  return [xs, ys].map((values) => spansDecades(both.map((i) => values[i])));
}

function Picture({ table, chosen, log, goals }) {
  const [box, { width }] = useSize();
  const [hover, setHover] = useState(null);
  const model = useMemo(() => modelOf(table, chosen, log), [table, chosen.x, chosen.y, chosen.color, log[0], log[1]]);
  const { points, left } = model;
  const numeric = model.x.kind === "number" && model.y.kind === "number";
  const x = placer(model.x, points.map((p) => p.x), [LEFT, Math.max(LEFT + 100, width - 16)], log[0]);
  const y = placer(model.y, points.map((p) => p.y), [BOTTOM, TOP], log[1]);
  const front = goals && numeric ? paretoFront(points, ...goals) : [];
  const measured = numeric && [chosen.x, chosen.y].every(isMeasured);
  const relation = measured ? spearman(points.map((p) => p.x), points.map((p) => p.y)) : null;
  const colorOf = colorsBy(model.color, sequential, slotColor);
  const steps = stairs(front.map((i) => [x.at(points[i].x), y.at(points[i].y)]), goals?.[0] === "minimize");
  return html`<div class="scatter" ref=${box}>
    <p class="readout" role="status">${hover ? said(table, chosen, hover) : html`<span
      class="muted">Point at a dot to read it, click to open the run.</span>`}</p>
    ${width > 0 && html`<svg class="scatter-svg" width=${width} height=${HEIGHT} role="group"
      aria-label=${`${labelOf(chosen.y)} against ${labelOf(chosen.x)}, ${count(points.length, "run")}`}>
      ${y.ticks(6).map((tick) => html`<g key=${tick.label}><line class="grid-line" x1=${LEFT} x2=${width - 16}
        y1=${tick.place} y2=${tick.place} />
        <text class="tick" x=${LEFT - 8} y=${tick.place} text-anchor="end" dominant-baseline="central">
          ${tick.label}</text></g>`)}
      ${x.ticks(Math.max(2, Math.floor(width / 110))).map((tick) => html`<text key=${tick.label} class="tick"
        x=${tick.place} y=${BOTTOM + 16} text-anchor="middle">${tick.label}</text>`)}
      <line class="axis-line" x1=${LEFT} x2=${width - 16} y1=${BOTTOM + 0.5} y2=${BOTTOM + 0.5} />
      <text class="axis-name" x=${(LEFT + width - 16) / 2} y=${HEIGHT - 8} text-anchor="middle">
        ${labelOf(chosen.x)}${log[0] && x.log ? " (log)" : ""}</text>
      <text class="axis-name" transform=${`translate(14 ${(TOP + BOTTOM) / 2}) rotate(-90)`} text-anchor="middle">
        ${labelOf(chosen.y)}${log[1] && y.log ? " (log)" : ""}</text>
      ${steps && html`<path class="front" d=${steps} />`}
      ${points.map((point, i) => html`<circle key=${table.id[point.i]}
        class=${front.includes(i) ? "dot on-front" : "dot"} cx=${x.at(point.x)} cy=${y.at(point.y)}
        r=${hover === point ? 7 : 5} style=${{ fill: colorOf(point.color) }} tabindex="0" role="link"
          aria-label=${`${table.name[point.i]}: ${num(point.x)}, ${num(point.y)}`}
        onMouseEnter=${() => setHover(point)} onMouseLeave=${() => setHover(null)} onFocus=${() => setHover(point)}
          onBlur=${() => setHover(null)}
        onClick=${() => go(["r", table.id[point.i]])}
          onKeyDown=${(event) => event.key === "Enter" && go(["r", table.id[point.i]])} />`)}
    </svg>`}
    <div class="picture-foot"><${ColorKey} dimension=${model.color} />
      <span>${relation && correlationText(relation)}</span>
      ${goals && numeric && html`<span>${count(front.length, "run")} on the Pareto front</span>`}
      <span class="muted">${count(points.length, "run")}${left > 0 && `; not drawn: ${left} without both values`}</span></div>
  </div>`;
}

/** The border of what the front beats, as stairs. */
function stairs(places, across) {
  return places.map(([x, y], i) => {
    if (!i) return `M${x} ${y}`;
    return across ? `H${x}V${y}` : `V${y}H${x}`;
  }).join("");
}

const EMPTY = { kind: "number", values: [], levels: [], extent: null, log: false };

function modelOf(table, chosen, log) {
  const [x, y, color] = ["x", "y", "color"].map((axis) => table.byPath.get(chosen[axis]));
  const all = table.id.map((_, i) => ({ i, x: x?.values[i], y: y?.values[i], color: color?.values[i] }));
  const fits = (value, of, isLog) => value !== null && value !== undefined
    && (of?.kind !== "number" || (Number.isFinite(value) && (!isLog || value > 0)));
  const points = all.filter((point) => fits(point.x, x, log[0]) && fits(point.y, y, log[1]));
  return { x: x ?? EMPTY, y: y ?? EMPTY, color, points, left: all.length - points.length };
}

/** Places of numbers or levels on an axis. */
function placer(dimension, values, range, log) {
  if (dimension.kind === "number") {
    const of = scale(padded(extentOf(values, log) ?? [0, 1], log), range, log);
    return { ...of, ticks: (n) => of.ticks(n).map((value) => ({ place: of.at(value), label: compact(value) })) };
  }
  const gap = (range[1] - range[0]) / Math.max(1, dimension.levels.length);
  const index = new Map(dimension.levels.map((name, i) => [name, range[0] + gap * (i + 0.5)]));
  const ticks = [...index].map(([label, place]) => ({ place, label }));
  return { at: (value) => index.get(levelOf(value)), log: false, ticks: () => ticks };
}

function said(table, chosen, point) {
  const shown = [["x", chosen.x], ["y", chosen.y], ["color", chosen.color]].filter(([, path]) => path);
  return html`<strong>${table.name[point.i]}</strong> ${shown.map(([axis, path]) => html`<span class="read"
    key=${axis}><span class="muted">${labelOf(path)}</span>
    ${valueText(point[axis])}</span>`)}`;
}
