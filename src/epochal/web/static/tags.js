/** Tags of a run as chips, edited in place where this browser may. */
import { html, useRef, useState } from "epochal/html.js";
import { postJSON } from "epochal/api.js";
import { Icon, IconButton } from "epochal/icons.js";
import { notify } from "epochal/notices.js";
import { useAbout } from "epochal/session.js";

/**
 * The tags that a text names, separated by commas.
 * @param {string} text
 * @returns {string[]}
 */
export function tagsOf(text) {
  return [...new Set(text.split(",").map((tag) => tag.trim()).filter(Boolean))];
}

/**
 * Adds and removes tags of a run.
 * @param {string} id
 * @param {{add?: string[], remove?: string[]}} change
 * @returns {Promise<string[]|null>} its tags now; null if it was refused, which has been told
 */
export async function changeTags(id, { add = [], remove = [] }) {
  try {
    return (await postJSON(`/api/run/${encodeURIComponent(id)}/tags`, { add, remove })).tags;
  } catch (error) {
    notify(error.message, "error");
    return null;
  }
}

/**
 * @param {{id: string, tags: string[], onChange?: (tags: string[]) => void, compact?: boolean}} props
 *   compact: one line, as in a table
 */
export function Tags({ id, tags = [], onChange, compact = false }) {
  const { write } = useAbout();
  const [adding, setAdding] = useState(false);
  const change = async (what) => {
    const now = await changeTags(id, what);
    if (now) onChange?.(now);
  };
  const add = (text) => {
    setAdding(false);
    const names = tagsOf(text);
    if (names.length) change({ add: names });
  };
  return html`<span class=${compact ? "tags tags-compact" : "tags"}>
    ${!(adding && compact) && tags.map(
      (tag) => html`<span class="chip tag" key=${tag} title=${tag}>
        <span class="tag-name">${tag}</span>
        ${write &&
        html`<button
          type="button"
          class="chip-button"
          aria-label=${`Remove the tag ${tag}`}
          onClick=${() => change({ remove: [tag] })}
        >
          <${Icon} name="cross" />
        </button>`}
      </span>`,
    )}
    ${write &&
    (adding
      ? html`<${TagField} done=${add} cancel=${() => setAdding(false)} />`
      : html`<${IconButton}
          icon="plus"
          class="small add-tag"
          label="Add a tag"
          onClick=${() => setAdding(true)}
        />`)}
    ${!write && !tags.length && !compact && html`<span class="muted">No tags</span>`}
  </span>`;
}

/**
 * A field for tags; Enter is done, Escape is not.
 * @param {{done: (text: string) => void, cancel: () => void, label?: string}} props
 */
export function TagField({ done, cancel, label = "New tags, separated by commas" }) {
  const [text, setText] = useState("");
  const given = useRef(false); // the field loses the focus when it goes
  const end = (kept) => {
    if (given.current) return;
    given.current = true;
    if (kept && text.trim()) done(text);
    else cancel();
  };
  const keyed = (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
  };
  return html`<input
    class="input tag-input"
    ref=${focus}
    aria-label=${label}
    placeholder="tag, tag"
    value=${text}
    onInput=${(event) => setText(event.currentTarget.value)}
    onKeyDown=${keyed}
    onBlur=${() => end(true)}
  />`;
}

function focus(element) {
  if (element && document.activeElement !== element) element.focus();
}
