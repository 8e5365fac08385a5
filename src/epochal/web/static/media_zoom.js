/** A picture in a window of its own, enlarged pixel by pixel; arrow keys lead to the next one. */
import { html, useEffect, useRef, useState } from "epochal/html.js";
import { Dialog } from "epochal/dialog.js";
import { IconButton } from "epochal/icons.js";

const STEPS = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/**
 * The window.
 * @param {{url: string, item: object, at?: number, total?: number, onMove?: (by: number) => void,
 *   onClose: () => void}} props at, total: its place among the pictures beside it
 */
export function ImageZoom({ url, item, at = 0, total = 1, onMove, onClose }) {
  const [seen, setSeen] = useState({ url: "", size: null }); // of a picture that does not tell its size
  const size = item.about.width ? [item.about.width, item.about.height] : seen.url === url ? seen.size : null;
  const [zoom, setZoom] = useState(null);
  const stage = useRef(null);
  const fitted = size && stage.current ? fit(size, stage.current) : 1;
  const shown = zoom ?? fitted;
  const by = (direction) => {
    const larger = (each) => each > shown * 1.01;
    const smaller = (each) => each < shown * 0.99;
    const next = direction > 0 ? STEPS.find(larger) : STEPS.findLast(smaller);
    if (next) setZoom(next);
  };
  const key = (event) => {
    if (event.key === "+" || event.key === "=") by(1);
    if (event.key === "-") by(-1);
    if (event.key === "0") setZoom(null);
    if (event.key === "1") setZoom(1);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const scrolls = event.target === stage.current && stage.current.scrollWidth > stage.current.clientWidth;
    if (step && total > 1 && !scrolls) {
      event.preventDefault();
      onMove(step);
    }
    if (event.key === "Escape") onClose();
  };
  const [, measured] = useState(0);
  useEffect(() => measured(1), []);
  const wheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    by(-Math.sign(event.deltaY));
  };
  const style = size ? { width: `${Math.round(size[0] * shown)}px`, height: `${Math.round(size[1] * shown)}px` } : null;
  return html`<${Dialog} label=${item.caption || item.key} class="zoom-dialog" onClose=${onClose}>
    <div class="zoom" onKeyDown=${key}>
      <div class="toolbar zoom-tools">
        <strong class="zoom-name">${item.caption || item.key}</strong>
        <span class="spacer"></span>
        ${total > 1 && html`<${IconButton} icon="arrowLeft" label="Previous picture (←)" onClick=${() => onMove(-1)} />
          <output class="zoom-factor">${at + 1} of ${total}</output>
          <${IconButton} icon="arrowRight" label="Next picture (→)" onClick=${() => onMove(1)} />`}
        <${IconButton} icon="minus" label="Smaller (-)" onClick=${() => by(-1)} />
        <output class="zoom-factor">${Math.round(shown * 100)} %</output>
        <${IconButton} icon="plus" label="Larger (+)" onClick=${() => by(1)} />
        <button type="button" class="button small" onClick=${() => setZoom(null)}>Fit</button>
        <button type="button" class="button small" onClick=${() => setZoom(1)}>1 : 1</button>
        <a class="button small" href=${`${url}&download=1`} download>Save</a>
        <${IconButton} icon="cross" label="Close" onClick=${onClose} />
      </div>
      <div class="zoom-stage" ref=${stage} tabindex="0" autofocus onWheel=${wheel}>
        <img key=${url} class=${shown > 1 && item.type === "image" ? "pixelated" : ""} src=${url} alt=${item.caption || item.key}
          style=${style}
          onLoad=${({ currentTarget: { naturalWidth, naturalHeight } }) =>
            setSeen({ url, size: [naturalWidth, naturalHeight] })} />
      </div>
    </div>
  <//>`;
}

/** The largest zoom at which all is seen: whole numbers of pixels where it is enlarged. */
function fit([width, height], node) {
  const room = Math.min((node.clientWidth - 8) / width, (node.clientHeight - 8) / height);
  return room >= 1 ? Math.max(1, Math.min(64, Math.floor(room))) : Math.max(0.05, room);
}
