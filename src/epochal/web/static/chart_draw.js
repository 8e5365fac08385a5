/**
 * Drawing of curves: band from the smallest to the largest value of each bucket, line through the
 * means, marks where there is no number. On a canvas, or as SVG: both take the same paths.
 */

const FEW = 8; // curves whose bands are drawn strongly
const MANY = 30; // curves from which lines are thin
const SHARED = 100; // curves from which those of one color are one path
const STANDS_OUT = 4; // times the usual reach of a bucket
const DOT_PX = 14; // points so far apart are marked each
const FAR = 1e6;

/** A band that is no wider is not seen. */
export const NARROW_PX = 8;

/**
 * Where numbers lie on the picture, in its pixels.
 * @typedef {Object} Frame
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {number} ratio pixels per CSS pixel
 * @property {(x: number) => number} X
 * @property {(y: number) => number} Y
 * @property {boolean} logX
 * @property {boolean} logY
 */

/**
 * What is drawn on.
 * @typedef {Object} Pen
 * @property {CanvasRenderingContext2D} context or what stands for it in an SVG
 * @property {new () => Path2D} Path
 * @property {(color: string) => string} color that a context can use
 */

/**
 * Return where a scale puts a number.
 * @param {[number, number]} range
 * @param {[number, number]} place its pixels
 * @param {boolean} log
 * @returns {(value: number) => number}
 */
export function projection([low, high], [from, to], log) {
  const a = log ? Math.log10(low) : low;
  const b = log ? Math.log10(high) : high;
  const slope = b > a ? (to - from) / (b - a) : 0;
  const start = from - a * slope;
  return log ? (value) => start + Math.log10(value) * slope : (value) => start + value * slope;
}

/**
 * Draw all curves.
 * @param {Pen} pen
 * @param {import("./chart_model.js").Curve[]} curves
 * @param {Frame} frame
 * @param {{points?: boolean}} [options] points: dots instead of lines
 */
export function drawCurves(pen, curves, frame, { points = false } = {}) {
  const { context } = pen;
  const n = curves.length;
  const strong = n > MANY ? 0.55 : 1;
  const bundles = n >= SHARED ? byLook(curves) : curves.map((curve) => [curve]);
  context.lineJoin = "bevel";
  if (!points) {
    context.globalAlpha = bandAlpha(n);
    for (const bundle of bundles) fillBands(pen, bundle, frame);
    for (const bundle of bundles) strokeBundle(pen, bundle, frame, strong);
  }
  context.setLineDash([]);
  context.globalAlpha = points ? Math.max(0.35, strong) : 1;
  if (points || n < SHARED) for (const curve of curves) drawDots(pen, curve, frame, points);
  context.globalAlpha = 1;
  for (const curve of curves) drawMarks(pen, curve, frame);
}

/**
 * Draw one curve above the others.
 * @param {Pen} pen
 * @param {import("./chart_model.js").Curve} curve
 * @param {Frame} frame
 * @param {{points?: boolean}} [options]
 */
