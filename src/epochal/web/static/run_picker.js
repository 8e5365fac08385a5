/** Choosing runs: those that are chosen as chips, and a menu of the others. */
import { html, useMemo, useState } from "epochal/html.js";
import { runColor } from "epochal/color.js";
import { IconButton } from "epochal/icons.js";
import { useJSON, query } from "epochal/load.js";
import { link } from "epochal/store.js";

const OFFERED = 500;
const CHIPS = 12;

/**
 * Returns the runs of a project by name, the newest first, as far as they are known.
 * @param {string | null} slug null: of none @param {any} version grows when there may be more
 * @returns {{id: string, name: string, state: string, ordinal: number}[] | null}
 */
export function useRuns(slug, version = 0) {
  const found = useJSON(slug === null ? null : `/api/runs${query({ project: slug })}`, version);
  return useMemo(() => found.data && found.data.id.map((id, i) => ({
    id, name: found.data.name[i], state: found.data.state[i], ordinal: found.data.ordinal?.[i],
  })), [found.data]);
}

/**
 * Chips of runs with a menu to add one.
 * @param {{slug: string, chosen: string[], fixed?: string, most?: number, label?: string,
 *   onChange: (ids: string[]) => void, version?: any}} props fixed: one that cannot be taken away
 */
export function RunPicker({ slug, chosen, fixed, most = 50, label = "Add a run", onChange, version }) {
  const runs = useRuns(slug, version);
  const names = new Map((runs ?? []).map((run) => [run.id, run.name]));
  const ordinals = new Map((runs ?? []).map((run) => [run.id, run.ordinal]));
  const others = (runs ?? []).filter((run) => !chosen.includes(run.id)).slice(0, OFFERED);
  const [all, setAll] = useState(false);
  const left = all ? 0 : Math.max(0, chosen.length - CHIPS);
  const add = (event) => {
    if (event.currentTarget.value) onChange([...chosen, event.currentTarget.value]);
    event.currentTarget.value = "";
  };
  return html`<div class="run-picker" role="group" aria-label="Chosen runs">
    ${chosen.slice(0, chosen.length - left).map((id) => html`<span class="run-chip" key=${id}>
      <span class="run-dot" style=${{ background: runColor(id, ordinals.get(id)) }} aria-hidden="true"></span>
      <a href=${link(["r", id])}>${names.get(id) ?? id}</a>
      ${id !== fixed && html`<${IconButton} icon="cross" class="small" label=${`Take away ${names.get(id) ?? id}`}
        onClick=${() => onChange(chosen.filter((each) => each !== id))} />`}
    </span>`)}
    ${left > 0 && html`<button type="button" class="link-button" onClick=${() => setAll(true)}>and ${left} more</button>`}
    ${chosen.length < most && others.length > 0 && html`<select class="select add-run" aria-label=${label}
      onChange=${add}>
      <option value="">+ ${label}</option>
      ${others.map((run) => html`<option key=${run.id} value=${run.id}>${run.name}</option>`)}
    </select>`}
  </div>`;
}

const NEWEST = 5;

/**
 * A button that chooses the newest runs, where none has been chosen yet.
 * @param {{slug: string, onChange: (ids: string[]) => void}} props
 */
export function NewestRuns({ slug, onChange }) {
  const newest = (useRuns(slug) ?? []).slice(0, NEWEST);
  if (newest.length < 2) return null;
  return html`<p><button type="button" class="button small"
    onClick=${() => onChange(newest.map(({ id }) => id))}>Take the newest ${newest.length}</button></p>`;
}
