/** Ticks, their labels, and the axes of uPlot. */

import { compact, dateTime, duration, grouped, num, trimmed } from "epochal/format.js";
import { logTicks, niceTicks } from "epochal/scales.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIMES = [
  1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY,
  90 * DAY, 365 * DAY,
];
const PX_PER_TICK = { x: 80, y: 38 };

/**
 * Return the ticks of an axis and their labels.
 * @param {{kind: string, low: number, high: number, log: boolean, count: number}} axis kind: "elapsed"
 *   and "time" are seconds, everything else plain numbers
 * @returns {{at: number[], labels: string[]}}
 */
export function ticks({ kind, low, high, log, count }) {
  if (log && low > 0) {
    const at = logTicks(low, high, count);
    return { at, labels: kind === "elapsed" ? at.map(shortDuration) : at.map(compact) };
  }
  const isShort = high - low < 5;
  if (kind === "elapsed" && !isShort) return durations(low, high, count);
  if (kind === "time") return isShort ? instants(low, high, count) : moments(low, high, count);
  const at = niceTicks(low, high, count);
  const labels = tickLabels(at);
  return { at, labels: kind === "elapsed" ? labels.map((label) => `${label}s`) : labels };
}

/**
 * Return labels as short as can be that still tell neighbors apart.
 * @param {number[]} at rising
 * @returns {string[]}
 */
export function tickLabels(at) {
  if (at.length < 2) return at.map(compact);
  const step = at[1] - at[0];
  const largest = Math.max(...at.map(Math.abs));
  if (largest < 1e-3 || largest >= 1e15) return at.map((value) => power(value, step));
  const isShort = at.every((value) => Math.abs(Number(value.toPrecision(4)) - value) < step * 1e-6);
  if (largest >= 1e4 && isShort) return at.map(compact);
  const [unit, letter] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(
    ([size]) => largest >= size * (size === 1e3 ? 10 : 1),
  ) ?? [1, ""];
  const places = Math.min(10, Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9)));
  const needed = at.every((v) => isRound((v / unit) * 10 ** places)) ? places : places + 1;
  return at.map((value) => (value === 0 ? "0" : `${(value / unit).toFixed(needed)}${letter}`));
}

function isRound(value) {
  return Math.abs(value - Math.round(value)) < 1e-6;
}

function power(value, step) {
  if (value === 0) return "0";
  const digits = Math.max(0, Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step)));
  const [mantissa, exponent] = value.toExponential(Math.min(digits, 8)).split("e");
  return `${mantissa}e${exponent.replace("+", "")}`;
}

function timeStep(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  return TIMES.find((step) => step >= rough) ?? Math.ceil(rough / (365 * DAY)) * 365 * DAY;
}

function durations(low, high, count) {
  const step = timeStep(low, high, count);
  const at = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) at.push(t);
  return { at, labels: at.map(shortDuration) };
}

function shortDuration(s) {
  if (s === 0) return "0";
  if (Math.abs(s) < 1) return `${num(s, 2)}s`;
  const parts = [[DAY, "d"], [HOUR, "h"], [MINUTE, "m"], [1, "s"]];
  let rest = Math.round(Math.abs(s));
  const words = [];
  for (const [size, letter] of parts) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole) words.push(`${whole}${letter}`);
  }
  return (s < 0 ? "-" : "") + words.slice(0, 2).join(" ");
}

function moments(low, high, count) {
  const step = timeStep(low, high, count);
  const offset = new Date(low * 1000).getTimezoneOffset() * MINUTE;
  const at = [];
  for (let t = Math.ceil((low - offset) / step) * step + offset; t <= high; t += step) at.push(t);
  return { at, labels: at.map((t, i) => momentLabel(t, at[i - 1], step)) };
}

