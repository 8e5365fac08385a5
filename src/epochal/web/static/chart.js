/** A chart: a pure picture of data, with cursor, tooltip, legend and the line that says what it is. */

import { classes, html, useLayoutEffect, useMemo, useRef, useState } from "epochal/html.js";
import { Flags, flagsOf } from "epochal/annotations_marks.js";
import { xText } from "epochal/chart_axes.js";
import { Bus } from "epochal/chart_bus.js";
import { useCursor } from "epochal/chart_cursor.js";
import { followPointer, zoomed } from "epochal/chart_input.js";
import { Legend } from "epochal/chart_legend.js";
import { buildCurves, rangeOfX, rangeOfY } from "epochal/chart_model.js";
import { bandText, noteParts } from "epochal/chart_note.js";
import { Plot } from "epochal/chart_plot.js";
import { Tooltip } from "epochal/chart_tooltip.js";
import { legendEntries } from "epochal/chart_values.js";
import { onTheme } from "epochal/theme.js";

const MOST_SAVED = 20; // runs in the legend of a saved picture
const NOTHING_LEFT = { lacking: [], over: 0, missing: [] };

/**
 * A chart of lanes.
 * @param {object} props
 * @param {{title: string, metric?: string, metrics?: string[], lanes: object[], x: string,
 *   grid?: Float64Array, exact?: boolean, lead?: number, kind?: string}} props.spec
 * @param {Array<{id: string, name: string, color: string}>} props.runs
 * @param {import("./group.js").Group[]|null} [props.groups] with `colors`, a color for each name
 * @param {"ci"|"sd"|"range"|"each"} [props.statistic]
 * @param {number} [props.halfLife] 0: not smoothed
 * @param {[number, number]|null} [props.range] of x; null: all
 * @param {Bus} [props.bus] shared with charts that have the same x
 * @param {(range: [number, number]|null, done?: boolean) => void} [props.onRange]
 * @param {(run: string) => void} [props.onPick] pins a run
 * @param {object[]} [props.annotations]
 * @param {object} [props.left] what is not drawn, see chart_note.js
 * @param {number|null} [props.stale] seconds
 * @param {boolean} [props.tall] as high as there is room, with a long legend
 * @param {boolean} [props.legendRuns] whether the legend names runs; `legendTitle`: what groups are by
 * @param {any} [props.empty] shown where there is nothing to draw; `more`: at the end of the line below
 * @param {(x: number) => any} [props.tipExtra] more for a pinned tooltip
 * @param {{current: any}} [props.handle] gets {plot, curves, legend, range}, to save and to show
 */
