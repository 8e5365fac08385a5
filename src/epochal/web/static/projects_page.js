/** The first page: all projects of the folder, as cards. */
import { html, useEffect, useRef } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { ago, count, dateTime } from "epochal/format.js";
import { slotColor } from "epochal/color.js";
import { StateMark } from "epochal/icons.js";
import { useLive } from "epochal/live.js";
import { Snippet } from "epochal/runs_empty.js";
import { reloadProjects, useAbout, useProjects } from "epochal/session.js";
import { link } from "epochal/store.js";
import { pathOf } from "epochal/trends.js";

const INDEXING_MS = 700;
const AGAIN_MS = 5000;
const [LATE_MS, LATE_TIMES] = [1200, 2];
const [WIDTH, HEIGHT] = [252, 44];

/** The page at "#/". */
export function ProjectsPage() {
  const found = useProjects();
  const about = useAbout();
  const live = useLive(null);
  const indexing = found?.indexing;
  useEffect(() => {
    reloadProjects();
  }, [live.full]);
  useEffect(() => {
    if (!indexing && !live.running) return undefined;
    const timer = setInterval(reloadProjects, indexing ? INDEXING_MS : AGAIN_MS);
    return () => clearInterval(timer);
  }, [Boolean(indexing), live.running > 0]);
  useLateCurves(found);
  if (!found) return html`<div class="projects"><h1>Projects</h1></div>`;
  const projects = [...found.projects].sort((a, b) => b.running - a.running || b.last_s - a.last_s);
  if (!projects.length && !indexing) return html`<${NoProjects} root=${about.root} />`;
  return html`<div class="projects">
    <header class="projects-head">
      <h1>Projects</h1>
      <span class="muted">${about.root && html`in <code>${about.root}</code>`}</span>
    </header>
    ${indexing && html`<${Indexing} ...${indexing} />`}
    <ul class="cards">
      ${projects.map((project) => html`<li key=${project.slug}><${Card} project=${project} /></li>`)}
    </ul>
  </div>`;
}

/** Curves for which the server had no time come with a later answer. */
function useLateCurves(found) {
  const asked = useRef(0);
  const some = found?.projects.some(({ runs, metric }) => runs && !metric);
  useEffect(() => {
    if (!some || asked.current >= LATE_TIMES) return undefined;
    asked.current += 1;
    const timer = setTimeout(reloadProjects, LATE_MS);
    return () => clearTimeout(timer);
  }, [found]);
}

function Card({ project }) {
  const { slug, name, runs, running, last_s: last, states, metric, spark } = project;
  const told = Object.entries(states ?? {}).filter(([, n]) => n > 0);
  told.sort(([a], [b]) => (a === "finished") - (b === "finished")); // what wants a look comes first
  return html`<a class="card project-card" href=${link(["p", slug])}>
    <span class="project-name" title=${name}>${name}</span>
    <span class="project-facts">
      <span>${count(runs, "run")}</span>
      <span title=${dateTime(last)}>${running && !isStatic ? "recording now" : ago(last)}</span>
    </span>
    <${Spark} values=${spark ?? []} metric=${metric} />
    <span class="project-states">
      ${told.map(([state, n]) => html`<span key=${state}>${n} <${StateMark} state=${state} /></span>`)}
    </span>
  </a>`;
}

function Spark({ values, metric }) {
  const points = values.map(Number).filter(Number.isFinite);
  if (points.length < 2) return html`<span class="spark spark-none">${metric ? "" : "no metric yet"}</span>`;
  const x = points.map((_, i) => i);
  return html`<span class="spark">
    <svg
      viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label=${`${metric} of the newest run that has it`}
    >
      <path d=${pathOf(x, points, WIDTH, HEIGHT)} style=${{ stroke: slotColor(0) }} />
    </svg>
    <span class="spark-metric" title=${metric}>${metric}</span>
  </span>`;
}

function Indexing({ done, total }) {
  return html`<p class="muted" role="status">
    Reading the folder for the first time: ${done.toLocaleString("en-US")} of ${count(total, "run")}
    ${" "}<progress max=${total || 1} value=${done} aria-label="Runs read"></progress>
  </p>`;
}

function NoProjects({ root }) {
  return html`<div class="empty">
    <h1>No runs yet</h1>
    <p>
      There is no run in ${root ? html`<code>${root}</code>` : "this folder"}. These lines record one, and it
      appears here by itself:
    </p>
    <${Snippet} />
    <p class="muted">Are your runs in another folder? Start <code>epochal serve FOLDER</code> there.</p>
  </div>`;
}