/** Parts of seconds: minutes, seconds and as many places as tell them apart. */
function instants(low, high, count) {
  const base = Math.floor(low / MINUTE) * MINUTE;
  const within = niceTicks(low - base, high - base, count);
  const places = within.length > 1 ? Math.max(0, Math.ceil(-Math.log10(within[1] - within[0]))) : 3;
  const label = (s) => `${dateTime(base + s).slice(14, 17)}${(s % MINUTE).toFixed(Math.min(places, 6))}`;
  return { at: within.map((s) => base + s), labels: within.map(label) };
}

/** The clock, and the day where it is another one than before. */
function momentLabel(t, before, step) {
  const [day, clock] = dateTime(t).split(" ");
  const short = step < MINUTE ? clock : clock.slice(0, 5);
  if (step >= DAY) return day.slice(step >= 300 * DAY ? 0 : 5);
  const isNewDay = before !== undefined && dateTime(before).slice(0, 10) !== day;
  return isNewDay ? `${day.slice(5)} ${short}` : short;
}

/**
 * Return an x in words, for tooltips.
 * @param {string} kind of x: "step", "elapsed", "time", "epoch" or a metric
 * @param {number} x
 * @param {number} [width] of the bucket around it, of which both ends are told: of steps the first
 *   and the last one
 * @returns {string}
 */
export function xText(kind, x, width = 0) {
  const [low, high] = [x - width / 2, x + width / 2];
  if (kind === "elapsed") return `${span(duration(Math.max(0, low)), duration(high), " – ") || duration(x)} after start`;
  if (kind === "time") return (width >= 1 && span(dateTime(low), dateTime(high), " – ")) || dateTime(x);
  if (kind === "step" && width > 0) {
    const [first, last] = [Math.ceil(low), Math.ceil(high) - 1];
    if (first < last) return `steps ${span(grouped(first), grouped(last))}`;
    if (first === last) return xText(kind, first);
  }
  return `${kind} ${(width > 0 && span(...edges(low, high))) || (Number.isInteger(x) ? grouped(x) : trimmed(num(x, 6)))}`;
}

/** From one text to another; "" if they are the same. */
function span(low, high, sign = "–") {
  return low === high ? "" : `${low}${sign}${high}`;
}

/** Both ends of a bucket with as many places as tell it from the next one. */
function edges(low, high) {
  const places = Math.min(12, Math.max(0, -Math.floor(Math.log10((high - low) / 3))));
  return [low, high].map((x) => grouped(Number(x.toFixed(places)) + 0)); // + 0: not -0
}

/**
 * Return the options of uPlot's two axes; what they show last is kept in `shown`, for pictures.
 * @param {{xKind: string, logX: boolean, logY: boolean, color: (name: string) => string,
 *   shown: {x: object, y: object}}} options color: of a CSS variable, now
 * @returns {object[]}
 */
export function axes({ xKind, logX, logY, color, shown }) {
  const common = {
    stroke: () => color("--axis"),
    font: "11px system-ui, sans-serif",
    ticks: { show: false },
    border: { show: false },
  };
  const of = (name, kind, log) => (u, side, low, high) => {
    const length = side === 0 ? u.bbox.width : u.bbox.height;
    const count = Math.max(2, Math.floor(length / devicePixelRatio / PX_PER_TICK[name]));
    shown[name] = ticks({ kind, low, high, log, count });
    return shown[name].at;
  };
  const labels = (name) => () => shown[name].labels;
  return [
    {
      ...common, size: 22, gap: 6, grid: { show: false }, filter: (u, at) => at,
      splits: of("x", xKind, logX), values: labels("x"),
      border: { show: true, stroke: () => color("--border"), width: 1 },
    },
    {
      ...common, gap: 6, filter: (u, at) => at,
      grid: { stroke: () => color("--grid"), width: 1 },
      size: (u, values) => Math.max(44, 16 + 6.4 * longest(values)),
      splits: of("y", "number", logY), values: labels("y"),
    },
  ];
}

function longest(labels) {
  return Math.max(0, ...(labels ?? []).map((label) => label.length));
}
