/** What stands in a console: colors of terminals as spans, and which lines are in sight. */

/**
 * A piece of a line.
 * @typedef {{text: string, style: string}} Piece style: class names, "" for plain text
 */

const COLORS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
// Control sequences of terminals: CSI, OSC (titles, links) ended by BEL or ESC \, and two-byte ones.
const SEQUENCE = /\x1b(?:\[([0-9;:<=>?]*)([ -/]*[@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|[@-Z\\^_])/g;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]/g;

/**
 * Takes the control sequences out of a line; colors and bold become styles.
 * @param {string} line @returns {Piece[]} at least one
 */
export function pieces(line) {
  if (!line.includes("\x1b")) return [{ text: line.replace(CONTROL, ""), style: "" }];
  const found = [];
  let [color, bold, from] = ["", false, 0];
  const add = (to) => {
    const text = line.slice(from, to).replace(CONTROL, "");
    const style = [color && `ansi-${color}`, bold && "ansi-bold"].filter(Boolean).join(" ");
    if (text) found.push({ text, style });
  };
  for (const sequence of line.matchAll(SEQUENCE)) {
    add(sequence.index);
    from = sequence.index + sequence[0].length;
    if (sequence[2] === "m") [color, bold] = styled(sequence[1], color, bold);
  }
  add(line.length);
  return found.length ? found : [{ text: "", style: "" }];
}

function styled(codes, color, bold) {
  const list = (codes || "0").split(/[;:]/).map(Number);
  for (let i = 0; i < list.length; i += 1) {
    const code = list[i];
    if (code === 0) [color, bold] = ["", false];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) color = "";
    else if (code >= 30 && code <= 37) color = COLORS[code - 30];
    else if (code >= 90 && code <= 97) color = COLORS[code - 90];
    else if (code === 38 || code === 48) i += list[i + 1] === 5 ? 2 : 4; // colors by number: left out
  }
  return [color, bold];
}

/**
 * Returns the pieces of a line with what was searched for taken out as pieces of their own.
 * @param {Piece[]} parts @param {string} search "": nothing; upper and lower case are the same
 *   unless it has a capital
 * @returns {(Piece & {hit?: boolean})[]}
 */
export function marked(parts, search) {
  if (!search) return parts;
  const exact = search !== search.toLowerCase();
  return parts.flatMap(({ text, style }) => {
    const inside = exact ? text : text.toLowerCase();
    const found = [];
    let from = 0;
    for (let at = inside.indexOf(search); at >= 0; at = inside.indexOf(search, from)) {
      if (at > from) found.push({ text: text.slice(from, at), style });
      found.push({ text: text.slice(at, at + search.length), style, hit: true });
      from = at + search.length;
    }
    if (from < text.length || !found.length) found.push({ text: text.slice(from), style });
    return found;
  });
}

/** Browsers lay out no elements much higher than this. */
export const TALLEST = 8e6;

/**
 * Returns which of many lines of equal height are in sight, and where they are drawn.
 * @param {{top: number, height: number, total: number, row: number, extra?: number}} seen top and
 *   height: what is seen of the list, in pixels; extra: lines above and below
 * @returns {{first: number, last: number, offset: number, tall: number}} last: one behind; offset:
 *   where the first one is drawn; tall: of the whole list
 */
export function linesInSight({ top, height, total, row, extra = 20 }) {
  const real = total * row;
  const tall = Math.min(real, TALLEST);
  const most = Math.max(1, tall - height);
  const scrolled = real <= TALLEST ? top : (Math.min(top, most) / most) * Math.max(0, real - height);
  const first = Math.max(0, Math.floor(scrolled / row) - extra);
  const last = Math.min(total, Math.ceil((scrolled + height) / row) + extra);
  return { first, last, offset: Math.round(first * row - scrolled + top), tall };
}

/**
 * Returns where to scroll so that a line is on top; the other way round of `linesInSight`.
 * @param {number} line @param {{height: number, total: number, row: number}} list
 * @returns {number}
 */
export function scrollFor(line, { height, total, row }) {
  const real = total * row;
  if (real <= TALLEST) return Math.max(0, Math.min(line * row, real - height));
  const share = Math.min(1, (line * row) / Math.max(1, real - height));
  return share * (TALLEST - height);
}

const SECONDS = { d: 86400, h: 3600, min: 60, s: 1 };

/**
 * Returns seconds of a time that somebody typed: "90", "1:30", "1:02:03", "1h 2min", "14:05:09".
 * @param {string} text @returns {number | null} null: it is no time
 */
export function secondsOf(text) {
  const clock = /^\s*(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)\s*$/.exec(text);
  if (clock) return Number(clock[1] ?? 0) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
  const plain = /^\s*(\d+(?:\.\d+)?)\s*s?\s*$/.exec(text);
  if (plain) return Number(plain[1]);
  const parts = text.trim().match(/^(?:\d+(?:\.\d+)?\s*(?:d|h|min|s)\s*)+$/);
  if (!parts) return null;
  const found = [...parts[0].matchAll(/(\d+(?:\.\d+)?)\s*(d|h|min|s)/g)];
  return found.reduce((sum, [, n, unit]) => sum + Number(n) * SECONDS[unit], 0);
}

/**
 * Writes seconds as a clock: "00:01:30".
 * @param {number} seconds @returns {string}
 */
export function clockOf(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
