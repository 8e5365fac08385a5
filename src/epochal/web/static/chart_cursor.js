/** Cursor and tooltip of a chart, moved by the pointer, by keys, and by other charts. */

import { useEffect, useMemo, useRef, useState } from "epochal/html.js";
import { xText } from "epochal/chart_axes.js";
import { eachBar, NARROW_PX } from "epochal/chart_draw.js";
import { keyAction, zoomed } from "epochal/chart_input.js";
import { indexAt, lowerBound } from "epochal/chart_model.js";
import { valuesAt } from "epochal/chart_values.js";
import { num } from "epochal/format.js";
import { onHover, setHover } from "epochal/hover.js";

const BAR_PX = 6; // so far beside a bar the pointer still means it
const BESIDE_PX = BAR_PX + NARROW_PX + 1; // where such bars are, whole

/**
 * Return the cursor of a chart, and take what pointer and keys do to it.
 * @param {object} chart plot: its picture, live: takes what the pointer does, curves, bus: shared
 *   with other charts, xKind, logX, onRange(range, done)
 * @returns {{state: object|null, rows: object[], x: number, near: object, said: string,
 *   close: () => void, onKey: Function, onBlur: Function}} said: for screen readers
 */
export function useCursor({ plot, live, curves, bus, xKind, onRange, logX }) {
  const [state, setState] = useState(null);
  const [said, setSaid] = useState("");
  const me = useRef({});
  const rows = useMemo(() => (state ? valuesAt(curves, state.x) : []), [curves, state?.x]);
  const near = rows.find((row) => row.curve.key === state?.near);
  const close = () => {
    setState(null);
    setSaid("");
    plot.current?.raise(null);
    setHover(null);
    bus.cursor(null, me.current);
  };
  const lookAt = (x, key, at, pinned = false) => {
    const curve = curves.find((one) => one.key === key);
    setHover(curve?.run ?? null);
    plot.current.raise(curves.length > 1 ? curve : null);
    bus.cursor(x, me.current);
    setState({ x, near: key, at, pinned });
  };
  Object.assign(live.current, {
    onMove: (event, left, top) => {
      if (state?.pinned) return;
      const found = nearestAt(plot.current, curves, left, top);
      if (found) lookAt(found.x, found.curve.key, { x: event.clientX, y: event.clientY });
      else close();
    },
    onLeave: () => state?.pinned || close(),
    onClick: () => setState((old) => old && { ...old, pinned: !old.pinned }),
    onZoom: (range) => { close(); onRange(range); },
    onReset: () => { close(); onRange(null); },
    onPan: (range, done) => {
      if (done) onRange(range, true);
      else bus.preview(range, me.current);
    },
  });
  const onKey = (event) => {
    const action = keyAction(event);
    if (!action || !plot.current.u) return;
    const next = moved({ action, plot: plot.current, curves, state, logX });
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    if (next.close) close();
    else if (next.range) onRange(next.range, true);
    else {
      lookAt(next.x, next.near, next.at, next.pinned);
      setSaid(sentence(xKind, curves, next));
    }
  };
  useEffect(() => bus.on((message) => {
    if (message.kind === "range") return plot.current?.show({ xRange: message.range });
    plot.current?.setCursor(message.x);
    if (message.from !== me.current) setState((old) => (old && !old.pinned ? null : old));
  }), [bus]);
  useEffect(() => onHover((run) => {
    const raised = run && plot.current?.scene.curves.find((curve) => curve.run === run);
    if (raised || !run) plot.current?.raise(raised || null);
  }), []);
  usePinned(state?.pinned, close);
  const onBlur = (event) => {
    if (state && !event.currentTarget.contains(event.relatedTarget)) close();
  };
  return { state, rows, x: near?.x ?? state?.x, near, said, close, onKey, onBlur };
}

/** A pinned box leaves with Escape and when the page scrolls under it. */
function usePinned(pinned, close) {
  useEffect(() => {
    if (!pinned) return undefined;
    const key = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // only the box: a chart in full screen stays
      event.stopPropagation();
      close();
    };
    const scroll = (event) => !event.target.closest?.(".chart-tip") && close();
    addEventListener("keydown", key, true);
    addEventListener("scroll", scroll, true);
    return () => {
      removeEventListener("keydown", key, true);
      removeEventListener("scroll", scroll, true);
    };
  }, [pinned]);
}

