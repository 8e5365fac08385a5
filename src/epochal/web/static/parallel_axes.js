/** Where values stand on the axes of parallel coordinates. */
import { levelOf } from "epochal/dimensions.js";
import { padded, scale } from "epochal/scales.js";

const NO_COLOR = "var(--faint)";

/** Below the axis: where runs without a value pass. */
export const NONE = 26;

/**
 * An axis.
 * @typedef {{path: string, label: string, x: number, at: (value: unknown) => number,
 *   ticks: {place: number, value: number | string}[], limits: (from: number, to: number) => object | null,
 *   places: (brush: object) => [number, number] | null, ends: [number, number], step: number}} Axis
 *   ends: top and bottom; step: how far a key moves a limit
 */

/**
 * Lays out a dimension as an axis.
 * @param {import("epochal/dimensions.js").Dimension} dimension @param {number} x where it stands
 * @param {number} top @param {number} bottom @returns {Axis}
 */
export function axisOf(dimension, x, top, bottom) {
  const layOut = dimension.kind === "number" && dimension.extent ? numbers : levels;
  const made = layOut(dimension, top, bottom);
  return { path: dimension.path, label: dimension.label, x, ends: [top, bottom], ...made };
}

/**
 * Returns where limits stand after a key; what comes to an end of the axis stays there.
 * @param {Axis} axis @param {[number, number] | null} places where they stand; null: there are none
 * @param {number} by so many steps up @param {boolean} upper whether only the upper one moves
 * @returns {[number, number] | null} the same where nothing would be left between them
 */
export function stepped(axis, places, by, upper = false) {
  const { ends: [top, bottom], step } = axis;
  const [high, low] = places ? [...places].sort((a, b) => a - b) : [top, bottom]; // y grows downward
  const moved = (place) => Math.max(top, Math.min(bottom, place - by * step));
  const next = [moved(high), upper ? low : moved(low)];
  if (next[1] - next[0] >= step / 2) return next;
  return Math.abs(by) > 1 ? stepped(axis, places, by - Math.sign(by), upper) : places;
}

const FEW = 7;
const APART = 13;
const STEPS = 50;

/** Ticks at the values themselves where there are few, else round numbers. */
function ticksOf(values, of) {
  const distinct = [...new Set(values.filter((value) => Number.isFinite(value)))].sort((a, b) => a - b);
  const wanted = distinct.length <= FEW ? distinct : of.ticks(5);
  const ticks = [];
  for (const value of wanted) {
    const place = of.at(value);
    if (!ticks.length || Math.abs(place - ticks.at(-1).place) >= APART) ticks.push({ place, value });
  }
  return ticks;
}

/** Rounds a limit outward, so that a run at the end of its axis is within. */
function rounded(value, { domain: [low, high], log }, outward) {
  const size = log ? Math.abs(value) : high - low;
  const unit = 10 ** (Math.floor(Math.log10(size)) - 3);
  return Number((outward(Number((value / unit).toPrecision(12))) * unit).toPrecision(12));
}

function numbers({ extent, log, values }, top, bottom) {
  const of = scale(log || extent[0] === extent[1] ? extent : padded(extent, false, 0.02), [bottom, top], log);
  const fits = (value) => typeof value === "number" && Number.isFinite(value);
  return {
    at: (value) => (fits(value) ? of.at(value) : bottom + NONE),
    ticks: ticksOf(values, of),
    step: (bottom - top) / STEPS,
    limits: (from, to) => ({
      low: rounded(of.back(Math.max(from, to)), of, Math.floor),
      high: rounded(of.back(Math.min(from, to)), of, Math.ceil),
    }),
    places: (brush) => (brush.levels ? null : [of.at(brush.high), of.at(brush.low)]
      .map((place) => Math.max(top, Math.min(bottom, place)))),
  };
}

function levels({ levels: names }, top, bottom) {
  const gap = (bottom - top) / Math.max(1, names.length);
  const place = (i) => bottom - gap * (i + 0.5);
  const index = new Map(names.map((name, i) => [name, i]));
  return {
    at: (value) => (value === null || value === undefined ? bottom + NONE : place(index.get(levelOf(value)) ?? 0)),
    ticks: names.map((value, i) => ({ place: place(i), value })),
    step: gap,
    limits: (from, to) => {
      const chosen = names.filter((_, i) => place(i) >= Math.min(from, to) && place(i) <= Math.max(from, to));
      return chosen.length ? { levels: chosen } : null;
    },
    places: (brush) => {
      const found = (brush.levels ?? []).flatMap((name) => (index.has(name) ? [place(index.get(name))] : []));
      return found.length ? [Math.min(...found) - gap * 0.4, Math.max(...found) + gap * 0.4] : null;
    },
  };
}

/**
 * Returns the color of each run by a dimension.
 * @param {import("epochal/dimensions.js").Dimension | undefined} dimension undefined: none
 * @param {(share: number) => string} sequential @param {(slot: number) => string} slotColor
 * @returns {(value: unknown) => string}
 */
export function colorsBy(dimension, sequential, slotColor) {
  if (!dimension) return () => "var(--accent)";
  if (dimension.kind === "category" || !dimension.extent) {
    const index = new Map(dimension.levels.map((name, i) => [name, i]));
    const slot = (value) => slotColor(index.get(levelOf(value)) ?? 0);
    return (value) => (value === null || value === undefined ? NO_COLOR : slot(value));
  }
  const of = scale(dimension.extent, [0, 1], dimension.log);
  const flat = dimension.extent[0] === dimension.extent[1];
  return (value) => (Number.isFinite(value) ? sequential(flat ? 0.7 : of.at(value)) : NO_COLOR);
}
