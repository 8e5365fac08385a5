/** Groups of seeds as a picture: every run a dot, the mean with its interval. */
import { html } from "epochal/html.js";
import { slotColor } from "epochal/color.js";
import { compact, num } from "epochal/format.js";
import { useSize } from "epochal/load.js";
import { extentOf, padded, scale } from "epochal/scales.js";
import { go } from "epochal/store.js";

const ROW = 34;
const TOP = 8;
const RIGHT = 16;
const AXIS = 42;
const LETTER = 7;

/**
 * Returns how far dots are moved up or down so that they do not lie on each other.
 * @param {number[]} places in pixels @param {number} room a dot's width @returns {number[]} whole steps
 */
export function spread(places, room) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const lanes = new Map([[0, -Infinity]]);
  const found = new Array(places.length).fill(0);
  for (const i of order) {
    const free = [0, -1, 1, -2, 2, -3, 3].find((lane) => places[i] - (lanes.get(lane) ?? -Infinity) >= room) ?? 0;
    lanes.set(free, places[i]);
    found[i] = free;
  }
  return found;
}

/**
 * The picture.
 * @param {{groups: object[], settings: object}} props as /api/compare answers
 */
export function SeedPlot({ groups, settings }) {
  const [box, { width }] = useSize();
  const shown = groups.filter((group) => group.n > 0);
  const longest = Math.max(...shown.map((group) => group.name.length));
  const left = Math.max(90, Math.min(0.4 * width, longest * LETTER + 60));
  const numbers = shown.flatMap((group) => [...group.scores, group.low, group.high]);
  const x = scale(padded(extentOf(numbers) ?? [0, 1], false, 0.03), [left, Math.max(left + 100, width - RIGHT)]);
  const bottom = TOP + shown.length * ROW;
  const way = settings.goal === "minimize" ? "← lower is better" : "higher is better →";
  return html`<div class="seed-plot" ref=${box}>${width > 0 && html`<svg width=${width} height=${bottom + AXIS}
    role="group"
      aria-label=${`${settings.metric} of ${shown.length} groups; the table says the same in numbers`}>
    ${x.ticks(Math.max(3, Math.floor(width / 130))).map((tick) => html`<g key=${tick}><line class="grid-line"
      x1=${x.at(tick)} x2=${x.at(tick)} y1=${TOP} y2=${bottom} />
      <text class="tick" x=${x.at(tick)} y=${bottom + 16} text-anchor="middle">${compact(tick)}</text></g>`)}
    <text class="axis-name" x=${(left + width - RIGHT) / 2} y=${bottom + 34} text-anchor="middle">
      ${settings.metric} (${settings.statistic}, ${way})</text>
    ${shown.map((group, i) => html`<${GroupRow} key=${group.name} group=${group} y=${TOP + ROW * (i + 0.5)} x=${x}
      left=${left} color=${slotColor(i)} />`)}
  </svg>`}</div>`;
}

function GroupRow({ group, y, x, left, color }) {
  const places = group.scores.map((score) => x.at(score));
  const lanes = spread(places, 8);
  const has = Number.isFinite(group.low) && Number.isFinite(group.high);
  const paint = { fill: color, stroke: color };
  const most = Math.floor((left - 48) / LETTER);
  return html`<g>
    <text class="group-name" x=${left - 44} y=${y} text-anchor="end" dominant-baseline="central">
      ${group.name.length > most ? `${group.name.slice(0, most - 1)}…` : group.name}<title>
      ${group.label ?? group.name}</title></text>
    <text class="tick" x=${left - 8} y=${y} text-anchor="end" dominant-baseline="central">n=${group.n}</text>
    ${has && html`<line class="interval" x1=${x.at(group.low)} x2=${x.at(group.high)} y1=${y} y2=${y}
      style=${paint} />
      ${[group.low, group.high].map((end) => html`<line class="interval" key=${end} x1=${x.at(end)} x2=${x.at(end)}
        y1=${y - 5} y2=${y + 5} style=${paint} />`)}`}
    ${group.scores.map((score, i) => html`<circle key=${group.runs[i] ?? i} class="seed-dot" cx=${places[i]}
      cy=${y + lanes[i] * 5} r="3.5" style=${paint} onClick=${() => group.runs[i] && go(["r", group.runs[i]])}>
      <title>${`seed ${seedOf(group.seeds?.[i])}: ${num(score, 6)}`}</title></circle>`)}
    ${Number.isFinite(group.value) && html`<line class="mean" x1=${x.at(group.value)} x2=${x.at(group.value)}
      y1=${y - 11} y2=${y + 11}><title>${`mean ${num(group.value, 6)}`}</title></line>`}
  </g>`;
}

/**
 * Says a seed, or seeds by role.
 * @param {unknown} seed @returns {string}
 */
export function seedOf(seed) {
  if (seed === null || seed === undefined) return "not known";
  return typeof seed === "object" ? Object.entries(seed).map(([role, n]) => `${role} ${n}`).join(", ") : String(seed);
}
