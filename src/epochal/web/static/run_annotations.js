/** The annotations of a run: what somebody saw at a step, written down for the others. */
import { html, useRef, useState } from "epochal/html.js";
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
        <${Said} run=${run} annotation=${each} onChange=${onChange} write=${write} />
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

const focus = (element) => element?.focus();

/** What one says; whoever may changes it in place or removes it. */
function Said({ run, annotation, onChange, write }) {
  const [editing, setEditing] = useState(false);
  const pencil = useRef(null);
  const close = () => {
    setEditing(false);
    requestAnimationFrame(() => pencil.current?.querySelector("button")?.focus()); // where one was
  };
  const save = async (text) => {
    if (text !== annotation.text) {
      const answer = await postJSON(`/api/run/${run.id}/annotations`, { edit: annotation.id, text });
      onChange(answer.annotations);
    }
    close();
  };
  if (editing) return html`<${Edit} said=${annotation.text} save=${save} cancel=${close} />`;
  return html`<span class="annotation-text">${annotation.text} </span>
    ${write && html`<span ref=${pencil}><${IconButton} icon="edit" class="small" label=${`Edit “${annotation.text}”`}
        onClick=${() => setEditing(true)} /></span>
      <${Remove} run=${run} annotation=${annotation} onChange=${onChange} />`}`;
}

/** The field in its place: Enter saves, Shift-Enter begins a line, Escape leaves it as it was. */
function Edit({ said, save, cancel }) {
  const [text, setText] = useState(said);
  const [problem, setProblem] = useState("");
  const send = (event) => {
    event.preventDefault();
    if (!text.trim()) setProblem("It says nothing: the cross removes an annotation.");
    else save(text.trim()).catch((error) => setProblem(error.message));
  };
  const keyed = (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") cancel();
    else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      event.currentTarget.form.requestSubmit();
    } else return;
    event.stopPropagation();
  };
  return html`<form class="annotate" onSubmit=${send}>
    <textarea class="input" aria-label="Annotation" rows=${Math.min(8, text.split("\n").length)}
      ref=${focus} value=${text} onInput=${(event) => setText(event.currentTarget.value)}
      onKeyDown=${keyed}></textarea>
    <div class="form-actions"><button type="submit" class="button small primary">Save</button>
      <button type="button" class="button small" onClick=${cancel}>Cancel</button></div>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </form>`;
}

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
