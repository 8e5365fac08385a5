/** Parallel coordinates: a line per run through its settings and results; limits are drawn on axes. */
import { html, useMemo, useRef, useState } from "epochal/html.js";
import { AxesMenu, DimensionSelect } from "epochal/axis_picker.js";
import { brushesOf, brushText, brushWords, expressionOf, within } from "epochal/brushes.js";
import { slotColor } from "epochal/color.js";
import { ColorKey } from "epochal/color_key.js";
import { defaultPath, labelOf, levelOf, suggestedPaths, valueText } from "epochal/dimensions.js";
import { compact, count } from "epochal/format.js";
import { IconButton } from "epochal/icons.js";
import { useKeys } from "epochal/keys.js";
import { useSize } from "epochal/load.js";
import { axisOf, colorsBy, NONE, stepped } from "epochal/parallel_axes.js";
import { Loading, Nothing, Pending } from "epochal/panel.js";
import { useRunTable } from "epochal/run_table.js";
import { sequential } from "epochal/sequential.js";
import { link, listOf, listText, useView, go } from "epochal/store.js";
import { mainMetric } from "epochal/telling.js";

const HEIGHT = Math.round(Math.max(360, Math.min(640, (globalThis.innerHeight ?? 0) - 360)));
const TOP = 34;
const BOTTOM = HEIGHT - 44;
const SIDE = 70;
const NARROWEST = 120; // from axis to axis; a narrower window scrolls

/** For the help page: the axes take them, and only while they have the focus. */
const AXIS_KEYS = {
  "↑ ↓": ["In an axis: move its limits; with Shift only the upper one", () => false],
  "Page ↑ Page ↓": ["In an axis: five steps at once", () => false],
  Delete: ["In an axis: free it", () => false],
  "← →": ["In the name of an axis: move the axis", () => false],
};
const STEPS = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 };

/**
 * The tab.
 * @param {{slug: string, ids: string[], filter: string, version: number}} props ids: only these
 *   runs; none: all
 */