export function Chart(props) {
  const { spec, runs, groups = null, statistic = "ci", halfLife = 0, range = null } = props;
  const { logX = false, logY = false, robust = false, onRange = () => {}, handle } = props;
  const metrics = spec.metrics ?? [spec.metric];
  const own = useMemo(() => new Bus(), []);
  const bus = props.bus ?? own;
  const curves = useMemo(
    () => buildCurves({
      lanes: lanesOf(spec), runs, metrics, groups, colors: props.colors, statistic, halfLife,
    }),
    [spec.lanes, runs, groups, props.colors, statistic, halfLife, metrics.join("\n")],
  );
  const scatter = spec.kind === "scatter";
  const xRange = useMemo(
    () => visibleX(curves, range, logX, scatter), [curves, range?.[0], range?.[1], logX, scatter]);
  const y = useMemo(() => rangeOfY(curves, { xRange, log: logY, robust }), [curves, xRange, logY, robust]);
  const legend = legendEntries(curves, { metrics, grouped: groups !== null, runs: props.legendRuns });
  const [frame, setFrame] = useState(null);
  const scene = {
    curves, xRange, yRange: y.range, xKind: spec.x, logX, logY, points: scatter,
  };
  const [root, plot, live] = usePlot(scene, setFrame);
  const tip = useCursor({ plot, live, curves, bus, xKind: spec.x, onRange, logX });
  if (handle) {
    const whole = { metrics, grouped: groups !== null, runs: runs.length <= MOST_SAVED };
    handle.current = { plot: plot.current, curves, legend: legendEntries(curves, whole), range: y };
  }
  const flags = flagsOf(props.annotations, { metrics, xKind: spec.x });
  const raise = (key) => plot.current?.raise(curves.find((curve) => curve.key === key) ?? null);
  const shownRuns = new Set(spec.lanes.map((lane) => lane.run)).size;
  const note = noteParts({
    curves, runs: shownRuns, groups: groups ? new Set(curves.map((c) => c.group)).size : 0, statistic,
    points: Math.max(0, ...curves.map((curve) => curve.points)), left: props.left ?? NOTHING_LEFT,
    window: range, range: y, xHidden: logX ? hiddenX(curves) : 0, stale: props.stale ?? null,
  });
  return html`<div class=${classes("chart", props.tall && "tall")} tabindex="0" role="group"
    aria-roledescription="chart" onKeyDown=${tip.onKey} onBlur=${tip.onBlur}
    aria-label=${`${spec.title}, ${note[0].text}. Arrow keys move the cursor.`}>
    <div class="chart-root" ref=${root}></div>
    <${Flags} flags=${flags} frame=${frame} log=${logX} />
    ${robust && y.outside > 0 && html`<span class="chart-robust">1–99 % range</span>`}
    ${!curves.length && html`<div class="chart-empty">${props.empty}</div>`}
    ${tip.state && tip.rows.length > 0 && html`<${Tooltip} title=${xText(spec.x, tip.x, tip.near?.curve.width)} rows=${tip.rows}
      near=${tip.state.near} at=${tip.state.at} pinned=${tip.state.pinned} onClose=${tip.close}
      band=${groups && statistic !== "each" ? bandText(statistic, curves) : ""}
      manyMetrics=${metrics.length > 1} onPin=${props.onPick} extra=${props.tipExtra?.(tip.x)} />`}
    <p class="sr-only" aria-live="polite">${tip.said}</p>
    <${Legend} entries=${legend} title=${props.legendTitle} full=${props.tall} onRaise=${raise} />
    <p class="chart-note">${note.map(({ text, warn }, i) => html`<span key=${i}
      class=${warn ? "warn" : null}>${text}</span>`)}${props.more}</p>
  </div>`;
}

function lanesOf(spec) {
  const { grid, lead = 0, exact = true, metric, lanes } = spec;
  return lanes.map((lane) => (lane.grid ? lane : { metric, grid, lead, exact, ...lane }));
}

function visibleX(curves, range, log, padded) {
  const found = rangeOfX(curves, log);
  const all = found && padded ? zoomed(found, 0.5, 1.04, log) : found;
  const [low, high] = range ?? all ?? (log ? [1, 10] : [0, 1]);
  if (log && low <= 0) return [Math.min(all?.[0] ?? high / 1000, high / 10), high];
  if (low < high) return [low, high];
  return log ? [low / 2, low * 2] : [low - 0.5, high + 0.5];
}

function hiddenX(curves) {
  return curves.reduce((sum, { grid, lead, line }) => {
    let n = 0;
    for (let i = lead; i < grid.length && grid[i] <= 0; i++) if (!Number.isNaN(line[i])) n += 1;
    return sum + n;
  }, 0);
}

/** The picture in its element: made once, resized with it, drawn again in another theme. */
function usePlot(scene, onFrame) {
  const root = useRef(null);
  const plot = useRef(null);
  const live = useRef({});
  useLayoutEffect(() => {
    const follow = (made) => followPointer(made, new Proxy({}, {
      get: (_, name) => (...args) => live.current[name]?.(...args),
    }));
    const made = new Plot(root.current, { onBuild: follow, onFrame: (next) => onFrame((old) => sameFrame(old, next)) });
    plot.current = made;
    const sizes = new ResizeObserver(([entry]) => made.resize(
      Math.floor(entry.contentRect.width), Math.floor(entry.contentRect.height),
    ));
    made.show(scene);
    sizes.observe(root.current);
    const leaveTheme = onTheme(() => made.redraw());
    return () => {
      sizes.disconnect();
      leaveTheme();
      made.destroy();
    };
  }, []);
  const { curves, xRange, yRange, xKind, logX, logY, points } = scene;
  useLayoutEffect(() => plot.current.show(scene), [
    curves, xRange[0], xRange[1], yRange[0], yRange[1], xKind, logX, logY, points,
  ]);
  return [root, plot, live];
}

function sameFrame(old, next) {
  const alike = old && ["left", "top", "width", "height"].every((key) => old[key] === next[key])
    && old.x[0] === next.x[0] && old.x[1] === next.x[1];
  return alike ? old : next;
}
