/** The line between two parts of a page: drag it, or move it with the arrow keys. */
import { html, useRef, useState } from "epochal/html.js";

/**
 * A width that is remembered in this browser.
 * @param {string} name
 * @param {{least: number, most: number, usual: number}} range in pixels
 * @returns {[number, (width: number) => void]}
 */
export function useWidth(name, { least, most, usual }) {
  const inside = (width) => Math.min(most, Math.max(least, Math.round(width) || usual));
  const [width, setWidth] = useState(() => inside(Number(stored(name))));
  const set = (next) => {
    setWidth(inside(next));
    try {
      localStorage.setItem(`epochal.width.${name}`, String(inside(next)));
    } catch {
      // only this visit then
    }
  };
  return [width, set];
}

/**
 * @param {{width: number, setWidth: (width: number) => void, least: number, most: number, label: string}} props
 */
export function Splitter({ width, setWidth, least, most, label }) {
  const from = useRef(null);
  const keyed = (event) => {
    const step = { ArrowLeft: -20, ArrowRight: 20 }[event.key];
    if (!step) return;
    event.preventDefault();
    setWidth(width + step);
  };
  return html`<div
    class="splitter"
    role="separator"
    tabindex="0"
    aria-orientation="vertical"
    aria-label=${label}
    aria-valuenow=${width}
    aria-valuemin=${least}
    aria-valuemax=${most}
    onKeyDown=${keyed}
    onPointerDown=${(event) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      from.current = event.clientX - width;
    }}
    onPointerMove=${(event) => from.current !== null && setWidth(event.clientX - from.current)}
    onPointerUp=${() => (from.current = null)}
    onPointerCancel=${() => (from.current = null)}
  ></div>`;
}

function stored(name) {
  try {
    return localStorage.getItem(`epochal.width.${name}`);
  } catch {
    return null;
  }
}
