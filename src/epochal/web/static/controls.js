/** What all charts share: smoothing, axes, groups, search. Everything stands in the URL. */

import { classes, html, useId, useLayoutEffect, useState } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { compact, count, duration } from "epochal/format.js";
import { STATISTICS } from "epochal/group.js";
import { Icon } from "epochal/icons.js";
import { halfLifeChoices } from "epochal/smooth.js";
import { listOf, listText } from "epochal/store.js";

const STEP = ["step", "step"];
const AXES = isStatic ? [STEP] : [STEP, ["epoch", "epoch"], ["elapsed", "elapsed time"], ["time", "wall time"]];
const MOST_KEYS = 200;

/**
 * Return the config keys that runs can be grouped by: those that tell them apart, then the others.
 * @param {Array<{config?: object}>} runs
 * @returns {{different: string[], same: string[]}}
 */
export function groupKeys(runs) {
  const values = new Map();
  runs.forEach(({ config = {} }) => {
    for (const [key, value] of Object.entries(config)) {
      if (!values.has(key)) values.set(key, { seen: new Set(), n: 0 });
      values.get(key).seen.add(JSON.stringify(value));
      values.get(key).n += 1;
    }
  });
  const different = [];
  const same = [];
  const repeated = ({ config = {} }, key) => config[key] === undefined
    || JSON.stringify(config[key]) === JSON.stringify(config[`config.${key}`]);
  for (const [key, { seen, n }] of values) {
    if (values.has(`config.${key}`) && runs.every((run) => repeated(run, key))) continue;
    (seen.size > 1 || n < runs.length ? different : same).push(key);
  }
  return { different: different.sort(), same: same.sort() };
}

/**
 * Return what a key is called: without "config.", unless a field of the runs has that name too.
 * @param {string} key
 * @param {string[]} keys all that there are
 * @returns {string} such as "lr"; "config.seed" and "seed of the run"
 */
export function keyLabel(key, keys) {
  if (keys.includes(`config.${key}`)) return `${key} of the run`;
  const short = key.replace(/^config\./, "");
  return keys.includes(short) ? key : short;
}

/**
 * Return a half-life in words.
 * @param {number} value in units of x
 * @param {string} x
 * @returns {string}
 */
export function halfLifeText(value, x) {
  if (!(value > 0)) return "off";
  if (x === "elapsed" || x === "time") return duration(value);
  return `${compact(value)} ${x === "step" || x === "epoch" ? `${x}s` : ""}`.trim();
}

/**
 * The bar above the charts.
 * @param {{view: object, setView: Function, runs: object[], metrics: string[], extent: [number, number]|null,
 *   usualX: string, found: number, onAdd?: () => void}} props extent: of x, for the slider; usualX: that
 *   the address does not name; found: how many metrics the search left; onAdd: makes a chart of several
 */
export function Controls({ view, setView, runs, metrics, extent, usualX, found, onAdd }) {
  const { q } = view;
  const x = q.x || usualX;
  return html`<div class="wall-controls" role="toolbar" aria-label="Charts">
    <label class="wall-search"><${Icon} name="search" />
      <input type="search" aria-label="Search metrics" placeholder=${count(metrics.length, "metric")}
        spellcheck="false" value=${q.m ?? ""}
        onInput=${(event) => setView({ m: event.currentTarget.value || null }, { replace: true })} />
      <span class="sr-only" role="status">${q.m ? count(found, "metric") : ""}</span></label>
    <${HalfLife} value=${Number(q.h) || 0} x=${x} extent=${extent} setView=${setView} />
    <${AxisChoice} x=${x} usual=${usualX} metrics=${isStatic ? [] : metrics} setView=${setView} />
    <button type="button" class="icon-button" aria-label="Reset zoom" title="Reset zoom (r)" disabled=${!q.r}
      onClick=${() => setView({ r: null })}><${ZoomOut} /></button>
    ${isStatic && html`<${OnlyStep} x=${x} setView=${setView} />`}
    <${Toggle} on=${listOf(q.ly).includes("1")} text="log y" title="Logarithmic y (l)"
      onChange=${(on) => setView({ ly: on ? "1" : null })} />
    <${Toggle} on=${q.lx === "1"} text="log x" title="Logarithmic x"
      onChange=${(on) => setView({ lx: on ? "1" : null, r: null })} />
    <${Toggle} on=${q.rb === "1"} text="robust" title="Range of y from the 1 % to the 99 % quantile"
      onChange=${(on) => setView({ rb: on ? "1" : null })} />
    ${onAdd && html`<button type="button" class="button quiet small" title="A chart of several metrics, saved with the project"
      onClick=${onAdd}><${Icon} name="plus" />chart</button>`}
    ${runs.length > 1 && html`<${Grouping} runs=${runs} q=${q} setView=${setView} />`}
  </div>`;
}

