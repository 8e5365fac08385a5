/** Icons, drawn for 16 by 16 pixels in the color of the text around them. */
import { isStatic } from "epochal/api.js";
import { html } from "epochal/html.js";

const PATHS = {
  arrowLeft: "M10 3.5 5.5 8l4.5 4.5",
  arrowRight: "M6 3.5 10.5 8 6 12.5",
  chart: "M2.5 2.5v11h11M5 10l2.5-3 2 1.5L13 4.5",
  check: "m3 8.5 3.2 3.2L13 5",
  chevronDown: "m4 6 4 4 4-4",
  chevronRight: "m6 4 4 4-4 4",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  compare: "M5 2.5v11M11 2.5v11M2.5 5H5m0 5.5h2.5M8.5 5.5H11m0 5h2.5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  cross: "m4 4 8 8M12 4l-8 8",
  down: "M8 3v10M4 9l4 4 4-4",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.3h10",
  edit: "M3 13l.6-2.8 7.3-7.3 2.2 2.2-7.3 7.3z",
  eye: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z",
  eyeOff: "M2.5 2.5l11 11M6.4 4a6.6 6.6 0 0 1 1.6-.2C12 3.8 14.5 8 14.5 8a12 12 0 0 1-2 2.4M4.3 5.2A11.6 11.6 0 0 0 1.5 8S4 12.2 8 12.2c1 0 1.9-.25 2.7-.65",
  filter: "M2 3.5h12L9.5 8.7v4.3l-3-1.5V8.7z",
  folder: "M1.8 4h4.4l1.5 1.8h6.5v7H1.8z",
  group: "M2.5 3h5v4h-5zM9.5 4h4M9.5 6h4M2.5 9.5h5v4h-5zM9.5 10.5h4M9.5 12.5h4",
  help: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.300-.9.600-.9 1.3M8 11.4v.1M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z",
  link: "M6.8 9.2 9.2 6.8M7 4.8l1.4-1.4a3 3 0 0 1 4.2 4.2L11.2 9M9 11.2l-1.4 1.4a3 3 0 0 1-4.2-4.2L4.8 7",
  minus: "M3.5 8h9",
  moon: "M13.3 9.6A5.6 5.6 0 0 1 6.4 2.7a5.6 5.6 0 1 0 6.9 6.9z",
  more: "M3.5 8v.01M8 8v.01M12.5 8v.01",
  paper: "M4 1.8h5.5L12.5 5v9.2H4zM9.3 1.8V5.2h3.2M6 8h4.5M6 10.5h4.5",
  pin: "M5.5 2h5M6.3 2l-.3 4.5L4 8.7V9.5h8v-.8L10 6.5 9.7 2M8 9.5V14",
  plus: "M8 3.5v9M3.5 8h9",
  retry: "M12.8 6A5.2 5.2 0 1 0 13.2 8.5M13 2.5V6H9.5",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.4 3.4",
  share: "M8 9.5V2M5 4.8 8 1.8l3 3M3.5 8v6h9V8",
  sliders: "M2 4.5h5M10.5 4.5H14M2 11.5h2.5M8 11.5h6M8.8 2.8v3.4M6.2 9.8v3.4",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1",
  table: "M2 3h12v10H2zM2 6.3h12M2 9.6h12M6 3v10",
  tag: "M2.2 2.2h5.3l6.3 6.3-5.3 5.3-6.3-6.3zM5.2 5.2v.01",
  up: "M8 13V3M4 7l4-4 4 4",
  warning: "M8 2 1.5 13.5h13zM8 6.5v3.5M8 11.8v.01",
};

/**
 * An icon. Without a label it is decoration and hidden from screen readers.
 * @param {{name: string, label?: string}} props
 */
export function Icon({ name, label }) {
  const role = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" ...${role}>
    <path d=${PATHS[name]} />
  </svg>`;
}

/**
 * A button with only an icon; the label is its name and its tooltip.
 * @param {object} props `icon`, `label`, and what a button takes
 */
export function IconButton({ icon, label, class: extra = "", children, ...rest }) {
  return html`<button
    type="button"
    class=${`icon-button ${extra}`}
    aria-label=${label}
    title=${label}
    ...${rest}
  >
    <${Icon} name=${icon} />${children}
  </button>`;
}

const MARKS = {
  running: "M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  finished: "m3.5 8.5 3 3L12.5 5",
  failed: "m4.5 4.5 7 7M11.5 4.5l-7 7",
  interrupted: "M5 5h6v6H5z",
  killed: "m4.5 4.5 7 7M11.5 4.5l-7 7M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z",
  lost: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z",
  unknown: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.300-.9.600-.9 1.3M8 11.6v.1",
};

/**
 * The state of a run as a mark and a word, so that it is never told by color alone.
 * @param {{state: string, short?: boolean}} props short: the word only for screen readers
 */
export function StateMark({ state, short = false }) {
  const kind = Object.hasOwn(MARKS, state) ? state : "unknown";
  const then = isStatic && state === "running" ? "running when exported" : null;
  return html`<span class=${`state state-${kind}`} title=${then ?? (short ? state : null)}>
    <svg class="state-mark" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d=${MARKS[kind]} /></svg
    ><span class=${short ? "sr-only" : "state-word"}>${state}</span>
  </span>`;
}
