/** How runs differ: config, code, packages and results side by side, and the code beneath. */
import { html, useMemo, useState } from "epochal/html.js";
import { CodeView } from "epochal/code_view.js";
import { runColor } from "epochal/color.js";
import { change, isIdentifier, keyParts, sections, standing, withAbsent } from "epochal/differences.js";
import { count, exact } from "epochal/format.js";
import { useJSON } from "epochal/load.js";
import { asWritten, lineOf } from "epochal/nested.js";
import { Nothing, Panel, Pending, SearchField, Tick } from "epochal/panel.js";
import { NewestRuns } from "epochal/run_picker.js";
import { useSettledKey } from "epochal/settled_key.js";
import { link, useView } from "epochal/store.js";

const SHOWN = 300;

/**
 * The tab.
 * @param {{slug: string, ids: string[], version: number, ordinals: Map<string, number>}} props ids: at
 *   least two runs; the others are compared with the first; ordinals: for their colors
 */
export function Diff({ slug, ids, version, ordinals }) {
  const [view, setView] = useView();
  const [typed, setQuery] = useSettledKey("df");
  const query = typed ?? "";
  const found = useJSON(ids.length > 1 ? `/api/diff?runs=${ids.join(",")}` : null, version, true);
  const rows = useMemo(() => found.data && withAbsent(found.data.rows), [found.data]);
  const all = view.q.od === "0";
  if (ids.length < 2) {
    return html`<${Nothing} title="Choose two runs or more">Add them above, or select runs in the
      table and press <kbd>c</kbd>.
      ${!ids.length && html`<${NewestRuns} slug=${slug} onChange=${(all) => setView({ runs: all.join(",") })} />`}<//>`;
  }
  if (!found.data) return html`<${Pending} of=${found} what="Comparing" />`;
  const parts = sections(rows, { all, query });
  const differing = rows.filter((row) => !row.same).length;
  const put = (id) => setView({ runs: [id, ...ids.filter((each) => each !== id)].join(",") });
  return html`<div class="diff-page">
    <div class="toolbar">
      <${SearchField} label="Search the differences" hint="Search keys and values" value=${query}
        onInput=${setQuery} />
      <${Tick} label="Only what differs" checked=${!all} onChange=${(on) => setView({ od: on ? null : "0" })} />
      <span class="muted" role="status">
        ${count(differing, "row")} of ${rows.length} ${differing === 1 ? "differs" : "differ"}</span>
    </div>
    ${parts.every((part) => !part.rows.length)
      ? html`<${Nothing} title=${query ? `No row has “${query}”` : "These runs do not differ"}>
          ${!query && !all && html`<button type="button" class="button small"
            onClick=${() => setView({ od: "0" })}>Show what is the same</button>`}<//>`
      : html`<${Table} parts=${parts} runs=${found.data.runs} put=${put} all=${all}
        ordinals=${ordinals} />`}
    ${ids.length === 2 && found.data.code && html`<${Panel} title="Code"><${CodeView} text=${found.data.code}
      label="difference of the code" /><//>`}
    <${CodeNote} of=${found.data} />
  </div>`;
}

/** What is not known of the code, or that its recorded changes are the same. */
function CodeNote({ of: { runs, code, unrecorded = [] } }) {
  const names = runs.filter((run) => unrecorded.includes(run.id)).map((run) => run.name);
  if (names.length) {
    return html`<p class="muted diff-code-none">Changes that were not committed are not recorded
      of ${names.join(", ")}: the code may differ there. <code>epochal.init(capture_diff=True)</code> records them.</p>`;
  }
  return runs.length === 2 && !code && html`<p
    class="muted diff-code-none">The recorded changes of the code are the same, or none were recorded.</p>`;
}

function Table({ parts, runs, put, all, ordinals }) {
  return html`<div class="scroll-x diff-scroll" tabindex="0" role="group" aria-label="Differences"><table
    class="data-table diff-table">
    <thead><tr><th scope="col">Key</th>${runs.map((run, i) => html`<th scope="col" key=${run.id}>
      <span class="diff-run"><span class="run-dot" style=${{ background: runColor(run.id, ordinals.get(run.id)) }}
        aria-hidden="true"></span>
        <a href=${link(["r", run.id])}>${run.name}</a></span>
      ${i === 0 ? html`<span class="muted diff-base">the others are compared with it</span>`
        : html`<button type="button" class="link-button diff-base"
          onClick=${() => put(run.id)}>compare with this one</button>`}
    </th>`)}</tr></thead>
    ${parts.map((part) => html`<${Section} key=${part.kind} part=${part} n=${runs.length} all=${all} />`)}
  </table></div>`;
}

function Section({ part, n, all }) {
  const [limit, setLimit] = useState(SHOWN);
  return html`<tbody>
    <tr class="diff-section"><th colspan=${n + 1} scope="colgroup">${part.title}
      <span class="muted">${part.same > 0 && `${part.same} the same${all ? "" : ", not shown"}`}</span></th></tr>
    ${part.rows.slice(0, limit).map((row) => html`<tr key=${row.path.join("\0")} class=${row.same ? "diff-same" : ""}>
      <${Key} path=${row.path} rule=${row.rule} />
      ${row.values.map((value, i) => html`<${Cell} key=${i} value=${value} base=${row.values[0]} first=${i === 0}
        same=${row.same} digits=${part.kind === "summary" ? 6 : 12}
        measured=${part.kind === "summary" || !isIdentifier(row.path.at(-1))} />`)}
    </tr>`)}
    ${part.rows.length > limit && html`<tr><td colspan=${n + 1}><button type="button" class="button small"
      onClick=${() => setLimit(Infinity)}>
      Show all ${part.rows.length} rows</button></td></tr>`}
  </tbody>`;
}

function Key({ path, rule }) {
  const [above, name] = keyParts(path);
  return html`<th scope="row"><span class="muted">${above}</span>${name}${
    rule && html` <span class="muted" title=${`the ${rule} value of each run`}>${rule}</span>`}</th>`;
}

const WORDS = { changed: "differs", added: "only here", removed: "missing here", same: "" };

function Cell({ value, base, first, same, digits, measured }) {
  const how = first || same ? "same" : standing(value, base);
  const text = typeof value === "number" ? asWritten(value, digits) : lineOf(value);
  const by = measured && how === "changed" ? change(value, base) : "";
  return html`<td class=${`diff-cell diff-${how}${typeof value === "number" ? " is-number" : ""}`}
    title=${value === undefined ? "it has none" : exact(value)}>
    <span class="diff-value">${value === undefined ? "–" : text}</span>
    ${by && html`<span class="diff-by">${by}</span>`}
    ${WORDS[how] && html`<span class="sr-only">(${WORDS[how]})</span>`}</td>`;
}
