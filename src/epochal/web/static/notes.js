/** Notes on a run, edited in place where this browser may. */
import { html, useEffect, useRef, useState } from "epochal/html.js";
import { postJSON } from "epochal/api.js";
import { Markdown } from "epochal/markdown.js";
import { notify } from "epochal/notices.js";
import { useAbout } from "epochal/session.js";

/**
 * Changes a text of a run.
 * @param {string} id
 * @param {"notes"|"name"} what
 * @param {string} text
 * @returns {Promise<string|null>} the text now; null if it was refused, which has been told
 */
export async function changeText(id, what, text) {
  const body = what === "notes" ? { text } : { name: text };
  try {
    return (await postJSON(`/api/run/${encodeURIComponent(id)}/${what}`, body))[what];
  } catch (error) {
    notify(error.message, "error");
    return null;
  }
}

/**
 * @param {{id: string, notes: string, onChange?: (notes: string) => void}} props
 */
export function Notes({ id, notes = "", onChange }) {
  const { write } = useAbout();
  const [editing, setEditing] = useState(false);
  if (editing) {
    const save = async (text) => {
      const now = text === notes ? notes : await changeText(id, "notes", text);
      if (now === null) return;
      setEditing(false);
      if (now !== notes) onChange?.(now);
    };
    return html`<${NotesField} notes=${notes} save=${save} cancel=${() => setEditing(false)} />`;
  }
  return html`<div class="notes">
    ${notes ? html`<div class="notes-text"><${Markdown} text=${notes} /></div>` : html`<span class="muted">No notes</span>`}
    ${write &&
    html`<button type="button" class="button small quiet" onClick=${() => setEditing(true)}>
      ${notes ? "Edit the notes" : "Write notes"}
    </button>`}
  </div>`;
}

/**
 * A field for notes with its buttons; Ctrl-Enter saves, Escape does not.
 * @param {{notes: string, save: (text: string) => void, cancel: () => void}} props
 */
export function NotesField({ notes, save, cancel }) {
  const [text, setText] = useState(notes);
  const field = useRef(null);
  useEffect(() => {
    field.current.focus();
    field.current.setSelectionRange(notes.length, notes.length);
  }, []);
  const keyed = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") cancel();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save(text);
  };
  return html`<div class="notes-form">
    <textarea
      ref=${field}
      class="input"
      rows="5"
      aria-label="Notes"
      value=${text}
      onInput=${(event) => setText(event.currentTarget.value)}
      onKeyDown=${keyed}
    ></textarea>
    <div class="menu-row">
      <button type="button" class="button small primary" onClick=${() => save(text)}>Save</button>
      <button type="button" class="button small quiet" onClick=${cancel}>Cancel</button>
    </div>
  </div>`;
}
