/**
 * One picture: uPlot's axes, scales and cursor, and over them a layer with the curves and one with
 * the raised curve.  Raising a curve so dims the others without drawing them again.
 */

import uPlot from "uplot";
import { axes } from "epochal/chart_axes.js";
import { drawCurves, drawRaised, projection } from "epochal/chart_draw.js";
import { resolveColor } from "epochal/color.js";

const FRAME_MS = 14; // for pictures in one frame of the screen; the others come in the next
const waiting = new Set();

/** Paint what waits, a few pictures each frame, so that the first is there at once. */
function paintSome() {
  const start = performance.now();
  for (const plot of waiting) {
    waiting.delete(plot);
    plot.paint();
    if (performance.now() - start > FRAME_MS) break;
  }
  if (waiting.size) requestAnimationFrame(paintSome);
}

/**
 * What a picture shows.
 * @typedef {Object} Scene
 * @property {import("./chart_model.js").Curve[]} curves
 * @property {[number, number]} xRange
 * @property {[number, number]} yRange
 * @property {string} xKind "step", "elapsed", "time", "epoch" or a metric
 * @property {boolean} logX
 * @property {boolean} logY
 * @property {boolean} points dots instead of lines
 */

const EMPTY = {
  curves: [], xRange: [0, 1], yRange: [0, 1], xKind: "step", logX: false, logY: false, points: false,
};

/** A chart's picture in an element. */
export class Plot {
  /**
   * @param {HTMLElement} root
   * @param {{onFrame?: (frame: object) => void, onBuild?: (plot: Plot) => () => void}} [options]
   *   onFrame: told where the picture lies in its element, in CSS pixels, whenever that or a range
   *   changes; onBuild: follows the pointer over a new picture, returns what ends it
   */
  constructor(root, { onFrame = () => {}, onBuild = () => () => {} } = {}) {
    this.root = root;
    this.onFrame = onFrame;
    this.onBuild = onBuild;
    this.leave = () => {};
    this.scene = EMPTY;
    this.shown = { x: { at: [], labels: [] }, y: { at: [], labels: [] } };
    this.raised = null;
    this.cursor = null;
    this.size = { width: 0, height: 0 };
    this.layer = document.createElement("canvas");
    this.layer.className = "chart-layer";
    this.top = document.createElement("canvas");
    this.top.className = "chart-layer";
  }

  /** @returns {HTMLElement|null} what takes the pointer */
  get over() {
    return this.u?.over ?? null;
  }

  /** Show other data or another part. @param {Partial<Scene>} changes */
  show(changes) {
    const before = this.scene;
    this.scene = { ...before, ...changes };
    const { logX, logY, xKind } = this.scene;
    const other = logX !== before.logX || logY !== before.logY || xKind !== before.xKind;
    if (this.raised) this.raised = this.scene.curves.find((c) => c.key === this.raised.key) ?? null;
    if (!this.size.width) return;
    if (!this.u || other) this.build();
    else this.rescale();
  }

  /** @param {number} width @param {number} height in CSS pixels */
  resize(width, height) {
    if (width === this.size.width && height === this.size.height) return;
    this.size = { width, height };
    if (!width || !height) return;
    if (this.u) this.u.setSize(this.size);
    else this.build();
  }

  build() {
    this.leave();
    this.u?.destroy();
    this.u = new uPlot(this.options(), [this.scene.xRange, [null, null]], this.root);
    this.u.ctx.canvas.after(this.layer, this.top);
    this.leave = this.onBuild(this);
    this.rescale();
  }

  options() {
    const { logX, logY, xKind } = this.scene;
    const quiet = () => null;
    const scale = (log) => ({
      time: false, auto: false, distr: log ? 3 : 1, range: (u, low, high) => [low, high],
    });
    return {
      ...this.size,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: {
        x: true, y: false, points: { show: false }, drag: { x: false, y: false, setScale: false },
        bind: { mousedown: quiet, mouseup: quiet, mousemove: quiet, mouseleave: quiet, dblclick: quiet },
      },
      scales: { x: scale(logX), y: scale(logY) },
      series: [{}, { paths: quiet, points: { show: false } }],
      axes: axes({ xKind, logX, logY, color: (name) => resolveColor(`var(${name})`), shown: this.shown }),
      hooks: { draw: [() => this.later()] },
    };
  }

