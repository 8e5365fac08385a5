/** One table for a paper: as it is printed, and as text to copy. */
import { html, useState } from "epochal/html.js";
import { query, useJSON, useText } from "epochal/load.js";
import { Choice, CopyButton, Panel, Pending } from "epochal/panel.js";

const FORMS = [["json", "Preview"], ["latex", "LaTeX"], ["markdown", "Markdown"], ["csv", "CSV"]];

/**
 * The card.
 * @param {{table: {name: string, title: string}, question: object}} props
 */
export function TableCard({ table, question }) {
  const [form, setForm] = useState("json");
  const address = (format) => `/api/paper/table${query({ ...question, name: table.name, format })}`;
  const text = useText(form === "json" ? null : address(form));
  const actions = html`<${Choice} label=${`Form of ${table.title}`} value=${form} options=${FORMS}
    onChange=${setForm} />
    ${form !== "json" && html`<a class="button small" href=${address(form)} download>Download</a>`}
    ${form !== "json" && text.data && html`<${CopyButton} text=${text.data} word="Copy"
      label=${`Copy ${table.title}`} />`}`;
  return html`<${Panel} title=${table.title} actions=${actions} class="table-card">
    ${form === "json" ? html`<${Printed} address=${address("json")} />`
      : text.data ? html`<pre class="preview-text" tabindex="0">${text.data}</pre>` : html`<${Pending} of=${text} />`}
  <//>`;
}

function Printed({ address }) {
  const found = useJSON(address, 0, true);
  if (!found.data) return html`<${Pending} of=${found} what="Making the table" />`;
  const { columns, rows, caption, notes = [] } = found.data;
  const side = (i) => (columns[i].align === "r" ? "number" : "");
  return html`<div class="scroll-x" tabindex="0" role="group" aria-label="Table"><table
    class="data-table printed-table">
    <thead><tr>${columns.map((column, i) => html`<th scope="col" key=${i} class=${side(i)}>
      ${column.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${i}>${row.map((cell, j) => {
      const text = typeof cell === "string" ? cell : cell.text;
      return html`<td key=${j} class=${`${side(j)}${cell.bold ? " strong" : ""}`}>${text}</td>`;
    })}</tr>`)}</tbody></table></div>
    ${caption && html`<p>${caption}</p>`}
    ${notes.length > 0 && html`<ul class="guards muted">${notes.map((note) => html`<li key=${note}>
      ${note}</li>`)}</ul>`}`;
}