export function Parallel({ slug, ids, filter, version }) {
  const [view, setView] = useView();
  const asked = listOf(view.q.ax);
  const first = useRunTable(slug, { filter, ids, version });
  const main = first.data && mainMetric(first.data.metrics);
  const axes = asked.length || !first.data ? asked : suggestedPaths(first.data.config, first.data.metrics);
  const color = view.q.cb ?? (main ? defaultPath(main) : null);
  const found = useRunTable(slug, { paths: [...axes, color].filter(Boolean), filter, ids, version });
  if (!first.data) return html`<${Pending} of=${first} what="Reading the runs" />`;
  if (!found.data) return found.error ? html`<${Pending} of=${found} />` : html`<${Loading} />`;
  const table = found.data;
  const brushes = brushesOf(view.q.br);
  const write = (next, options) => setView({ br: next.length ? brushText(next) : null }, options);
  return html`<div class="picture-page">
    <div class="toolbar">
      <${AxesMenu} table=${table} chosen=${axes} onChange=${(paths) => setView({ ax: listText(paths) })} />
      <${DimensionSelect} label="Color" table=${table} value=${color} onChange=${(cb) => setView({ cb })} />
      <${ColorKey} dimension=${table.byPath.get(color)} />
    </div>
    ${axes.length < 2
      ? html`<${Nothing} title="Two axes or more are needed">No config key differs between these runs;
          choose axes by hand above.<//>`
      : html`<${Picture} table=${table} axes=${axes} color=${color} brushes=${brushes} write=${write}
          reorder=${(paths) => setView({ ax: listText(paths) })} />`}
    <${Brushes} table=${table} brushes=${brushes} write=${write} slug=${slug} />
  </div>`;
}

function Picture({ table, axes, color, brushes, write, reorder }) {
  const [box, { width }] = useSize();
  const [hover, setHover] = useState(-1);
  const wide = Math.max(width, 2 * SIDE + NARROWEST * (axes.length - 1));
  const layout = useMemo(() => {
    const gap = (wide - 2 * SIDE) / Math.max(1, axes.length - 1);
    return axes.flatMap((path, i) => {
      const dimension = table.byPath.get(path);
      return dimension ? [axisOf(dimension, SIDE + gap * i, TOP, BOTTOM)] : [];
    });
  }, [table, axes.join("\n"), width]);
  const limits = brushText(brushes);
  const inside = useMemo(() => within(brushes, table.byPath, table.id.length), [table, limits]);
  const values = (path) => table.byPath.get(path)?.values ?? []; // not there while it is being asked for
  const colorOf = useMemo(() => {
    const made = colorsBy(table.byPath.get(color), sequential, slotColor);
    return (i) => made(color ? values(color)[i] : null);
  }, [table, color]);
  const paths = useMemo(() => table.id.map((_, i) =>
    layout.map((axis, j) => `${j ? "L" : "M"}${axis.x.toFixed(1)} ${axis.at(values(axis.path)[i]).toFixed(1)}`)
      .join("")), [table, layout]);
  const lines = useMemo(() => {
    const order = table.id.map((_, i) => i).sort((a, b) => Number(inside[a]) - Number(inside[b]));
    const seen = order.map((i) => html`<path key=${table.id[i]} d=${paths[i]}
      class=${inside[i] ? "line" : "line outside"} style=${inside[i] ? { stroke: colorOf(i) } : null} />`);
    const targets = order.filter((i) => inside[i]).map((i) => html`<path key=${`to ${table.id[i]}`} d=${paths[i]}
      class="hit" onMouseEnter=${() => setHover(i)} onClick=${() => go(["r", table.id[i]])} />`);
    return [...seen, ...targets];
  }, [table, paths, inside, colorOf]);
  const set = (path, limits, options) => {
    const others = brushes.filter((brush) => brush.path !== path);
    write(limits ? [...others, { path, ...limits }] : others, options);
  };
  useKeys(AXIS_KEYS);
  const many = table.id.length > 30 ? " many" : "";
  return html`<div class="parallel" ref=${box}>
    <p class="readout" role="status">${hover >= 0 ? said(table, axes, hover)
      : html`<span class="muted">Drag along an axis to limit it, click it to free it. Point at a line to read it,
        click it to open the run.</span>`}</p>
    ${width > 0 && html`<svg class=${`parallel-svg${many}`} width=${wide} height=${HEIGHT}
      role="group" aria-label=${`Parallel coordinates of ${count(table.id.length, "run")}`}>
      <g class="parallel-lines" onMouseLeave=${() => setHover(-1)}>
        ${lines}
        ${hover >= 0 && html`<path d=${paths[hover]} class="line raised"
          style=${{ stroke: colorOf(hover) }} />`}
      </g>
      ${layout.map((axis, j) => html`<${AxisMark} key=${axis.path} axis=${axis}
        brush=${brushes.find((brush) => brush.path === axis.path)} set=${set}
        move=${(by) => reorder(moved(axes, j, by))} first=${j === 0} last=${j === layout.length - 1} />`)}
    </svg>`}
  </div>`;
}

function moved(axes, i, by) {
  const next = [...axes];
  [next[i], next[i + by]] = [next[i + by], next[i]];
  return next;
}

function said(table, axes, i) {
  const parts = axes.map((path) => [labelOf(path), table.byPath.get(path)?.values[i]]);
  return html`<strong>${table.name[i]}</strong> ${parts.map(([label, value]) => html`<span class="read" key=${label}>
    <span class="muted">${label}</span> ${valueText(value)}</span>`)}`;
}

function AxisMark({ axis, brush, set, move, first, last }) {
  const start = useRef(null);
  const [draft, setDraft] = useState(null);
  const place = (event) => {
    const box = event.currentTarget.ownerSVGElement.getBoundingClientRect();
    return Math.max(TOP, Math.min(BOTTOM, event.clientY - box.top));
  };
  const down = (event) => {
    start.current = place(event);
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const drag = (event) => start.current !== null && setDraft([start.current, place(event)]);
  const up = (event) => {
    const [from, to] = [start.current, place(event)];
    start.current = null;
    setDraft(null);
    if (from !== null) set(axis.path, Math.abs(from - to) < 4 ? null : axis.limits(from, to));
  };
  const limits = draft ?? (brush && axis.places(brush)) ?? null;
  const free = (event) => {
    if ((event.key !== "Delete" && event.key !== "Escape") || !(brush || draft)) return;
    event.preventDefault();
    setDraft(null);
    set(axis.path, null);
  };
  const key = (event) => {
    const by = { ArrowLeft: first ? 0 : -1, ArrowRight: last ? 0 : 1 }[event.key];
    if (by) move(by);
    free(event);
  };
  const step = (event) => { // as the pointer does: drawn while a key is down, set when it is let go
    free(event);
    const by = STEPS[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setDraft(stepped(axis, limits, by, event.shiftKey));
  };
  const letGo = () => {
    if (!draft || start.current !== null) return;
    setDraft(null);
    set(axis.path, axis.limits(...draft), { replace: true });
  };
  const now = draft ? axis.limits(...draft) : limits && brush;
  const words = now ? brushWords(now, axis.label) : `${axis.label}: none`;
  return html`<g class="axis" transform=${`translate(${axis.x} 0)`}>
    <text class="axis-name" y=${TOP - 16} text-anchor="middle" tabindex="0" role="button" onKeyDown=${key}
      aria-label=${`Axis ${axis.label}; arrow keys move it, Delete frees it`}>${short(axis.label, 20)}<title>
        ${axis.label}</title></text>
    <line class="axis-line" y1=${TOP} y2=${BOTTOM} />
    <line class="axis-none" y1=${BOTTOM} y2=${BOTTOM + NONE} />
    ${first && html`<text class="tick" x="-7" y=${BOTTOM + NONE} text-anchor="end"
      dominant-baseline="central">none</text>`}
    ${axis.ticks.map((tick) => html`<g key=${tick.value}><line class="axis-line" x1="-4" x2="0" y1=${tick.place}
      y2=${tick.place} />
      <text class="tick tick-halo" x="-7" y=${tick.place} text-anchor="end" dominant-baseline="central">
        ${typeof tick.value === "number" ? compact(tick.value) : short(tick.value, 16)}
        <title>${String(tick.value)}</title></text></g>`)}
    ${limits && html`<rect class="brush" x="-7" width="14" y=${Math.min(...limits)}
      height=${Math.max(2, Math.abs(limits[1] - limits[0]))} />`}
    <rect class="brush-area" x="-14" width="28" y=${TOP} height=${BOTTOM - TOP} onPointerDown=${down}
      onPointerMove=${drag} onPointerUp=${up} onKeyDown=${step} onKeyUp=${letGo} onBlur=${letGo}
      tabindex="0" role="slider" aria-orientation="vertical" aria-label=${`Limits of ${words}`}
      aria-valuemin="0" aria-valuemax="100" aria-valuenow=${share(limits)} aria-valuetext=${words} />
  </g>`;
}

/** How high the middle between limits stands, in percent of the axis: a slider has one value. */
function share(limits) {
  const [from, to] = limits ?? [TOP, BOTTOM];
  return Math.round(100 * (BOTTOM - (from + to) / 2) / (BOTTOM - TOP));
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function Brushes({ table, brushes, write, slug }) {
  const inside = within(brushes, table.byPath, table.id.length);
  const n = inside.filter(Boolean).length;
  const all = count(table.id.length, "run");
  const valueOf = (path, level) => {
    const values = table.byPath.get(path)?.values ?? [];
    return values.find((value) => value !== null && levelOf(value) === level) ?? level;
  };
  const left = table.matched > table.id.length ? `; drawn are the newest of ${count(table.matched, "run")}` : "";
  return html`<div class="brushes">
    ${brushes.map((brush) => html`<span class="chip" key=${brush.path}>${brushWords(brush, labelOf(brush.path))}
      <${IconButton} icon="cross" class="small" label=${`Free ${labelOf(brush.path)}`}
        onClick=${() => write(brushes.filter((each) => each !== brush))} /></span>`)}
    <span class="muted" role="status">
      ${brushes.length ? `${n} of ${all} within the limits` : all}${left}</span>
    ${brushes.length > 0 && html`<a
      href=${link(["p", slug], { f: expressionOf(brushes, valueOf) })}>Open these in the table</a>
      <button type="button" class="button small" onClick=${() => write([])}>Free all</button>`}
  </div>`;
}
