/** The annotations of a run: what somebody saw at a step, written down for the others. */
import { html, useState } from "epochal/html.js";
import { postJSON } from "epochal/api.js";
import { ago, dateTime, exact } from "epochal/format.js";
import { IconButton } from "epochal/icons.js";
import { notify } from "epochal/notices.js";
import { useAbout } from "epochal/session.js";

/**
 * The annotations, and a form for another one.
 * @param {{run: object, onChange: (annotations: object[]) => void}} props
 */
export function Annotations({ run, onChange }) {
  const { write } = useAbout();
  const found = run.annotations ?? [];
  return html`${found.length
    ? html`<ol class="plain-list annotations">${found.map((each) => html`<li key=${each.id}>
        <span class="annotation-text">${each.text} </span>
        ${write && html`<${Remove} run=${run} annotation=${each} onChange=${onChange} />`}
        <span class="muted">${where(each)}${each.author ? `${each.author}, ` : ""}<time
          title=${dateTime(each.time_s)}>${ago(each.time_s)}</time></span>
      </li>`)}</ol>`
    : html`<p class="muted">None yet. They are drawn on the charts at their step.</p>`}
    ${write && html`<${Form} run=${run} onChange=${onChange} />`}`;
}

function where({ step, metric }) {
  const at = step === null || step === undefined ? "" : `step ${exact(step)}`;
  const said = [metric, at].filter(Boolean).join(", ");
  return said ? `${said} · ` : "";
}

const focus = (button) => button?.focus();

/** Removes one, when that is confirmed. */
function Remove({ run, annotation, onChange }) {
  const [asked, setAsked] = useState(false);
  const remove = async () => {
    try {
      const answer = await postJSON(`/api/run/${run.id}/annotations`, { remove: annotation.id });
      onChange(answer.annotations);
    } catch (error) {
      notify(error.message, "error");
    }
  };
  if (!asked) {
    return html`<${IconButton} icon="cross" class="small" label=${`Remove “${annotation.text}”`}
      onClick=${() => setAsked(true)} />`;
  }
  return html`<span class="form-actions">
    <button type="button" class="button small" ref=${focus} onClick=${remove}>Remove</button>
    <button type="button" class="button small" onClick=${() => setAsked(false)}>Keep</button></span>`;
}

function Form({ run, onChange }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [step, setStep] = useState("");
  const [problem, setProblem] = useState("");
  const send = async (event) => {
    event.preventDefault();
    try {
      const at = step.trim() === "" ? null : Number(step);
      const answer = await postJSON(`/api/run/${run.id}/annotations`, { text, step: at, metric: null });
      onChange(answer.annotations);
      setText("");
      setStep("");
      setProblem("");
      setOpen(false);
    } catch (error) {
      setProblem(error.message);
    }
  };
  if (!open) {
    return html`<button type="button" class="button small" onClick=${() => setOpen(true)}>Annotate</button>`;
  }
  return html`<form class="annotate" onSubmit=${send}>
    <label class="labeled"><span>What is to be seen</span>
      <input class="input" required autofocus value=${text}
        onInput=${(e) => setText(e.currentTarget.value)} /></label>
    <label class="labeled"><span>At step (optional)</span>
      <input class="input" type="number" step="any" value=${step}
        onInput=${(e) => setStep(e.currentTarget.value)} /></label>
    <div class="form-actions"><button type="submit" class="button small primary">Add</button>
      <button type="button" class="button small" onClick=${() => setOpen(false)}>Cancel</button></div>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </form>`;
}
