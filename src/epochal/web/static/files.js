/** The files of a run: checkpoints, artifacts, and what lies in its folder. */
import { html, useMemo, useState } from "epochal/html.js";
import { fileUrl } from "epochal/api.js";
import { ago, bytes, count, dateTime, duration, exact, num } from "epochal/format.js";
import { Icon } from "epochal/icons.js";
import { useJSON } from "epochal/load.js";
import { CodeView } from "epochal/code_view.js";
import { fileRows } from "epochal/file_rows.js";
import { Callout, CopyButton, Nothing, Panel, Pending, SearchField } from "epochal/panel.js";
import { useView } from "epochal/store.js";

const SHOWN = 400;

/**
 * The tab.
 * @param {{run: object, version: number}} props
 */
export function FilesTab({ run, version }) {
  const found = useJSON(`/api/run/${run.id}/files`, version);
  const [view, setView] = useView();
  if (!found.data) return html`<${Pending} of=${found} what="Reading the folder" />`;
  const { files, artifacts, checkpoints, truncated } = found.data;
  const opened = files.find((file) => file.path === view.q.file);
  return html`<div class="files-page">
    ${checkpoints.length > 0 && html`<${Panel} title="Checkpoints"><${Checkpoints} id=${run.id}
      of=${checkpoints} /><//>`}
    ${artifacts.filter((each) => each.type !== "checkpoint").length > 0 && html`<${Panel} title="Artifacts">
      <${Artifacts} id=${run.id} of=${artifacts.filter((each) => each.type !== "checkpoint")} /><//>`}
    <${Panel} title="Folder" actions=${html`<code class="muted">${run.folder}</code><${CopyButton} text=${run.folder}
      label="Copy the folder's path" />`}>
      ${truncated && html`<${Callout} kind="warn" title="Not all files are listed">There are too many.<//>`}
      <div class=${opened ? "files-split" : ""}>
        <${Folder} id=${run.id} files=${files} opened=${opened?.path} open=${(file) => setView({ file })} />
        ${opened && html`<${Preview} key=${opened.path} id=${run.id} file=${opened}
          close=${() => setView({ file: null })} />`}
      </div>
    <//>
  </div>`;
}

function Checkpoints({ id, of }) {
  const has = (valueOf) => of.some((each) => (valueOf(each) ?? null) !== null);
  const places = [["Step", "step"], ["Epoch", "epoch"]].filter(([, key]) => has((each) => each[key]));
  const names = [...new Set(of.flatMap((each) => Object.keys(each.metrics ?? {})))];
  const measured = [
    ["Loss", (each) => each.loss, null],
    ...names.slice(0, 6).map((name) => [name, (each) => each.metrics?.[name], name]),
  ].filter(([, valueOf]) => has(valueOf));
  return html`<div class="scroll-x" tabindex="0" role="group" aria-label="Checkpoints"><table class="data-table">
    <thead><tr>
      <th scope="col">Checkpoint</th>${[...places, ...measured].map(([title]) => html`<th scope="col" class="number"
        key=${title}>${title}</th>`)}
      <th scope="col" class="number">Size</th><th scope="col">SHA-256</th><th scope="col">Saved after</th><th
        scope="col"><span class="sr-only">Download</span></th></tr></thead>
    <tbody>${of.map((each) => html`<tr key=${each.path + each.elapsed_s}>
      <th scope="row">${each.name} ${each.best && html`<span
        class="badge badge-good">best</span>`} ${each.final && html`<span class="badge">final</span>`}</th>
      ${places.map(([title, key]) => html`<td class="number" key=${title}>${exact(each[key])}</td>`)}
      ${measured.map(([title, valueOf, name]) => html`<td class="number" key=${title} title=${exact(valueOf(each))}>
        ${num(valueOf(each))}
        ${name && name === each.monitor && html`<span class="goal" title="the best one is chosen by this">
          ${each.goal === "maximize" ? "↑" : "↓"}</span>`}</td>`)}
      <td class="number">${bytes(each.bytes)}</td><${Hash} of=${each.sha256} />
      <td>${duration(each.elapsed_s)}</td><td><${Save} id=${id} path=${each.inside ?? each.path}
        name=${each.name} /></td>
    </tr>`)}</tbody></table></div>`;
}

function Hash({ of }) {
  if (!of) return html`<td class="muted">–</td>`;
  return html`<td><code title=${of}>${of.slice(0, 10)}</code> <${CopyButton} text=${of}
    label="Copy the hash" /></td>`;
}

function Save({ id, path, name }) {
  if (!path || path.startsWith("/")) return html`<span class="muted"
    title="It is not in the run's folder">elsewhere</span>`;
  return html`<a class="icon-button" href=${fileUrl(id, path)} download aria-label=${`Download ${name}`}
    title="Download"><${Icon} name="download" /></a>`;
}

function Artifacts({ id, of }) {
  return html`<div class="scroll-x" tabindex="0" role="group" aria-label="Artifacts"><table class="data-table"><thead>
    <tr><th scope="col">Name</th>
      <th scope="col">Type</th><th scope="col" class="number">Size</th><th scope="col">SHA-256</th><th
        scope="col">Path</th>
      <th scope="col"><span class="sr-only">Download</span></th></tr></thead>
    <tbody>${of.map((each, i) => html`<tr key=${i}><th scope="row">${each.name} ${each.removed && html`<span
      class="badge">removed</span>`}</th>
      <td>${each.type}</td><td class="number">
        ${bytes(each.bytes)}${each.count ? `, ${count(each.count, "file")}` : ""}</td>
      <${Hash} of=${each.sha256} /><td><code class="path">${each.path}</code> <${CopyButton} text=${each.path}
        label="Copy the path" /></td>
      <td>${each.inside && !each.removed ? html`<${Save} id=${id} path=${each.inside}
        name=${each.name} />` : ""}</td></tr>`)}</tbody></table></div>`;
}

function Folder({ id, files, opened, open }) {
  const [closed, setClosed] = useState(() => new Set(["media", "journal", "sealed", "follow"]));
  const [query, setQuery] = useState("");
  const [limit, setLimit] = useState(SHOWN);
  const rows = useMemo(() => fileRows(files, { closed, query }), [files, closed, query]);
  const toggle = (path) => setClosed((old) => {
    const next = new Set(old);
    if (!next.delete(path)) next.add(path);
    return next;
  });
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  return html`<div class="folder">
    <div class="tree-tools"><${SearchField} label="Search files" value=${query} onInput=${setQuery} />
      <span class="muted">${count(files.length, "file")}, ${bytes(total)}</span></div>
    ${!rows.length && html`<${Nothing} title="No file has this in its path" />`}
    <table class="data-table files-table"><thead><tr><th scope="col">Name</th><th scope="col" class="number">Size</th>
      <th scope="col">Changed</th><th scope="col"><span class="sr-only">Download</span></th></tr></thead>
      <tbody>${rows.slice(0, limit).map((row) => html`<${FileRow} key=${row.path} row=${row} id=${id}
        opened=${opened === row.path}
        toggle=${toggle} open=${open} />`)}</tbody></table>
    ${rows.length > limit && html`<button type="button" class="button small"
      onClick=${() => setLimit(Infinity)}>Show all ${rows.length}</button>`}
  </div>`;
}

function FileRow({ row, id, opened, toggle, open }) {
  const indent = { paddingLeft: `${8 + row.depth * 16}px` };
  if (row.folder) {
    return html`<tr><th scope="row" style=${indent}><button type="button" class="tree-fold"
      aria-expanded=${row.open ? "true" : "false"}
        onClick=${() => toggle(row.path)}><${Icon} name=${row.open ? "chevronDown" : "chevronRight"} /><${Icon}
          name="folder" />${row.name}
        <span class="tree-count">${row.count}</span></button></th>
      <td class="number muted">${bytes(row.bytes)}</td><td></td><td></td></tr>`;
  }
  return html`<tr class=${opened ? "selected" : ""}><th scope="row" style=${indent}>
      ${row.file.text ? html`<button type="button" class="file-open" onClick=${() => open(row.path)}>
        ${row.name}</button>`
        : html`<span class="file-name">${row.name}</span>`}</th>
    <td class="number">${bytes(row.bytes)}</td><td class="muted" title=${dateTime(row.file.modified_s)}>
      ${ago(row.file.modified_s)}</td>
    <td><${Save} id=${id} path=${row.path} name=${row.name} /></td></tr>`;
}

function Preview({ id, file, close }) {
  const found = useJSON(`${fileUrl(id, file.path)}?preview=1`);
  const isDiff = /\.(diff|patch)$/.test(file.path);
  return html`<section class="preview" aria-label=${`Preview of ${file.path}`}>
    <div class="code-tools"><code class="path">${file.path}</code><span class="spacer"></span>
      ${found.data && html`<${CopyButton} text=${found.data.text} label="Copy the text" />`}
      <${Save} id=${id} path=${file.path} name=${file.path} />
      <button type="button" class="button small" onClick=${close}>Close</button></div>
    <${Pending} of=${found} />
    ${found.data && (isDiff ? html`<${CodeView} text=${found.data.text} label=${file.path} />`
      : html`<pre class="preview-text" tabindex="0">${found.data.text || "(empty)"}</pre>`)}
    ${found.data?.truncated && html`<p class="muted">This is the beginning; download it to see the rest.</p>`}
  </section>`;
}