function ZoomOut() {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    <path d="M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.4 3.4M5 7h4" /></svg>`;
}

function Toggle({ on, text, title, onChange }) {
  return html`<button type="button" class="button quiet small" title=${title} aria-pressed=${on ? "true" : "false"}
    onClick=${() => onChange(!on)}>${text}</button>`;
}

function HalfLife({ value, x, extent, setView }) {
  const id = useId();
  const choices = halfLifeChoices(extent, value);
  const at = Math.max(0, choices.indexOf(value));
  const text = halfLifeText(value, x);
  return html`<span class="wall-half-life">
    <label for=${id}>half-life</label>
    <input id=${id} class="half-life-slider" type="range" min="0" max=${choices.length - 1} step="1" value=${at}
      aria-valuetext=${text} title="Smoothing (s)"
      onInput=${(event) => setView({ h: choices[Number(event.currentTarget.value)] || null }, { replace: true })} />
    <output for=${id}>${text}</output></span>`;
}

function AxisChoice({ x, usual, metrics, setView }) {
  const known = AXES.some(([value]) => value === x);
  const change = (event) => {
    const value = event.currentTarget.value;
    setView({ x: value === usual ? null : value, r: null, h: null });
  };
  return html`<label class="wall-choice">x
    <select class="select" value=${x} onChange=${change}>
      ${AXES.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
      ${!known && !metrics.includes(x) && html`<option value=${x}>${x}</option>`}
      ${metrics.length > 0 && html`<optgroup label="Metrics">${metrics.map(
        (name) => html`<option key=${name} value=${name}>${name}</option>`)}</optgroup>`}
    </select></label>`;
}

/** An exported page has the points by step: an address that asks for others is told so and goes on with step. */
function OnlyStep({ x, setView }) {
  const [other, setOther] = useState("");
  useLayoutEffect(() => {
    if (x === "step") return;
    setOther(x);
    setView({ x: null, r: null, h: null }, { replace: true });
  }, [x]);
  return html`<span class="muted" role="status">${other && `by step: “${other}” is no x-axis of this page`}</span>`;
}

function Grouping({ runs, q, setView }) {
  const keys = listOf(q.g);
  const { different, same } = groupKeys(runs);
  const value = keys.length === 1 ? keys[0] : q.g ?? "";
  const option = (key) => html`<option key=${key} value=${key}>${keyLabel(key, [...different, ...same])}</option>`;
  const part = (label, list) => list.length > 0
    && html`<optgroup label=${label}>${list.slice(0, MOST_KEYS).map(option)}</optgroup>`;
  const isKnown = !value || different.includes(value) || same.includes(value);
  return html`<label class="wall-choice">group
    <select class="select group-choice" value=${value}
      onChange=${(event) => setView({ g: event.currentTarget.value ? listText([event.currentTarget.value]) : null })}>
      <option value="">none</option>
      ${!isKnown && html`<option value=${value}>${keys.map((key) => key.replace(/^config\./, "")).join(" · ")}</option>`}
      ${part("Different between runs", different)}${part("The same in all", same)}
    </select></label>
    <label class=${classes("wall-choice", !q.g && "reserved")}><span class="sr-only">Band of a group</span>
      <select class="select" value=${q.gs ?? "ci"}
        onChange=${(event) => setView({ gs: event.currentTarget.value === "ci" ? null : event.currentTarget.value })}>
        ${Object.entries(STATISTICS).map(([name, text]) => html`<option key=${name} value=${name}>${text}</option>`)}
      </select></label>`;
}
