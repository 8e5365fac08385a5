/** A nested value, such as a config, as a tree that can be searched, folded and copied. */
import { html, useMemo, useState } from "epochal/html.js";
import { Icon } from "epochal/icons.js";
import { copyText, foldable, treeRows, valueAt } from "epochal/nested.js";
import { CopyButton, Nothing, SearchField } from "epochal/panel.js";

const SHOWN = 500;

/**
 * The tree of a value.
 * @param {{value: object, label: string, closedFrom?: number}} props label: what it is, for people
 *   and screen readers; closedFrom: rows of this depth and below are folded at first
 */
export function Tree({ value, label, closedFrom = Infinity }) {
  const [closed, setClosed] = useState(() =>
    Number.isFinite(closedFrom) ? foldable(value, closedFrom) : new Set());
  const [query, setQuery] = useState("");
  const [limit, setLimit] = useState(SHOWN);
  const rows = useMemo(() => treeRows(value, { closed, query }), [value, closed, query]);
  const folds = useMemo(() => foldable(value), [value]);
  const toggle = (id) => setClosed((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const hits = rows.filter((row) => row.hit).length;
  return html`<div class="tree">
    <div class="tree-tools">
      <${SearchField} label=${`Search ${label}`} hint="Search" value=${query} onInput=${setQuery} />
      <span class="muted" role="status">${query && `${hits} found`}</span>
      <span class="spacer"></span>
      ${folds.size > 0 && html`<button type="button" class="button small" disabled=${Boolean(query)}
        onClick=${() => setClosed(closed.size ? new Set() : folds)}>
          ${closed.size ? "Unfold all" : "Fold all"}</button>`}
      <${CopyButton} text=${() => copyText(value)} label=${`Copy ${label} as JSON`} word="Copy JSON" />
    </div>
    ${rows.length === 0
      ? html`<${Nothing} title=${query ? `Nothing in it has “${query}”` : "Nothing was recorded"} />`
      : html`<ul class="tree-rows" aria-label=${label}>${rows.slice(0, limit).map((row) =>
          html`<${Row} key=${row.id} row=${row} value=${value} toggle=${toggle} fixed=${Boolean(query)} />`)}</ul>`}
    ${rows.length > limit && html`<button type="button" class="button small"
      onClick=${() => setLimit(Infinity)}>Show all ${rows.length} rows</button>`}
  </div>`;
}

function Row({ row, value, toggle, fixed }) {
  const indent = { paddingLeft: `${row.depth * 16}px` };
  const name = html`<span class="tree-key">${row.key === "" ? "“”" : row.key}</span>`;
  return html`<li class=${row.hit ? "tree-row tree-hit" : "tree-row"}>
    <div class="tree-line" style=${indent}>
      ${row.parent
        ? html`<button type="button" class="tree-fold" aria-expanded=${row.open ? "true" : "false"}
            disabled=${fixed} onClick=${() => toggle(row.id)}>
            <${Icon} name=${row.open ? "chevronDown" : "chevronRight"} />${name}
            <span class="tree-count">${row.type === "list" ? `[${row.count}]` : `{${row.count}}`}</span>
          </button>`
        : html`<span class="tree-leaf">${name}<span class=${`tree-value value-${row.type}`}>
          ${row.text}</span></span>`}
      <span class="tree-copy"><${CopyButton} text=${() => copyText(valueAt(value, row.path))}
        label=${`Copy the value of ${row.path.join(".")}`} /></span>
    </div>
  </li>`;
}
