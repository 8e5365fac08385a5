/** Histograms of one key over all its steps: a heat map, and the histogram of the chosen step. */
import { html, useEffect, useMemo, useRef, useState } from "epochal/html.js";
import { resolveColor } from "epochal/color.js";
import { compact, count, exact, num } from "epochal/format.js";
import { useSize } from "epochal/load.js";
import { atOrBefore } from "epochal/media_steps.js";
import { heatColumns, valueRange } from "epochal/heat.js";
import { scale } from "epochal/scales.js";
import { useTheme } from "epochal/theme.js";

const HEIGHT = 200;
const LEFT = 52;
const BOTTOM = 20;
const TOP = 6;

/**
 * The histograms of a key in one run.
 * @param {{data: {items: object[], bins: object[]}, step: number | null}} props data: as the server
 *   lists them; step: null for the latest
 */
export function HistogramKey({ data, step }) {
  const bins = useMemo(() => data.bins.filter((each) => each.counts.length), [data]);
  const steps = bins.map((each) => each.step ?? 0);
  const at = step === null ? steps.at(-1) : atOrBefore([...steps].sort((a, b) => a - b), step);
  const chosen = bins.findLast((each) => (each.step ?? 0) === at);
  const item = data.items.findLast((each) => (each.step ?? 0) === at);
  if (!bins.length) return html`<p class="muted">The histograms are empty: every value was NaN or infinite.</p>`;
  return html`<div class="histogram">
    ${bins.length > 1 && html`<${HeatMap} bins=${bins} at=${at} />`}
    ${chosen && html`<${Bars} of=${chosen} item=${item} range=${valueRange(bins)} />`}
  </div>`;
}

function HeatMap({ bins, at }) {
  const theme = useTheme();
  const [box, { width }] = useSize();
  const [said, setSaid] = useState("");
  const canvas = useRef(null);
  const layout = useMemo(() => {
    const columns = heatColumns(bins);
    const range = valueRange(bins);
    const x = scale([columns[0].from, columns.at(-1).to], [LEFT, Math.max(LEFT + 1, width - 4)]);
    return { columns, x, y: scale(range, [HEIGHT - BOTTOM, TOP]) };
  }, [bins, width]);
  useEffect(() => {
    if (width) draw(canvas.current, layout, width, at);
  }, [layout, width, theme, at]);
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    setSaid(describe(layout, event.clientX - box.left, event.clientY - box.top));
  };
  return html`<div class="heat" ref=${box}>
    <canvas ref=${canvas} role="img" onMouseMove=${move} onMouseLeave=${() => setSaid("")}
      aria-label=${`Histograms of ${bins.length} steps, ${exact(bins[0].step)} to ${exact(bins.at(-1).step)}`}></canvas>
    <p class="heat-said muted">${said || "Darker: more values. Across: steps; up: the value."}</p>
  </div>`;
}

function describe({ columns, x, y }, left, top) {
  const step = x.back(left);
  const value = y.back(top);
  const column = columns.find((each) => step >= each.from && step < each.to);
  if (!column) return "";
  const i = column.bins.edges.findLastIndex((edge) => edge <= value);
  const { counts, edges } = column.bins;
  if (i < 0 || i >= counts.length) return `step ${exact(column.step)}: none near ${num(value, 3)}`;
  const share = column.total ? (100 * counts[i]) / column.total : 0;
  const where = `from ${num(edges[i], 3)} to ${num(edges[i + 1], 3)}`;
  const said = `${num(counts[i])} of ${count(column.total, "value")} (${num(share, 2)} %)`;
  return `step ${exact(column.step)}: ${said} ${where}`;
}

