/** Pieces that the pages of runs, comparisons and papers share: panels, notices, copying. */
import { classes, html, useEffect, useState } from "epochal/html.js";
import { Icon } from "epochal/icons.js";

/**
 * A titled part of a page.
 * @param {{title: any, id?: string, actions?: any, class?: string, children: any}} props
 */
export function Panel({ title, id, actions, class: extra = "", children }) {
  return html`<section class=${classes("panel", extra)} id=${id} aria-label=${title}>
    <header class="panel-head">
      <h2>${title}</h2>
      ${actions && html`<div class="panel-actions">${actions}</div>`}
    </header>
    <div class="panel-body">${children}</div>
  </section>`;
}

/**
 * Something to be noticed; never by color alone.
 * @param {{kind?: "info" | "warn" | "error", title?: any, children?: any}} props
 */
export function Callout({ kind = "info", title, children }) {
  const icon = { info: "help", warn: "warning", error: "cross" }[kind];
  return html`<div class=${`callout callout-${kind}`} role=${kind === "error" ? "alert" : null}>
    <${Icon} name=${icon} label=${kind === "info" ? "Note" : kind === "warn" ? "Warning" : "Error"} />
    <div class="callout-text">
      ${title && html`<strong>${title}</strong>`}
      ${children && html`<div>${children}</div>`}
    </div>
  </div>`;
}

/**
 * What is shown where nothing is: what is missing, and what can be done.
 * @param {{title: any, children?: any}} props
 */
export function Nothing({ title, children }) {
  return html`<div class="nothing">
    <p class="nothing-title">${title}</p>
    ${children && html`<div class="nothing-more">${children}</div>`}
  </div>`;
}

/**
 * What stands where something is loaded: nothing at all for the first moment.
 * @param {{what?: string}} props
 */
export function Loading({ what = "Loading" }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return html`<p class="loading" role="status">${late ? `${what} …` : ""}</p>`;
}

/**
 * What a request answered: its error, or that it loads; else nothing.
 * @param {{of: {data: any, error: Error | null}, what?: string}} props
 */
export function Pending({ of, what }) {
  if (of.error) return html`<${Callout} kind="error" title="This cannot be shown">${of.error.message}<//>`;
  return of.data ? null : html`<${Loading} what=${what} />`;
}

/**
 * A button that copies a text and says so.
 * @param {{text: string | (() => string), label?: string, word?: string}} props label: its name;
 *   word: shown beside the icon
 */
export function CopyButton({ text, label = "Copy", word = "" }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(""), 1500);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    const done = await copyToClipboard(typeof text === "function" ? text() : text);
    setSaid(done ? "Copied" : "Not allowed");
  };
  return html`<button type="button" class=${word ? "button small" : "icon-button"} onClick=${copy}
    aria-label=${word ? null : label} title=${label}>
    <${Icon} name=${said === "Copied" ? "check" : "copy"} />${word && (said || word)}
    <span class="sr-only" role="status">${said}</span>
  </button>`;
}

async function copyToClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // a page that is not secure has no clipboard
  }
}

function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr-only";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/**
 * A choice among a few words, as buttons side by side.
 * @param {{label: string, value: string, options: [string, string][],
 *   onChange: (value: string) => void}} props options: value and word of each
 */
export function Choice({ label, value, options, onChange }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${options.map(([each, word]) => html`<button type="button" key=${each}
      aria-pressed=${each === value ? "true" : "false"} onClick=${() => onChange(each)}>${word}</button>`)}
  </div>`;
}

/**
 * A labeled choice from a list.
 * @param {{label: string, value: string, options: ([string, string] | string)[],
 *   onChange: (value: string) => void, empty?: string, hidden?: boolean}} props empty: the word for
 *   no choice; hidden: the label is only for screen readers
 */
export function Select({ label, value, options, onChange, empty, hidden = false }) {
  const pairs = options.map((each) => (Array.isArray(each) ? each : [each, each]));
  const known = pairs.some(([each]) => each === value) || (empty !== undefined && !value);
  return html`<label class="labeled"><span class=${hidden ? "sr-only" : ""}>${label}</span>
    <select class="select" value=${value ?? ""} onChange=${(event) => onChange(event.currentTarget.value)}>
      ${empty !== undefined && html`<option value="">${empty}</option>`}
      ${!known && html`<option value=${value}>${value}</option>`}
      ${pairs.map(([each, word]) => html`<option key=${each} value=${each}>${word}</option>`)}
    </select></label>`;
}

/**
 * A labeled box to tick.
 * @param {{label: any, checked: boolean, onChange: (checked: boolean) => void}} props
 */
export function Tick({ label, checked, onChange }) {
  return html`<label class="check"><input type="checkbox" checked=${checked}
    onChange=${(event) => onChange(event.currentTarget.checked)} /><span>${label}</span></label>`;
}

/**
 * A field to search in what is shown.
 * @param {{label: string, value: string, onInput: (text: string) => void, hint?: string}} props
 */
export function SearchField({ label, value, onInput, hint }) {
  return html`<label class="search-field"><${Icon} name="search" />
    <input class="input" type="search" aria-label=${label} placeholder=${hint ?? label} value=${value}
      spellcheck="false" onInput=${(event) => onInput(event.currentTarget.value)} /></label>`;
}