/** The curve that is nearest to a place of the picture: its value at x, or a bar of it beside x. */
function nearestAt(plot, curves, left, top) {
  const frame = plot.frame();
  const height = frame.top + top * frame.ratio;
  const [x, from, to] = [0, -BESIDE_PX, BESIDE_PX].map((px) => plot.xAt(left + px));
  let best = null;
  let distance = Infinity;
  const look = (curve, index, away) => {
    if (away < distance) [best, distance] = [{ curve, index, x: curve.grid[index] }, away];
  };
  for (const curve of curves) {
    const index = indexAt(curve, x);
    if (index >= 0 && (!frame.logY || curve.line[index] > 0)) {
      look(curve, index, Math.abs(frame.Y(curve.line[index]) - height));
    }
    const near = [Math.max(curve.lead, lowerBound(curve.grid, from)), lowerBound(curve.grid, to) - 1];
    eachBar(curve, frame, near, (i, high, low) => {
      const beside = Math.abs(frame.X(curve.grid[i]) - frame.X(x));
      const above = Math.max(0, high - height, height - low);
      if (beside <= BAR_PX * frame.ratio) look(curve, i, Math.hypot(beside, above));
    });
  }
  return best;
}

/** What a key leads to: another x, another curve, a pinned box, another range. */
function moved({ action, plot, curves, state, logX }) {
  const { xRange } = plot.scene;
  if (action.leave) return state ? { close: true } : null;
  if (action.zoom) return { range: zoomed(xRange, shareOf(plot, state), action.zoom, logX) };
  if (!curves.length) return null;
  const curve = curves.find((one) => one.key === state?.near) ?? curves[0];
  const start = state?.x ?? (action.step > 0 || action.end < 0 ? xRange[0] : xRange[1]);
  if (action.pin) return state && { ...state, pinned: !state.pinned };
  if (action.curve) {
    const rows = valuesAt(curves, start);
    const at = rows.findIndex((row) => row.curve.key === curve.key);
    const row = rows[Math.min(Math.max(at + action.curve, 0), rows.length - 1)];
    return row && placed(plot, row.curve, row.index);
  }
  return placed(plot, curve, stepped(curve, start, action, xRange, state !== null));
}

function shareOf(plot, state) {
  if (!state) return 0.5;
  const frame = plot.frame();
  return Math.min(1, Math.max(0, (frame.X(state.x) - frame.left) / frame.width));
}

/** Index of the point so many points further, of those that are in view. */
function stepped(curve, x, { step, end }, [low, high], hasCursor) {
  const drawn = [];
  for (let i = curve.lead; i < curve.grid.length; i++) {
    if (!Number.isNaN(curve.line[i]) && curve.grid[i] >= low && curve.grid[i] <= high) drawn.push(i);
  }
  if (end) return drawn[end < 0 ? 0 : drawn.length - 1];
  const now = drawn.indexOf(indexAt(curve, x));
  if (now < 0 || !hasCursor) return drawn[step > 0 ? 0 : drawn.length - 1];
  return drawn[Math.min(Math.max(now + step, 0), drawn.length - 1)];
}

function placed(plot, curve, index) {
  if (index === undefined || index < 0) return null;
  const frame = plot.frame();
  const box = plot.root.getBoundingClientRect();
  const at = {
    x: box.left + frame.X(curve.grid[index]) / frame.ratio,
    y: box.top + frame.Y(curve.line[index]) / frame.ratio,
  };
  return { x: curve.grid[index], near: curve.key, at, pinned: false };
}

function sentence(xKind, curves, { x, near }) {
  const rows = valuesAt(curves, x);
  const at = rows.findIndex((row) => row.curve.key === near);
  if (at < 0) return xText(xKind, x);
  const { curve, value, low, high } = rows[at];
  const place = xText(xKind, x, curve.width);
  const spread = low !== value || high !== value ? `, from ${num(low)} to ${num(high)}` : "";
  return `${place}: ${curve.label} ${num(value)}${spread}, ${at + 1} of ${rows.length}`;
}
