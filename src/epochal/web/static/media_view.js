/** One logged medium: image, figure, video, audio, table or page. */
import { html, useState } from "epochal/html.js";
import { mediaUrl } from "epochal/api.js";
import { bytes, count, exact, num } from "epochal/format.js";
import { useJSON } from "epochal/load.js";
import { AudioItem } from "epochal/media_audio.js";
import { ImageZoom } from "epochal/media_zoom.js";
import { Pending } from "epochal/panel.js";

const ROWS = 200;
const PIXELATED_BELOW = 160;

/**
 * A medium with its caption and facts.
 * @param {{id: string, item: object, among?: object[]}} props id: of the run; item: as the server
 *   lists it; among: what is shown with it, so that an enlarged picture leads to the next one
 */
export function MediaItem({ id, item, among = [item] }) {
  const View = VIEWS[item.type] ?? Download;
  return html`<figure class=${`media-item media-item-${item.type}`}>
    <${View} url=${urlOf(id, item)} item=${item} id=${id} among=${among} />
    <figcaption>${captionOf(item) && html`<span class="caption">${captionOf(item)}</span>`}
      <span class="media-facts">${factsOf(item)}</span>
      <a class="media-save" href=${`${urlOf(id, item)}&download=1`} download>Save</a></figcaption>
  </figure>`;
}

const captionOf = ({ caption, index }) => caption || (index ? `${index[0]} of ${index[1]}` : "");

/**
 * Returns the address of a medium; it names the content, so that browsers keep it.
 * @param {string} id of the run @param {{n: number, v?: string}} item @returns {string}
 */
export function urlOf(id, item) {
  return `${mediaUrl(id, item.n)}?v=${encodeURIComponent(item.v ?? "")}`;
}

function factsOf({ about, type, bytes: size }) {
  const said = [];
  if (about.width && about.height) said.push(`${about.width} × ${about.height}`);
  if (about.frames) said.push(`${about.frames} frames${about.fps ? ` at ${num(about.fps)}/s` : ""}`);
  if (about.duration_s !== undefined) said.push(`${num(about.duration_s, 3)} s`);
  if (about.sample_rate) said.push(`${num(about.sample_rate / 1000)} kHz`);
  if (type === "table" && about.rows !== undefined) said.push(count(about.rows, "row"));
  said.push(bytes(size));
  return said.join(" · ");
}

function Picture({ url, item, id, among }) {
  const [open, setOpen] = useState(null);
  const pictures = among.filter(({ type }) => VIEWS[type] === Picture);
  const at = pictures.findIndex(({ n }) => n === open);
  const move = (by) => setOpen(pictures[(at + by + pictures.length) % pictures.length].n);
  const { width, height } = item.about;
  const small = item.type === "image" && width && width < PIXELATED_BELOW;
  const name = item.caption || item.key;
  return html`<button type="button" class="media-open" aria-label=${`Enlarge ${name}`} onClick=${() => setOpen(item.n)}>
      <img class=${small ? "pixelated" : ""} src=${url} alt=${name} loading="lazy" decoding="async"
        width=${width ?? null} height=${height ?? null} /></button>
    ${at >= 0 && html`<${ImageZoom} url=${urlOf(id, pictures[at])} item=${pictures[at]} at=${at}
      total=${pictures.length} onMove=${move} onClose=${() => setOpen(null)} />`}`;
}

function Video({ url, item }) {
  const [still, setStill] = useState(item.format === "gif");
  const { width, height } = item.about;
  const small = width && width < PIXELATED_BELOW ? "pixelated" : "";
  const name = item.caption || item.key;
  if (still) return html`<img class=${small} src=${url} alt=${name} loading="lazy" width=${width ?? null}
    height=${height ?? null} />`;
  return html`<video class=${small} src=${url} aria-label=${name} controls loop muted playsinline preload="metadata"
    width=${width ?? null} height=${height ?? null} onError=${() => setStill(true)}></video>`;
}

function Page({ url, item }) {
  return html`<iframe class="media-page-frame" src=${url} title=${item.caption || item.key}
    sandbox="allow-scripts" loading="lazy" referrerpolicy="no-referrer"></iframe>`;
}

function Table({ url }) {
  const [limit, setLimit] = useState(ROWS);
  const found = useJSON(`${url}&limit=${limit}`, 0, true);
  if (!found.data) return html`<${Pending} of=${found} />`;
  const { columns, data, total = data.length } = found.data;
  const numeric = columns.map((_, i) => data.some((row) => typeof row[i] === "number"));
  return html`<div class="scroll-box" tabindex="0" role="group" aria-label="Logged table"><table class="data-table">
      <thead><tr>${columns.map((name, i) => html`<th scope="col" class=${numeric[i] ? "number" : ""}>
        ${name}</th>`)}</tr></thead>
      <tbody>${data.map((row) => html`<tr>${row.map((cell, i) => html`<td class=${numeric[i] ? "number" : ""}
        title=${exact(cell)}>${cellText(cell)}</td>`)}</tr>`)}</tbody>
    </table></div>
    ${total > data.length && html`<button type="button" class="button small" onClick=${() => setLimit(limit * 10)}>
      Show more of ${count(total, "row")}</button>`}`;
}

function cellText(cell) {
  return cell === null ? "–" : typeof cell === "boolean" ? String(cell) : num(cell);
}

function Download({ item }) {
  return html`<p class="muted">A browser cannot show ${item.format}; it can be saved.</p>`;
}

const VIEWS = { image: Picture, figure: Picture, video: Video, audio: AudioItem, html: Page, table: Table };
