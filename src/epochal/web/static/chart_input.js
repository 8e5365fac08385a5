/** What pointer and keys do to a chart: zoom, pan, look, choose. No drawing. */

const DRAG_PX = 4;
const WHEEL_MS = 250;

/**
 * Follow the pointer over a picture.
 *
 * Dragging marks a range of x; with Shift it pans.  The wheel with Shift or Alt pans, with Ctrl
 * zooms.  While panning `onPan` is called with ranges to show at once, then with the final one.
 *
 * @param {import("./chart_plot.js").Plot} plot
 * @param {{onMove: (event: PointerEvent, left: number, top: number) => void, onLeave: () => void,
 *   onZoom: (range: [number, number]) => void, onReset: () => void, onClick: (event: PointerEvent) => void,
 *   onPan: (range: [number, number], done: boolean) => void}} on
 * @returns {() => void} ends it
 */
export function followPointer(plot, on) {
  const over = plot.over;
  let drag = null;
  const place = (event) => {
    const box = over.getBoundingClientRect();
    const left = Math.min(Math.max(event.clientX - box.left, 0), box.width);
    return [left, event.clientY - box.top];
  };
  const down = (event) => {
    if (event.button !== 0) return;
    const [left] = place(event);
    drag = { from: left, pan: event.shiftKey, moved: false, range: plot.scene.xRange };
    over.setPointerCapture(event.pointerId);
  };
  const move = (event) => {
    const [left, top] = place(event);
    if (drag && Math.abs(left - drag.from) > DRAG_PX) drag.moved = true;
    if (!drag?.moved) return on.onMove(event, left, top);
    if (!drag.pan) return plot.select(drag.from, left);
    drag.panned = shifted(drag.range, (drag.from - left) / over.clientWidth, plot.scene.logX);
    return on.onPan(drag.panned, false);
  };
  const up = (event) => {
    const [left] = place(event);
    const ended = drag;
    drag = null;
    if (!ended) return;
    if (!ended.moved) return on.onClick(event);
    plot.select(0, 0);
    if (ended.pan) return on.onPan(ended.panned, true);
    const ends = [plot.xAt(ended.from), plot.xAt(left)];
    return on.onZoom([Math.min(...ends), Math.max(...ends)]);
  };
  const cancel = () => {
    if (drag) plot.select(0, 0);
    drag = null;
  };
  const wheel = wheelOf(plot, place, on);
  const listeners = {
    pointerdown: down, pointermove: move, pointerup: up, pointercancel: cancel,
    pointerleave: () => !drag && on.onLeave(), dblclick: () => on.onReset(), wheel,
  };
  for (const [name, listen] of Object.entries(listeners)) {
    over.addEventListener(name, listen, { passive: name !== "wheel" });
  }
  return () => {
    for (const [name, listen] of Object.entries(listeners)) over.removeEventListener(name, listen);
  };
}

function wheelOf(plot, place, on) {
  let timer = null;
  return (event) => {
    if (!event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const turn = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 16 : 1);
    const share = place(event)[0] / plot.over.clientWidth;
    const { xRange, logX } = plot.scene;
    const zooms = event.ctrlKey || event.metaKey;
    const range = zooms
      ? zoomed(xRange, share, Math.exp(turn / 400), logX)
      : shifted(xRange, turn / 800, logX);
    on.onPan(range, false);
    clearTimeout(timer);
    timer = setTimeout(() => on.onPan(plot.scene.xRange, true), WHEEL_MS);
  };
}

function scaled([low, high], log, change) {
  const inner = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const ends = change(inner[0], inner[1]);
  return log ? ends.map((end) => 10 ** end) : ends;
}

/**
 * Return a range moved by a share of its width.
 * @param {[number, number]} range @param {number} share @param {boolean} log
 * @returns {[number, number]}
 */
export function shifted(range, share, log) {
  return scaled(range, log, (a, b) => [a + (b - a) * share, b + (b - a) * share]);
}

/**
 * Return a range made narrower or wider around a place in it.
 * @param {[number, number]} range @param {number} share of the place, 0 to 1
 * @param {number} factor below 1: narrower @param {boolean} log
 * @returns {[number, number]}
 */
export function zoomed(range, share, factor, log) {
  return scaled(range, log, (a, b) => {
    const middle = a + (b - a) * share;
    return [middle - (middle - a) * factor, middle + (b - middle) * factor];
  });
}

/**
 * Return a range of x as the URL has it: no more digits than the picture can show.
 * @param {[number, number]} range
 * @param {boolean} [whole] only whole numbers, as steps are
 * @returns {string}
 */
export function rangeText([low, high], whole = false) {
  if (whole && high - low >= 2) return `${Math.floor(low)},${Math.ceil(high)}`;
  const digits = Math.floor(Math.log10(high - low)) - 4;
  const round = (value) => (digits >= 0
    ? String(Math.round(value / 10 ** digits) * 10 ** digits)
    : String(Number(value.toFixed(Math.min(-digits, 20)))));
  return high > low ? `${round(low)},${round(high)}` : `${low},${high}`;
}

/**
 * Return the range of x that a URL says, or null.
 * @param {string|null|undefined} text
 * @returns {[number, number]|null}
 */
export function rangeOf(text) {
  const ends = (text ?? "").split(",").map(Number);
  const fits = text && ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1];
  return fits ? ends : null;
}

/**
 * Return what a key does in a chart that has the focus, or null.
 * @param {KeyboardEvent} event
 * @returns {{step?: number, end?: -1|1, curve?: number, pin?: true, leave?: true, zoom?: number}|null}
 */
export function keyAction(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const far = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowLeft: { step: -far }, ArrowRight: { step: far }, Home: { end: -1 }, End: { end: 1 },
    ArrowUp: { curve: -1 }, ArrowDown: { curve: 1 }, Enter: { pin: true }, Escape: { leave: true },
    "+": { zoom: 0.5 }, "-": { zoom: 2 },
  };
  return actions[event.key] ?? null;
}
