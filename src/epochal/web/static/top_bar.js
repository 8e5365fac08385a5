/** The bar on top of every page: where one is, what runs, search, theme and help. */
import { html, useEffect } from "epochal/html.js";
import { isStatic, postJSON } from "epochal/api.js";
import { count, dateTime, printable } from "epochal/format.js";
import { Icon, IconButton } from "epochal/icons.js";
import { Menu, MenuItem } from "epochal/menu.js";
import { copy, notify } from "epochal/notices.js";
import { useAbout, useProjects } from "epochal/session.js";
import { link, useView } from "epochal/store.js";
import { toggleTheme, useTheme } from "epochal/theme.js";

const MAC = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");

/**
 * @param {{live: object, run: object|null, onHelp: () => void, onPalette: () => void}} props
 *   run: the names of the run that is shown
 */
export function TopBar({ live, run, onHelp, onPalette }) {
  const theme = useTheme();
  const about = useAbout();
  return html`<header class="top-bar">
    <a class="brand" href=${link([])}><${Logo} />${about.title
      ? html`<b class="crumb" title=${about.title}>${about.title}</b>`
      : html`<span>Epochal</span>`}</a>
    <${Crumbs} run=${run} site=${about.title || "Epochal"} />
    <span class="spacer"></span>
    ${about.exported_s && html`<${Exported} time=${about.exported_s} />`}
    ${live.running > 0 &&
    html`<span class="running" title=${`${count(live.running, "run")} recording now`}>
      <span class="pulse" aria-hidden="true"></span>${live.running}<span class="running-word"> running</span>
    </span>`}
    ${about.version && !about.write && !isStatic &&
    html`<span class="reading" title="Open the link that epochal serve prints to edit tags, notes and names"
      >reading only</span
    >`}
    <button type="button" class="search-button" onClick=${onPalette}>
      <${Icon} name="search" /><span>Search</span><kbd>${MAC ? "⌘ K" : "Ctrl K"}</kbd>
    </button>
    ${about.control && html`<a class="button quiet small" href=${about.control}>Control panel</a>`}
    ${!isStatic && html`<${Share} write=${about.write} slug=${run?.slug} />`}
    <${IconButton}
      icon=${theme === "dark" ? "sun" : "moon"}
      label=${theme === "dark" ? "Light theme" : "Dark theme"}
      onClick=${toggleTheme}
    />
    <${IconButton} icon="help" label="Help and keys" onClick=${onHelp} />
  </header>`;
}

/** When an exported page was made: what it says of states was so then. */
function Exported({ time }) {
  const running = useProjects()?.projects.reduce((sum, one) => sum + one.running, 0) ?? 0;
  return html`<span class="muted" title="What this page says of states was so when it was exported">
    exported <time datetime=${new Date(time * 1000).toISOString()}>${dateTime(time).slice(0, 16)}</time>${
      running > 0 && `, ${count(running, "run")} still running then`}
  </span>`;
}

function Crumbs({ run, site }) {
  const [{ path, q }] = useView();
  const [kind, subject] = path;
  const projects = useProjects();
  const slug = kind === "r" ? run?.slug : subject;
  const name = run?.project ?? projects?.projects.find((one) => one.slug === slug)?.name ?? slug;
  useTitle(kind === "r" ? run?.name : name, site);
  if (!kind) return null;
  return html`<nav class="crumbs" aria-label="Place">
    ${slug && html`<${Separator} /><a href=${link(["p", slug])} title=${name}>${name}</a>`}
    ${run && html`<${Separator} /><span class="crumb" title=${run.name}>${run.name}</span>`}
    ${slug && kind !== "r" && html`<${Pages} slug=${slug} kind=${kind} runs=${chosenRuns(kind, q)} />`}
  </nav>`;
}

function Share({ write, slug }) {
  const invite = async () => {
    try {
      const { url } = await postJSON("/api/share", { project: slug, hash: location.hash || "#/" });
      await copy(url, "A link for somebody else to read with");
    } catch (error) {
      notify(error.message, "error");
    }
  };
  return html`<${Menu} label="Share" icon="link" class="icon-button">
    ${(close) => html`
      <${MenuItem} onClick=${() => { close(); copy(location.href, "Link"); }}>Copy the link to this view<//>
      ${write &&
      html`<${MenuItem} hint="once, 24 h" onClick=${() => { close(); invite(); }}>Copy a link with a reading token<//>`}
    `}
  <//>`;
}

/** The runs that another page of the project begins with: those that were chosen here. */
function chosenRuns(kind, q) {
  if (kind !== "p") return q.runs ?? null;
  return q.sel && !q.sel.startsWith("*") ? q.sel : null;
}

function Pages({ slug, kind, runs }) {
  const pages = [["p", "Runs"], ["c", "Compare"], ["paper", "Paper"]];
  if (isStatic) pages.pop();
  return html`<span class="page-links">
    ${pages.map(([one, title]) => {
      const address = link([one, slug], one === "p" ? { sel: runs } : { runs });
      return html`<a key=${one} href=${address} aria-current=${one === kind ? "page" : null}>${title}</a>`;
    })}
  </span>`;
}

function Separator() {
  return html`<${Icon} name="chevronRight" />`;
}

function useTitle(name, site) {
  useEffect(() => {
    document.title = [name, site].filter(Boolean).map(printable).join(" · ");
  }, [name, site]);
}

function Logo() {
  return html`<svg class="logo" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <path class="logo-band" d="M2 3.5C6 11 10 13 18 13.6V17.5C9 17.5 4.5 15.5 2 9z" />
    <path class="logo-line" d="M2 6c3 6.5 7 8.8 16 9.5" />
  </svg>`;
}
