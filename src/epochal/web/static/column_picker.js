/** The menu in which columns are chosen. */
import { html, useState } from "epochal/html.js";
import { FIELDS, column, summaryPath, trendPath } from "epochal/columns.js";
import { Menu } from "epochal/menu.js";

const OFFERED = 150;
const OWN = ["state", "duration_s", "created", "steps", "tags", "notes", "group", "seed", "code"];

/**
 * @param {object} props
 * @param {object} props.list answer of /api/runs
 * @param {string[]} props.shown paths of the columns at present
 * @param {boolean} props.usual whether these are those that nobody chose
 * @param {(paths: string[]) => void} props.onChange none: the usual ones
 */
export function ColumnPicker({ list, shown, usual, onChange }) {
  return html`<${Menu} label="Choose the columns" icon="columns" text="Columns">
    <${Picker} list=${list} shown=${shown} usual=${usual} onChange=${onChange} />
  <//>`;
}

function Picker({ list, shown, usual, onChange }) {
  const [search, setSearch] = useState("");
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (text) => words.every((word) => text.toLowerCase().includes(word));
  const chosen = new Set(shown);
  const toggle = (path) => onChange(chosen.has(path) ? shown.filter((one) => one !== path) : [...shown, path]);
  const metrics = list.metrics.map(({ name }) => name).filter(fits);
  const settings = Object.keys(list.config ?? {}).filter(fits);
  const own = OWN.filter((path) => fits(column(path).title));
  const box = (path, title) =>
    html`<${Box} key=${path} title=${title} path=${path} checked=${chosen.has(path)} toggle=${toggle} />`;
  return html`<div class="column-picker">
    <div class="menu-row">
      <input
        class="input"
        aria-label="Search the columns"
        placeholder="Search columns"
        value=${search}
        onInput=${(event) => setSearch(event.currentTarget.value)}
      />
      <button type="button" class="button small quiet" disabled=${usual} onClick=${() => onChange([])}>Reset</button>
    </div>
    <div class="column-list">
      <${Part} title="Run" more=${0}>${own.map((path) => box(path, column(path).title))}<//>
      <${Part} title="Metrics" more=${metrics.length - OFFERED}>
        ${metrics
          .slice(0, OFFERED)
          .map((name) => html`<${Metric} key=${name} name=${name} chosen=${chosen} toggle=${toggle} />`)}
      <//>
      <${Part} title="Config" more=${settings.length - OFFERED}>
        ${settings.slice(0, OFFERED).map((path) => box(path, column(path).title))}
      <//>
      ${!own.length && !metrics.length && !settings.length && html`<p class="muted">No column is called that.</p>`}
    </div>
  </div>`;
}

function Part({ title, more, children }) {
  if (!children.length) return null;
  return html`<fieldset class="column-part">
    <legend>${title}</legend>
    ${children}${more > 0 && html`<p class="muted">and ${more} more: search for them</p>`}
  </fieldset>`;
}

function Box({ title, path, checked, toggle }) {
  return html`<label class="check column-box" title=${path}>
    <input type="checkbox" checked=${checked} onChange=${() => toggle(path)} />
    <span class="column-name">${title}</span>
  </label>`;
}

function Metric({ name, chosen, toggle }) {
  const fields = FIELDS.slice(1).map((field) => [field, summaryPath(name, field)]);
  return html`<div class="column-metric">
    <${Box} title=${name} path=${summaryPath(name)} checked=${chosen.has(summaryPath(name))} toggle=${toggle} />
    <span class="column-fields">
      ${[...fields, ["trend", trendPath(name)]].map(
        ([field, path]) => html`<button
          type="button"
          key=${field}
          class="field-button"
          aria-pressed=${chosen.has(path) ? "true" : "false"}
          aria-label=${`${field} of ${name}`}
          onClick=${() => toggle(path)}
        >
          ${field}
        </button>`,
      )}
    </span>
  </div>`;
}
