/** A chart as a file: PNG as it is on the screen, SVG with true lines, CSV. */

import { drawCurves } from "epochal/chart_draw.js";
import { resolveColor } from "epochal/color.js";
import { printable } from "epochal/format.js";

const LINE = 18;
const MARGIN = 12;
const HEAD = 30;
const FONT = "system-ui, sans-serif";

/**
 * Save a text or picture as a file of the browser.
 * @param {Blob} blob
 * @param {string} name
 */
export function saveAs(blob, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(blob);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/**
 * Return a file name for a chart: its title without what file systems dislike.
 * @param {string} title @param {string} suffix
 * @returns {string}
 */
export function fileName(title, suffix) {
  return `${title.replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 80) || "chart"}.${suffix}`;
}

/**
 * Return a chart as PNG, with its title and legend.
 * @param {import("./chart_plot.js").Plot} plot
 * @param {string} title
 * @param {Array<{label: string, size: string, color: string}>} legend
 * @returns {Promise<Blob>}
 */
export function toPng(plot, title, legend) {
  plot.paint();
  const source = plot.u.ctx.canvas;
  const ratio = source.width / plot.size.width;
  const canvas = document.createElement("canvas");
  canvas.width = source.width + 2 * MARGIN * ratio;
  canvas.height = source.height + (HEAD + legendHeight(legend) + 2 * MARGIN) * ratio;
  const context = canvas.getContext("2d");
  context.fillStyle = resolveColor("var(--panel)");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, MARGIN * ratio, (MARGIN + HEAD) * ratio);
  context.drawImage(plot.layer, MARGIN * ratio, (MARGIN + HEAD) * ratio);
  context.scale(ratio, ratio);
  texts(title, legend, plot.size).forEach(({ x, y, text, weight, swatch }) => {
    context.font = `${weight} 12px ${FONT}`;
    context.fillStyle = resolveColor("var(--text)");
    context.fillText(text, x, y);
    if (!swatch) return;
    context.fillStyle = resolveColor(swatch);
    context.fillRect(x - 18, y - 6, 12, 3);
  });
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function legendHeight(legend) {
  return legend.length ? legend.length * LINE + 4 : 0;
}

function texts(title, legend, size) {
  const below = MARGIN + HEAD + size.height + LINE;
  return [
    { x: MARGIN, y: MARGIN + 14, text: printable(title), weight: 600 },
    ...legend.map(({ label, size: n, color }, i) => ({
      x: MARGIN + 66, y: below + i * LINE, text: printable(n ? `${label}  (${n})` : label), weight: 400, swatch: color,
    })),
  ];
}

/**
 * Return a chart as SVG: lines, bands and texts stay such.
 * @param {import("./chart_plot.js").Plot} plot
 * @param {string} title
 * @param {Array<{label: string, size: string, color: string}>} legend
 * @returns {Blob}
 */
export function toSvg(plot, title, legend) {
  const { width, height } = plot.size;
  const frame = inCss(plot);
  const pen = new SvgPen();
  drawCurves({ context: pen, Path: SvgPath, color: resolveColor }, plot.scene.curves, frame, {
    points: plot.scene.points,
  });
  const full = [width + 2 * MARGIN, height + HEAD + legendHeight(legend) + 2 * MARGIN];
  const words = texts(title, legend, plot.size).map(({ x, y, text, weight, swatch }) => {
    const mark = swatch ? `<rect x="${x - 18}" y="${y - 6}" width="12" height="3" fill="${resolveColor(swatch)}"/>` : "";
    return `${mark}${svgText(text, x, y, `font-weight="${weight}" font-size="12"`, "--text")}`;
  });
  const { left, top, width: w, height: h } = frame;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${full[0]}" height="${full[1]}"
 viewBox="0 0 ${full.join(" ")}" font-family="${FONT}">
<rect width="100%" height="100%" fill="${resolveColor("var(--panel)")}"/>
${words.join("\n")}
<g transform="translate(${MARGIN} ${MARGIN + HEAD})">
<clipPath id="plot"><rect x="${left}" y="${top}" width="${w}" height="${h}"/></clipPath>
${svgAxes(plot, frame)}
<g clip-path="url(#plot)">
${pen.parts.join("\n")}
</g></g></svg>`;
  return new Blob([svg], { type: "image/svg+xml" });
}

/** The frame of the picture in CSS pixels, as an SVG wants it. */
function inCss(plot) {
  const frame = plot.frame();
  const css = (value) => value / frame.ratio;
  return {
    ...frame, ratio: 1,
    left: css(frame.left), top: css(frame.top), width: css(frame.width), height: css(frame.height),
    X: (x) => css(frame.X(x)), Y: (y) => css(frame.Y(y)),
  };
}

function svgAxes({ shown }, { left, top, width, height, X, Y }) {
  const line = (x1, y1, x2, y2, color) =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${resolveColor(`var(${color})`)}"/>`;
  const bottom = top + height;
  const parts = [line(left, bottom, left + width, bottom, "--border")];
  shown.x.at.forEach((at, i) => {
    parts.push(svgText(shown.x.labels[i], X(at), bottom + 16, 'text-anchor="middle" font-size="11"', "--axis"));
  });
  shown.y.at.forEach((at, i) => {
    parts.push(line(left, Y(at), left + width, Y(at), "--grid"));
    parts.push(svgText(shown.y.labels[i], left - 6, Y(at) + 4, 'text-anchor="end" font-size="11"', "--axis"));
  });
  return parts.join("\n");
}

function svgText(text, x, y, attributes, color) {
  const safe = String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<text x="${short(x)}" y="${short(y)}" ${attributes} fill="${resolveColor(`var(${color})`)}">${safe}</text>`;
}

function short(value) {
  return Number(value.toFixed(2));
}

/** A path that remembers itself as SVG writes it. */
class SvgPath {
  constructor() {
    this.d = "";
  }

  moveTo(x, y) {
    this.d += `M${short(x)} ${short(y)}`;
  }

  lineTo(x, y) {
    this.d += `L${short(x)} ${short(y)}`;
  }

  arc(x, y, r) {
    this.d += `a${r} ${r} 0 1 0 ${-2 * r} 0a${r} ${r} 0 1 0 ${2 * r} 0`;
  }

  closePath() {
    this.d += "Z";
  }
}

/** What of a canvas context the drawing uses, as SVG elements. */
class SvgPen {
  constructor() {
    this.parts = [];
    this.dash = [];
    Object.assign(this, { globalAlpha: 1, lineWidth: 1, strokeStyle: "#000", fillStyle: "#000", lineJoin: "bevel" });
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  stroke({ d }) {
    if (!d) return;
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.parts.push(`<path d="${d}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}" stroke-opacity="${short(this.globalAlpha)}" stroke-linejoin="${this.lineJoin}"${dash}/>`);
  }

  fill({ d }) {
    if (d) this.parts.push(`<path d="${d}" fill="${this.fillStyle}" fill-opacity="${short(this.globalAlpha)}"/>`);
  }
}
