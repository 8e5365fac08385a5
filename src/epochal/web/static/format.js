/**
 * Numbers, times and sizes as people read them. Non-finite numbers arrive as "NaN", "Infinity" and
 * "-Infinity", which JSON has no numbers for.
 */

const SPECIAL = { NaN: "NaN", Infinity: "∞", "-Infinity": "-∞" };

/**
 * The number that an answer means: "NaN" and "Infinity" become numbers, what is missing NaN.
 * @param {number|string|null|undefined} value
 * @returns {number}
 */
export function toNumber(value) {
  return value === null || value === undefined || value === "" ? NaN : Number(value);
}

/**
 * A number with so many significant digits, no longer than needed; other values as they are.
 * @param {any} value
 * @param {number} [digits]
 * @returns {string}
 */
export function num(value, digits = 4) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return SPECIAL[value] ?? value;
  if (typeof value !== "number") return exact(value);
  if (!Number.isFinite(value)) return SPECIAL[String(value)];
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return grouped(value);
  if (size < 1e-3 || size >= 1e6) return scientific(value, digits);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const text = value.toFixed(Math.min(places, 12));
  return size >= 1e4 ? grouped(Number(text)) : text;
}

/**
 * A value in full, for tooltips and for the clipboard.
 * @param {any} value
 * @returns {string}
 */
export function exact(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * A setting as it was written, as far as it is short: 0.001 and not 1.000e-3.
 * @param {any} value
 * @returns {string}
 */
export function setting(value) {
  const text = exact(value);
  return typeof value === "number" && text.length > 9 ? num(value, 6) : text;
}

/**
 * A length of time: "0.42 s", "3 min 20 s", "2 h 05 min", "4 d 3 h".
 * @param {number|null} s
 * @returns {string}
 */
export function duration(s) {
  const value = toNumber(s);
  if (!Number.isFinite(value)) return "";
  if (value < 0) return `-${duration(-value)}`;
  if (value < 10) return `${trimmed(value.toFixed(value < 1 ? 2 : 1))} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/**
 * How long ago a moment was: "just now", "5 min ago", then the date.
 * @param {number|null} time unix seconds
 * @param {number} [now] unix seconds
 * @returns {string}
 */
export function ago(time, now = Date.now() / 1000) {
  const moment = toNumber(time);
  if (!Number.isFinite(moment)) return "";
  const s = now - moment;
  if (s < 10) return "just now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return s < 7 * 86400 ? `${Math.floor(s / 86400)} d ago` : dateTime(moment).slice(0, 10);
}

/**
 * A moment in local time, "2026-03-01 14:05:09".
 * @param {number|null} time unix seconds
 * @returns {string}
 */
export function dateTime(time) {
  const moment = new Date(toNumber(time) * 1000);
  if (Number.isNaN(moment.getTime())) return "";
  const day = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()];
  const clock = [moment.getHours(), moment.getMinutes(), moment.getSeconds()];
  return `${day.map(pad).join("-")} ${clock.map(pad).join(":")}`;
}

/**
 * A size: "512 B", "1.2 MB".
 * @param {number|null} n
 * @returns {string}
 */
export function bytes(n) {
  let value = toNumber(n);
  if (!Number.isFinite(value)) return "";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && Math.abs(value) < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/**
 * A count with its noun: "1 run", "12,345 runs".
 * @param {number} n
 * @param {string} noun in the singular
 * @param {string} [plural]
 * @returns {string}
 */
export function count(n, noun, plural = `${noun}s`) {
  return `${grouped(n)} ${n === 1 ? noun : plural}`;
}

/**
 * A number for a tick, as short as can be: "200k", "1.5M", "1e-5".
 * @param {number} n
 * @returns {string}
 */
export function compact(n) {
  const value = toNumber(n);
  if (!Number.isFinite(value)) return SPECIAL[String(value)];
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return shortPower(value);
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit) return `${trimmed((value / unit).toPrecision(4))}${letter}`;
  }
  return trimmed(value.toPrecision(4));
}

const CONTROL = "\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\p{Surrogate}";
const SEEN = `[^\\x00-\\x7f\\s${CONTROL}]`; // beyond ASCII
const UNSEEN = new RegExp(`(?!(?<=${SEEN})[\\u200c\\u200d]${SEEN})[${CONTROL}]`, "gu");

/**
 * A text in which characters that cannot be seen or turn the direction of others are escapes, as
 * `epochal.core.names.printable` writes them: "a\u202eb", "\x1b[31m". Tabs and line ends stay, and
 * joiners between characters beyond ASCII.
 * @param {string} text
 * @returns {string}
 */
export function printable(text) {
  return text.replace(UNSEEN, (letter) => {
    const code = letter.charCodeAt(0);
    return code < 256 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
  });
}

function hex(code, digits) {
  return code.toString(16).padStart(digits, "0");
}

/**
 * A step, which is a name of a place and so never rounded: "2,999".
 * @param {number} value
 * @returns {string}
 */
export function grouped(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: 12 });
}

function scientific(value, digits) {
  return shortPower(Number(value.toPrecision(digits)));
}

function shortPower(value) {
  const [mantissa, power] = value.toExponential().split("e");
  return `${trimmed(Number(mantissa).toPrecision(4))}e${power.replace("+", "")}`;
}

/**
 * A number without zeros at its end that say nothing: "17.99".
 * @param {string} text
 * @returns {string}
 */
export function trimmed(text) {
  if (text.includes("e")) return shortPower(Number(text));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function pad(n) {
  return String(n).padStart(2, "0");
}
