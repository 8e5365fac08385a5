/** What the runs page says where there is nothing to show, and what to do about it. */
import { html } from "epochal/html.js";
import { IconButton } from "epochal/icons.js";
import { copy } from "epochal/notices.js";
import { useProjects } from "epochal/session.js";
import { link, setView } from "epochal/store.js";

const NAMED = 8;

/**
 * Three lines that make the first run, with a button that copies them.
 * @param {{project?: string}} props
 */
export function Snippet({ project = "mnist" }) {
  const text = [
    "import epochal",
    `run = epochal.init(project=${JSON.stringify(project)}, config={"lr": 1e-3})`,
    'for step in range(100): run.log({"train/loss": 1 / (step + 1)}, step=step)',
  ].join("\n");
  return html`<div class="snippet">
    <pre class="code">${text}</pre>
    <${IconButton} icon="copy" label="Copy these lines" onClick=${() => copy(text, "Lines")} />
  </div>`;
}

/** A project without runs. @param {{slug: string}} props */
export function FirstRun({ slug }) {
  return html`<div class="empty">
    <h1>No runs in ${slug} yet</h1>
    <p>Runs appear here by themselves once a training begins.</p>
    <${Snippet} project=${slug} />
  </div>`;
}

/** An address of a project that is not there. @param {{slug: string}} props */
export function ProjectGone({ slug }) {
  const others = useProjects()?.projects ?? [];
  return html`<div class="empty">
    <h1>There is no project ${slug} here</h1>
    <p>It may have been moved, or the server shows another folder.</p>
    ${others.length > 0 && html`<p>There ${others.length > 1 ? "are" : "is"}${" "}
      ${others.slice(0, NAMED).map(({ slug: each, name }, i) => html`${i > 0 && ", "}<a
        key=${each} href=${link(["p", each])}>${name}</a>`)}.</p>`}
    <p><a href="#/">All projects</a></p>
  </div>`;
}

/** A filter that no run passes. @param {{filter: string, error: Error|null}} props */
export function NoRuns({ filter, error }) {
  if (error) return null;
  return html`<div class="runs-none">
    <p>No run passes <code>${filter}</code>.</p>
    <button type="button" class="button small" onClick=${() => setView({ f: null })}>Clear the filter</button>
  </div>`;
}