function draw(canvas, { columns, x, y }, width, at) {
  const ratio = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(HEIGHT * ratio) });
  Object.assign(canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
  const ink = canvas.getContext("2d");
  ink.scale(ratio, ratio);
  ink.fillStyle = resolveColor("var(--accent)");
  for (const { from, to, bins, shade } of columns) {
    const [left, right] = [snap(x.at(from)), snap(x.at(to))];
    for (let i = 0; i < shade.length; i += 1) {
      if (!shade[i]) continue;
      const [top, bottom] = [snap(y.at(bins.edges[i + 1])), snap(y.at(bins.edges[i]))];
      ink.globalAlpha = shade[i];
      ink.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
    }
  }
  ink.globalAlpha = 1;
  axes(ink, x, y, width);
  const column = columns.find((each) => each.step === at);
  if (column) {
    ink.strokeStyle = resolveColor("var(--text)");
    const [left, right] = [snap(x.at(column.from)), snap(x.at(column.to))];
    ink.strokeRect(left + 0.5, TOP - 0.5, Math.max(2, right - left) - 1, HEIGHT - BOTTOM - TOP + 1);
  }
}

const snap = (place) => Math.round(place);

function axes(ink, x, y, width) {
  ink.fillStyle = resolveColor("var(--axis)");
  ink.font = "11px system-ui, sans-serif";
  ink.textBaseline = "middle";
  ink.textAlign = "right";
  for (const tick of y.ticks(4)) ink.fillText(compact(tick), LEFT - 6, y.at(tick));
  ink.textAlign = "center";
  ink.textBaseline = "top";
  for (const tick of x.ticks(Math.max(2, Math.floor(width / 90)))) {
    ink.fillText(compact(tick), x.at(tick), HEIGHT - BOTTOM + 6);
  }
}

const BARS_HEIGHT = 176;

/** One histogram, on the range of all of them. */
function Bars({ of, item, range }) {
  const [box, { width }] = useSize();
  const { counts, edges } = of;
  const density = counts.map((n, i) => n / Math.max(1e-300, edges[i + 1] - edges[i]));
  const highest = Math.max(...density);
  const x = scale(range, [LEFT, Math.max(LEFT + 1, width - 4)]);
  const y = (value) => (BARS_HEIGHT - BOTTOM) * (1 - value / (highest || 1)) + (highest ? 2 : 0);
  const about = item?.about ?? {};
  const known = ["mean", "std", "min", "max"].filter((key) => about[key] !== undefined);
  const facts = known.map((key) => `${key} ${num(about[key], 3)}`);
  if (about.nan) facts.push(`▲ ${about.nan} NaN`);
  if (about.inf) facts.push(`▲ ${about.inf} infinite`);
  return html`<div class="bars" ref=${box}>
    <p class="muted">step ${exact(of.step)}${facts.length ? `: ${facts.join(" · ")}` : ""}</p>
    ${width > 0 && html`<svg width=${width} height=${BARS_HEIGHT} role="img"
      aria-label=${`Histogram of step ${exact(of.step)}`}>
      ${counts.map((n, i) => n > 0 && html`<rect class="bar" x=${x.at(edges[i])}
        y=${Math.min(y(density[i]), BARS_HEIGHT - BOTTOM - 1)}
        width=${Math.max(1, x.at(edges[i + 1]) - x.at(edges[i]) - 0.5)}
          height=${Math.max(1, BARS_HEIGHT - BOTTOM - y(density[i]))}>
        <title>${`${n.toLocaleString("en-US")} from ${num(edges[i], 3)} to ${num(edges[i + 1], 3)}`}</title></rect>`)}
      <line class="axis-line" x1=${LEFT} x2=${width - 4} y1=${BARS_HEIGHT - BOTTOM + 0.5}
        y2=${BARS_HEIGHT - BOTTOM + 0.5} />
      ${x.ticks(Math.max(2, Math.floor(width / 90))).map((tick) => html`<text class="tick" x=${x.at(tick)}
        y=${BARS_HEIGHT - 4} text-anchor="middle">${compact(tick)}</text>`)}
    </svg>`}
  </div>`;
}
