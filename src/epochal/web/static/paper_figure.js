/** One figure for a paper: its preview, and the files to download. */
import { classes, html, useEffect, useState } from "epochal/html.js";
import { Dialog } from "epochal/dialog.js";
import { IconButton } from "epochal/icons.js";
import { query, useNear } from "epochal/load.js";
import { Select } from "epochal/panel.js";

const FORMATS = [["pdf", "PDF"], ["svg", "SVG"], ["png", "PNG"]];
const WIDTHS = [["single", "One column"], ["full", "Full width"]];
const AT_ONCE = 2;
const WIDE = 640; // pixels of a preview of more than one column

/**
 * The card.
 * @param {{figure: {name: string, title: string, column: string|null}, question: object, look: object,
 *   own: string, onWidth: ((column: string) => void)|null}} props own: the width of this figure alone,
 *   "" as of all; onWidth: null where there is one width only
 */
export function FigureCard({ figure, question, look, own, onWidth }) {
  const [ref, near] = useNear();
  const [open, setOpen] = useState(false);
  const [wide, setWide] = useState(false);
  const asked = { ...question, ...look, column: own || look.column, name: figure.name };
  const address = (more) => `/api/paper/figure${query({ ...asked, ...more })}`;
  const preview = usePicture(near ? address({ format: "png" }) : null);
  return html`<article class=${classes("figure-card", wide && "figure-wide")} ref=${ref} aria-label=${figure.title}>
    <header class="panel-head"><h3>${figure.title}</h3><div class="panel-actions">
      ${onWidth && figure.column !== null && html`<${Select} label=${`Width of ${figure.title}`} hidden value=${own}
        empty=${usualWidth(figure, look)} options=${WIDTHS} onChange=${onWidth} />`}
      ${FORMATS.map(([format, word]) => html`<a key=${format} class="button small"
        href=${address({ format, download: 1 })} download
        aria-label=${`${figure.title} as ${word}`}>${word}</a>`)}</div></header>
    <div class=${`figure-preview figure-style-${look.style}`}>
      ${preview.error && html`<p class="problem">${preview.error}</p>`}
      ${!preview.error && !preview.url && html`<p class="muted" role="status">Drawing …</p>`}
      ${preview.url && html`<button type="button" class="media-open" aria-label=${`Enlarge ${figure.title}`}
        onClick=${() => setOpen(true)}>
        <img class=${preview.stale ? "stale" : ""} src=${preview.url} alt=${figure.title}
          onLoad=${(event) => setWide(event.currentTarget.naturalWidth > WIDE)} /></button>`}
    </div>
    ${open && preview.url && html`<${Dialog} label=${figure.title} class="zoom-dialog"
      onClose=${() => setOpen(false)}>
      <div class="zoom"><div class="toolbar zoom-tools"><strong class="zoom-name">${figure.title}</strong><span
        class="spacer"></span>
        <${IconButton} icon="cross" label="Close" onClick=${() => setOpen(false)} /></div>
        <div class=${`zoom-stage figure-style-${look.style}`}><img class="figure-large" src=${preview.url}
          alt=${figure.title} /></div></div><//>`}
  </article>`;
}

/** What the width is called that a figure has if nobody chooses one for it alone. */
function usualWidth(figure, look) {
  const [, word] = WIDTHS.find(([column]) => column === (look.column || figure.column)) ?? [];
  return word ? `${look.column ? "As all" : "As it fits"}: ${word.toLowerCase()}` : "As it fits";
}

/** Pictures that wait to be drawn: the server draws one at a time, and others want to be answered. */
const waiting = [];
let drawing = 0;

function next() {
  while (drawing < AT_ONCE && waiting.length) {
    drawing += 1;
    waiting.shift()().finally(() => {
      drawing -= 1;
      next();
    });
  }
}

/** Loads a picture when its turn has come; the old one stays until the new one is there. */
function usePicture(address) {
  const [found, setFound] = useState({ address: null, url: null, error: "" });
  useEffect(() => {
    if (address === null) return undefined;
    const stop = new AbortController();
    const load = async () => {
      if (stop.signal.aborted) return;
      try {
        const url = await pictureUrl(address, stop.signal);
        if (!stop.signal.aborted) setFound({ address, url, error: "" });
      } catch (error) {
        if (!stop.signal.aborted) setFound({ address, url: null, error: error.message });
      }
    };
    waiting.push(load);
    next();
    return () => stop.abort();
  }, [address]);
  useEffect(() => () => found.url && URL.revokeObjectURL(found.url), [found.url]);
  return { ...found, stale: found.address !== address };
}

async function pictureUrl(address, signal) {
  const answer = await fetch(address, { signal });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.error ?? `The server answered ${answer.status}.`);
  }
  return URL.createObjectURL(await answer.blob());
}
