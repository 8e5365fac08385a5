/** A code diff, file by file. */
import { html, useMemo, useState } from "epochal/html.js";
import { CopyButton, Nothing } from "epochal/panel.js";
import { parseUnified } from "epochal/unified.js";

const SHOWN = 400;
const OPEN_FILES = 6;

/**
 * A unified diff.
 * @param {{text: string, label: string}} props
 */
export function CodeView({ text, label }) {
  const files = useMemo(() => parseUnified(text), [text]);
  if (!files.length) return html`<${Nothing} title="No difference was recorded" />`;
  return html`<div class="code-view">
    <div class="code-tools">
      <span class="muted">${files.length === 1 ? "1 file" : `${files.length} files`}</span>
      <span class="spacer"></span>
      <${CopyButton} text=${text} label=${`Copy ${label}`} word="Copy diff" />
    </div>
    ${files.map((file, i) => html`<${File} key=${`${i} ${file.name}`} file=${file} open=${i < OPEN_FILES} />`)}
  </div>`;
}

function File({ file, open }) {
  const [limit, setLimit] = useState(SHOWN);
  const name = file.name || "diff";
  return html`<details class="code-file" open=${open}>
    <summary><span class="code-name">${name}</span>
      <span class="code-counts"><span class="added">+${file.added}</span> <span
        class="removed">−${file.removed}</span></span>
    </summary>
    <pre class="code-lines" tabindex="0"
      aria-label=${`Changes in ${name}`}><code>${file.lines.slice(0, limit).map((line) =>
      html`<span class=${`code-line code-${line.kind}`}>${line.text || " "}${"\n"}</span>`)}</code></pre>
    ${file.lines.length > limit && html`<button type="button" class="button small"
      onClick=${() => setLimit(Infinity)}>Show all ${file.lines.length} lines</button>`}
  </details>`;
}