  rescale() {
    const { xRange, yRange } = this.scene;
    this.u.batch(() => {
      this.u.setScale("x", { min: xRange[0], max: xRange[1] });
      this.u.setScale("y", { min: yRange[0], max: yRange[1] });
    });
    this.later();
  }

  later() {
    if (!waiting.size) requestAnimationFrame(paintSome);
    waiting.add(this);
  }

  /** Draw with the colors of now. */
  redraw() {
    this.u?.redraw(false, true);
  }

  /** @returns {import("./chart_draw.js").Frame} in pixels of the canvas */
  frame() {
    const { left, top, width, height } = this.u.bbox;
    const { logX, logY } = this.scene;
    const { x, y } = this.u.scales;
    return {
      left, top, width, height, logX, logY,
      ratio: this.u.ctx.canvas.width / this.size.width,
      X: projection([x.min, x.max], [left, left + width], logX),
      Y: projection([y.min, y.max], [top + height, top], logY),
    };
  }

  paint() {
    if (!this.u || !this.root.isConnected) return;
    const frame = this.frame();
    const { points, curves } = this.scene;
    this.drawOn(this.layer, frame, (pen) => drawCurves(pen, curves, frame, { points }));
    this.paintTop();
    this.placeCursor();
    const css = (value) => value / frame.ratio;
    const { x, y } = this.u.scales;
    this.onFrame({
      left: css(frame.left), top: css(frame.top), width: css(frame.width), height: css(frame.height),
      x: [x.min, x.max], y: [y.min, y.max],
    });
  }

  paintTop() {
    const frame = this.frame();
    const { points } = this.scene;
    const many = this.scene.curves.length > 30;
    this.layer.classList.toggle("dimmed", Boolean(this.raised) && !many);
    this.layer.classList.toggle("dimmed-many", Boolean(this.raised) && many);
    this.drawOn(this.top, frame, (pen) => {
      if (this.raised) drawRaised(pen, this.raised, frame, { points });
    });
  }

  drawOn(canvas, frame, draw) {
    const { width, height } = this.u.ctx.canvas;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.save();
    context.beginPath();
    context.rect(frame.left, frame.top, frame.width, frame.height);
    context.clip();
    draw({ context, Path: Path2D, color: resolveColor });
    context.restore();
  }

  /** Raise a curve above the others, or none. @param {import("./chart_model.js").Curve|null} curve */
  raise(curve) {
    if (curve === this.raised) return;
    this.raised = curve;
    if (this.u) this.paintTop();
  }

  /** Put the cursor at an x, or away. @param {number|null} x */
  setCursor(x) {
    this.cursor = x;
    if (this.u) this.placeCursor();
  }

  placeCursor() {
    const frame = this.frame();
    const at = this.cursor === null ? NaN : (frame.X(this.cursor) - frame.left) / frame.ratio;
    const inside = at >= -0.5 && at <= frame.width / frame.ratio + 0.5;
    this.u.setCursor({ left: inside ? Math.max(0, at) : -10, top: inside ? 0 : -10 }, false, false);
  }

  /** Mark a part of x with the pointer. @param {number} from @param {number} to in CSS pixels */
  select(from, to) {
    const height = this.u.over.clientHeight;
    this.u.setSelect({ left: Math.min(from, to), width: Math.abs(to - from), top: 0, height }, false);
  }

  /** @param {number} left in CSS pixels of the picture @returns {number} */
  xAt(left) {
    return this.u.posToVal(left, "x");
  }

  /** Take everything away. */
  destroy() {
    waiting.delete(this);
    this.leave();
    this.u?.destroy();
    this.u = null;
  }
}
