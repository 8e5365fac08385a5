/** The cells of the runs table, by what they hold. */
import { classes, html, useEffect, useRef } from "epochal/html.js";
import { SLOTS, slotColor } from "epochal/color.js";
import { badEnd, trendMetric, valuesOf } from "epochal/columns.js";
import { ago, dateTime, duration, exact, num, setting } from "epochal/format.js";
import { Icon, IconButton, StateMark } from "epochal/icons.js";
import { Menu, MenuItem } from "epochal/menu.js";
import { NotesField } from "epochal/notes.js";
import { copy } from "epochal/notices.js";
import { summarized } from "epochal/rows.js";
import { useAbout } from "epochal/session.js";
import { link } from "epochal/store.js";
import { Tags } from "epochal/tags.js";
import { Trend } from "epochal/trends.js";

const LONG_NAME = 20;
const TAIL = 9;

/** The first cell of a run: select, show or hide, its name, and what can be done with it. */
export function NameCell({ id, run, list, color, hidden, drawn, selected, pinned, renaming, act }) {
  const name = list.name[run];
  const shows = hidden ? "Show" : "Hide";
  return html`<th scope="row" class="first">
    <div class="name-cell">
      <input
        type="checkbox"
        aria-label=${`Select ${name}`}
        checked=${selected}
        onClick=${(event) => act.select(id, event.shiftKey)}
      />
      <button
        type="button"
        class=${classes("dot-button", hidden && "dot-off", !hidden && !drawn && "dot-waiting")}
        aria-pressed=${hidden ? "false" : "true"}
        aria-label=${`${shows} ${name} in the charts`}
        title=${!hidden && !drawn ? "Beyond the number of runs in the charts" : `${shows} in the charts (space)`}
        onClick=${() => act.hide(id)}
      >
        <span class="dot" style=${{ "--dot": color }}></span>
      </button>
      ${renaming
        ? html`<${NameField} name=${name} done=${(text) => act.rename(id, text)} />`
        : html`<${RunName} id=${id} name=${name} />`}
      ${pinned &&
      html`<${IconButton} icon="pin" class="small pin-on" label=${`Unpin ${name}`} onClick=${() => act.pin(id)} />`}
      <${Menu} label=${`More for ${name}`} icon="more" class="icon-button small row-more">
        ${(close) => html`<${RunMenu} ...${{ id, name, pinned, act, close }} />`}
      <//>
    </div>
  </th>`;
}

/** A name whose end is seen too: names of sweeps differ there. */
function RunName({ id, name }) {
  const letters = [...name];
  const cut = letters.length > LONG_NAME && letters.length - TAIL;
  return html`<a class="name" href=${link(["r", id])} title=${name} aria-label=${cut ? name : null}>
    ${cut ? html`<span class="name-start">${letters.slice(0, cut).join("")}</span>${letters.slice(cut).join("")}` : name}</a>`;
}

function RunMenu({ id, name, pinned, act, close }) {
  const item = (title, run, hint) =>
    html`<${MenuItem} hint=${hint} onClick=${() => { close(); run(); }}>${title}<//>`;
  return html`
    ${item("Open", () => act.open(id), "Enter")}
    ${item("Show only this run", () => act.only(id))}
    ${item(pinned ? "Unpin" : "Pin on top", () => act.pin(id), "p")}
    ${act.mayWrite() && item("Rename", () => act.rename(id, null))}
    ${item("Copy the id", () => copy(id, "Id"), id.slice(0, 6))}
    <div class="menu-head">Color</div>
    <div class="swatches">
      ${Array.from({ length: SLOTS }, (_, slot) => html`<button
        type="button"
        key=${slot}
        class="swatch"
        style=${{ background: slotColor(slot) }}
        aria-label=${`Color ${slot + 1}`}
        onClick=${() => { close(); act.color(id, slot); }}
      ></button>`)}
    </div>`;
}

function NameField({ name, done }) {
  const field = useRef(null);
  useEffect(() => field.current.select(), []);
  const keyed = (event) => {
    event.stopPropagation();
    if (event.key === "Escape") field.current.value = name;
    if (event.key === "Enter" || event.key === "Escape") field.current.blur();
  };
  return html`<input
    ref=${field}
    class="input name-input"
    aria-label=${`New name of ${name}`}
    defaultValue=${name}
    onKeyDown=${keyed}
    onBlur=${(event) => done(event.currentTarget.value)}
  />`;
}

/** The cell of a run in a column. */
export function Cell({ id, run, list, column, act, trends, color }) {
  const value = valuesOf(list, column.path)[run];
  const Shown = KINDS[column.kind] ?? Value;
  return html`<td class=${`cell-${column.kind}`}>
    <${Shown} ...${{ id, run, list, value, act, column, trends, color }} />
  </td>`;
}

/** The cell of a group in a column. */
export function GroupCell({ list, column, members }) {
  const values = valuesOf(list, column.path);
  if (["state", "tags", "notes", "time", "trend"].includes(column.kind)) return html`<td></td>`;
  const { text, title } = summarized(values, members, column.kind);
  const bad = members.filter((run) => badEnd(list, column, run)).length;
  return html`<td class=${`cell-${column.kind}`}><${Marked} title=${title}
    said=${bad && `in ${bad} of ${members.length} the last value is not finite`}>${text}<//></td>`;
}

const KINDS = {
  state: ({ value }) => html`<${StateMark} state=${value} />`,
  number: Measured,
  setting: Value,
  value: Value,
  text: Value,
  time: ({ value }) => html`<span title=${dateTime(value)}>${ago(value)}</span>`,
  duration: ({ value }) => html`<span title=${value === null ? "" : `${exact(value)} s`}>${duration(value)}</span>`,
  code: ({ value }) => value && html`<code title=${value}>${value.slice(0, 7)}</code>`,
  tags: ({ id, value, act }) =>
    html`<${Tags} compact id=${id} tags=${value ?? []} onChange=${(tags) => act.change(id, { tags })} />`,
  notes: NotesCell,
  trend: ({ id, column, trends, color }) =>
    html`<${Trend} curve=${trends.get(id)} color=${color} metric=${trendMetric(column.path)} />`,
};

/** A metric's number, marked where the metric became NaN or infinite after it. */
function Measured({ value, list, column, run }) {
  const end = badEnd(list, column, run);
  return html`<${Marked} title=${exact(value)} said=${end && `the last value is ${end}`}>${num(value)}<//>`;
}

function Marked({ title, said, children }) {
  if (!said) return html`<span title=${title}>${children}</span>`;
  return html`<span title=${`${title}; ${said}`}>
    <span class="bad-end" role="img" aria-label=${said}>▲</span> ${children}</span>`;
}

function Value({ value }) {
  return html`<span title=${exact(value)}>${setting(value)}</span>`;
}

function NotesCell({ id, value, act }) {
  const { write } = useAbout();
  if (!write) return value ? html`<span title=${value}>${firstLine(value)}</span>` : null;
  const label = value ? "Edit the notes" : "Write notes";
  const text = value ? firstLine(value) : html`<span class="notes-none"><${Icon} name="edit" /></span>`;
  return html`<${Menu} label=${label} text=${text} class="cell-button">
    ${(close) => html`<div class="menu-form">
      <${NotesField}
        notes=${value ?? ""}
        save=${async (text) => { if (await act.note(id, text)) close(); }}
        cancel=${close}
      />
    </div>`}
  <//>`;
}

function firstLine(text) {
  return text.split("\n", 1)[0];
}
