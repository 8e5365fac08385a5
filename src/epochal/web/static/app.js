/**
 * The frame of every page: the bar on top, the banner when the server is gone, help, and the page
 * that the address names. Pages are loaded when they are first opened.
 */
import { html, render, useEffect, useErrorBoundary, useState } from "epochal/html.js";
import { askNow, useLive } from "epochal/live.js";
import { useKeys } from "epochal/keys.js";
import { lazy } from "epochal/lazy.js";
import { arriveWithToken } from "epochal/login_link.js";
import { Palette } from "epochal/palette.js";
import { useRunNames } from "epochal/session.js";
import { useView } from "epochal/store.js";
import { startTheme, toggleTheme } from "epochal/theme.js";
import { TopBar } from "epochal/top_bar.js";
import { Notice } from "epochal/notices.js";

/** The pages by the first part of the path. */
const ROUTES = {
  "": lazy(() => import("epochal/projects_page.js"), "ProjectsPage"),
  p: lazy(() => import("epochal/runs_page.js"), "RunsPage"),
  r: lazy(() => import("epochal/run_page.js"), "RunPage"),
  c: lazy(() => import("epochal/compare_page.js"), "ComparePage"),
  paper: lazy(() => import("epochal/paper_page.js"), "PaperPage"),
};
const Help = lazy(() => import("epochal/help.js"), "Help");

/** The whole page. */
export function App() {
  const [view] = useView();
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = useState(false);
  const [kind = "", subject = null] = view.path;
  const run = useRunNames(kind === "r" ? subject : null);
  const live = useLive(kind === "r" ? run?.slug : subject);
  useKeys({
    "?": ["This help", () => setHelp(true)],
    d: ["Dark or light", toggleTheme],
    "Ctrl-k": ["Search and commands", () => setPalette(true)],
  });
  const content = ROUTES[kind];
  useEffect(() => document.getElementById("content").scrollTo(0, 0), [view.path.join("/")]);
  return html`
    <a class="skip" href="#content" onClick=${skip}>Skip to the content</a>
    <${TopBar} live=${live} run=${run} onHelp=${() => setHelp(true)} onPalette=${() => setPalette(true)} />
    ${live.gone && html`<${Gone} retryAt=${live.retryAt} />`}
    <main id="content" tabindex="-1">
      ${content
        ? html`<${Page} key=${`${kind}/${subject}`} content=${content} subject=${subject} />`
        : html`<${NoPage} />`}
    </main>
    <${Notice} />
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}
    ${palette && html`<${Palette} onClose=${() => setPalette(false)} />`}
  `;
}

function Page({ content, subject }) {
  const [error] = useErrorBoundary((thrown) => console.error(thrown));
  return error ? html`<${Broken} error=${error} />` : html`<${content} slug=${subject} id=${subject} />`;
}

function Broken({ error }) {
  return html`<div class="empty">
    <h1>This page failed</h1>
    <p>Nothing that was recorded is touched by this: it is an error of the page itself.</p>
    <pre class="code">${String(error?.stack ?? error)}</pre>
    <button type="button" class="button" onClick=${() => location.reload()}>Try again</button>
  </div>`;
}

function NoPage() {
  return html`<div class="empty">
    <h1>There is no such page</h1>
    <p>The address names none. <a href="#/">All projects</a></p>
  </div>`;
}

function Gone({ retryAt }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const s = Math.max(0, Math.ceil((retryAt - now) / 1000));
  return html`<div class="banner" role="status">
    <span>
      The server does not answer. What is shown stays; it may be out of date.
      ${" "}<span class="number">${s ? `Next try in ${s} s.` : "Trying …"}</span>
    </span>
    <button type="button" class="button small" onClick=${askNow}>Try now</button>
  </div>`;
}

function skip(event) {
  event.preventDefault(); // the hash is the view: a plain link would leave the page
  document.getElementById("content").focus();
}

/** Shows the page in the element with the id "app". */
export async function start() {
  startTheme();
  await arriveWithToken();
  render(html`<${App} />`, document.getElementById("app"));
}

start();