export function drawRaised(pen, curve, frame, { points = false } = {}) {
  const { context } = pen;
  context.lineJoin = "bevel";
  if (!points) {
    context.globalAlpha = 0.22;
    fillBands(pen, [curve], frame);
    strokeBundle(pen, [curve], frame, 1, 2);
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
  drawDots(pen, curve, frame, points);
  drawMarks(pen, curve, frame);
}

function bandAlpha(n) {
  return n <= FEW ? 0.18 : Math.max(0.07, 0.18 * Math.sqrt(FEW / n));
}

function byLook(curves) {
  const looks = new Map();
  for (const curve of curves) {
    const look = `${curve.color} ${curve.dash}`;
    if (!looks.has(look)) looks.set(look, []);
    looks.get(look).push(curve);
  }
  return [...looks.values()];
}

function fillBands(pen, curves, frame) {
  const path = new pen.Path();
  let any = false;
  for (const curve of curves) any = band(path, curve, frame) || any;
  if (!any) return;
  pen.context.fillStyle = pen.color(curves[0].color);
  pen.context.fill(path);
}

function strokeBundle(pen, curves, frame, alpha, width = 1.25) {
  const { context } = pen;
  context.strokeStyle = pen.color(curves[0].color);
  const stroke = (fill, share, dash) => {
    const path = new pen.Path();
    for (const curve of curves) fill(path, curve);
    context.globalAlpha = alpha * share;
    context.setLineDash(dash.map((length) => length * frame.ratio));
    context.stroke(path);
  };
  context.lineWidth = frame.ratio;
  if (curves[0].raw) stroke((path, curve) => line(path, curve, curve.raw, frame), 0.25, []);
  stroke((path, curve) => {
    bars(path, curve, frame);
    spikes(path, curve, frame);
  }, 0.8, []);
  context.lineWidth = (alpha < 1 ? 1 : width) * frame.ratio;
  stroke((path, curve) => line(path, curve, curve.line, frame), 1, curves[0].dash);
}

/** First and last index in view, one more on each side so that lines reach the edge. */
function span({ grid, lead }, frame) {
  let first = lead;
  let last = grid.length - 1;
  const right = frame.left + frame.width;
  while (first < last && !(frame.X(grid[first + 1]) >= frame.left)) first += 1;
  while (last > first && frame.X(grid[last - 1]) > right) last -= 1;
  return [first, last];
}

function clamp(y) {
  return y < -FAR ? -FAR : y > FAR ? FAR : y;
}

function line(path, curve, values, frame) {
  const { grid } = curve;
  const [first, last] = span(curve, frame);
  let begun = false;
  for (let i = first; i <= last; i++) {
    const y = values[i];
    if (!(frame.logY ? y > 0 : y === y) || (frame.logX && !(grid[i] > 0))) continue;
    if (begun) path.lineTo(frame.X(grid[i]), clamp(frame.Y(y)));
    else path.moveTo(frame.X(grid[i]), clamp(frame.Y(y)));
    begun = true;
  }
}

/** Outline of the band. */
function band(path, curve, frame) {
  let any = false;
  eachPiece(curve, frame, span(curve, frame), (from, to) => {
    if (from < to) any = outline(path, curve, frame, from, to) || any;
  });
  return any;
}

/** Where the band begins and ends; a place without one (a single run in a group) ends a piece. */
function eachPiece({ grid, low, high, line: middle }, frame, [first, last], found) {
  if (low === middle && high === middle) return;
  let from = -1;
  let to = -1;
  for (let i = first; i <= last; i++) {
    if (!isDrawn(grid[i], middle[i], frame)) continue;
    const has = low[i] === low[i] && (!frame.logY || high[i] > 0);
    if (!has && from >= 0) found(from, to);
    if (!has) from = -1;
    else if (from < 0) from = i;
    to = i;
  }
  if (from >= 0) found(from, to);
}

function isDrawn(x, y, { logX }) {
  return y === y && (!logX || x > 0);
}

function outline(path, { grid, low, high, line: middle }, frame, from, to) {
  const floor = frame.top + frame.height;
  path.moveTo(frame.X(grid[from]), clamp(frame.Y(high[from])));
  for (let i = from + 1; i <= to; i++) {
    if (isDrawn(grid[i], middle[i], frame)) path.lineTo(frame.X(grid[i]), clamp(frame.Y(high[i])));
  }
  for (let i = to; i >= from; i--) {
    if (!isDrawn(grid[i], middle[i], frame)) continue;
    path.lineTo(frame.X(grid[i]), frame.logY && !(low[i] > 0) ? floor : clamp(frame.Y(low[i])));
  }
  path.closePath();
  return true;
}

/**
 * Call with each place whose extremes are drawn as a bar, its upper and its lower end: where a band
 * is one bucket, or a few pixels wide.
 * @param {import("./chart_model.js").Curve} curve
 * @param {Frame} frame
 * @param {[number, number]} range first and last index to look at
 * @param {(index: number, top: number, bottom: number) => void} found
 */
export function eachBar(curve, frame, range, found) {
  const { grid, low, high } = curve;
  const floor = frame.top + frame.height;
  eachPiece(curve, frame, range, (from, to) => {
    if (frame.X(grid[to]) - frame.X(grid[from]) > NARROW_PX * frame.ratio) return;
    for (let i = from; i <= to; i++) {
      if (!(low[i] < high[i]) || (frame.logY && !(high[i] > 0))) continue;
      found(i, clamp(frame.Y(high[i])), frame.logY && !(low[i] > 0) ? floor : clamp(frame.Y(low[i])));
    }
  });
}

function bars(path, curve, frame) {
  eachBar(curve, frame, [curve.lead, curve.grid.length - 1], (i, top, bottom) => {
    const x = frame.X(curve.grid[i]);
    path.moveTo(x, bottom);
    path.lineTo(x, top);
  });
}

/**
 * Extremes that stand out from the band, as strokes: a spike of one step is less than a pixel wide,
 * and a pale band would hide it.
 */
function spikes(path, curve, frame) {
  const { grid, low, high } = curve;
  const middle = curve.raw ?? curve.line;
  if (curve.run === null || (low === middle && high === middle)) return;
  const limit = STANDS_OUT * usualReach(curve, middle);
  const [first, last] = span(curve, frame);
  for (let i = first; i <= last; i++) {
    const up = high[i] - middle[i] > limit;
    const down = middle[i] - low[i] > limit;
    if ((!up && !down) || (frame.logX && !(grid[i] > 0))) continue;
    const top = up ? high[i] : middle[i];
    const bottom = down ? low[i] : middle[i];
    if (frame.logY && !(top > 0)) continue;
    const x = frame.X(grid[i]);
    path.moveTo(x, frame.logY && !(bottom > 0) ? frame.top + frame.height : clamp(frame.Y(bottom)));
    path.lineTo(x, clamp(frame.Y(top)));
  }
}

const reaches = new WeakMap();

/** Half of what a bucket usually spans: the median over all of them. */
function usualReach(curve, middle) {
  const known = reaches.get(curve.high);
  if (known !== undefined) return known;
  const all = new Float64Array(middle.length);
  let n = 0;
  for (let i = 0; i < middle.length; i++) {
    const reach = (curve.high[i] - curve.low[i]) / 2;
    if (reach >= 0) all[n++] = reach;
  }
  const median = n ? all.subarray(0, n).sort()[n >> 1] : 0;
  reaches.set(curve.high, median);
  return median;
}

/** Dots where points are far apart, or for all of them. */
function drawDots(pen, curve, frame, every) {
  const { context } = pen;
  const { grid, line: values } = curve;
  const [first, last] = span(curve, frame);
  const near = DOT_PX * frame.ratio;
  const radius = (every ? 1.6 : 2) * frame.ratio;
  const path = new pen.Path();
  const right = frame.left + frame.width;
  let any = false;
  let before = -Infinity;
  for (let i = first; i <= last; i++) {
    if (!(frame.logY ? values[i] > 0 : values[i] === values[i])) continue;
    const x = frame.X(grid[i]);
    if (!every && x - before < near && Number.isFinite(before)) return; // a dense line has none
    before = x;
    if (x < frame.left - 1 || x > right + 1) continue;
    const y = clamp(frame.Y(values[i]));
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    any = true;
  }
  if (!any) return;
  context.fillStyle = pen.color(curve.color);
  context.fill(path);
}

/** ▲ on the axis for NaN, ▲ at the top for infinity and ▼ at the bottom for minus infinity. */
function drawMarks(pen, curve, frame) {
  if (!curve.marks.length) return;
  const path = new pen.Path();
  const size = 4 * frame.ratio;
  const bottom = frame.top + frame.height;
  for (const [at, kind] of curve.marks) {
    if (frame.logX && !(at > 0)) continue;
    const x = frame.X(at);
    if (!(x >= frame.left - 1 && x <= frame.left + frame.width + 1)) continue;
    const [tip, base] = {
      nan: [bottom - 2 * size, bottom],
      inf: [frame.top, frame.top + 2 * size],
      "-inf": [bottom, bottom - 2 * size],
    }[kind];
    path.moveTo(x, tip);
    path.lineTo(x - size, base);
    path.lineTo(x + size, base);
    path.closePath();
  }
  pen.context.fillStyle = pen.color(curve.color);
  pen.context.fill(path);
}
