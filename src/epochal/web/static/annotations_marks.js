/** Annotations on charts: flags at the x they speak of. */

import { html, useState } from "epochal/html.js";
import { postJSON } from "epochal/api.js";
import { projection } from "epochal/chart_draw.js";

/**
 * Return the annotations that a chart can show, with their x.
 * @param {Array<{step: number|null, time_s: number, text: string, metric?: string|null, author?: string}>}
 *   annotations of the runs that are shown
 * @param {{metrics: string[], xKind: string}} chart
 * @returns {Array<{x: number, text: string, by: string}>}
 */
export function flagsOf(annotations, { metrics, xKind }) {
  return (annotations ?? []).flatMap((note) => {
    if (note.metric && !metrics.includes(note.metric)) return [];
    const x = xKind === "step" ? note.step : xKind === "time" ? note.time_s : null;
    if (x === null || x === undefined || !Number.isFinite(Number(x))) return [];
    return [{ x: Number(x), text: note.text, by: note.author ?? "" }];
  });
}

/**
 * The flags over a picture.
 * @param {{flags: Array<{x: number, text: string, by: string}>, frame: object|null, log: boolean}} props
 *   frame: where the picture is, as `Plot` tells
 */
export function Flags({ flags, frame, log }) {
  if (!frame || !flags.length) return null;
  const at = projection(frame.x, [0, frame.width], log);
  const inside = flags.filter(({ x }) => x >= frame.x[0] && x <= frame.x[1] && (!log || x > 0));
  return html`<div class="chart-flags">
    ${inside.map(({ x, text, by }, i) => html`<div key=${i}
      class=${at(x) > frame.width * 0.6 ? "chart-flag to-left" : "chart-flag"}
      style=${{ left: `${frame.left + at(x)}px`, top: `${frame.top}px`, height: `${frame.height}px` }}>
      <button type="button" class="chart-flag-head" aria-label=${`Annotation: ${text}`}>⚑</button>
      <span class="chart-flag-text" role="tooltip">${text}${by && html`<span class="muted"> ${by}</span>`}</span>
    </div>`)}
  </div>`;
}

/**
 * A line to write an annotation at an x of a run.
 * @param {{run: string, step: number, metric: string|null, onAdded: (annotations: object[]) => void}} props
 */
export function Annotate({ run, step, metric, onAdded }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const send = async (event) => {
    event.preventDefault();
    try {
      const answer = await postJSON(`/api/run/${run}/annotations`, { text, step, metric });
      onAdded(answer.annotations);
      setText("");
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<form class="tip-form" onSubmit=${send} onKeyDown=${(event) => event.stopPropagation()}>
    <input class="chart-field" required aria-label="Annotation" placeholder="What is to be seen here"
      value=${text} onInput=${(event) => setText(event.currentTarget.value)} />
    <button type="submit" class="button small">Flag</button>
    ${problem && html`<span class="error-text" role="alert">${problem}</span>`}
  </form>`;
}
