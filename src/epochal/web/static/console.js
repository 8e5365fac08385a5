/** The console of a run: any number of lines, of which those in sight are drawn. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "epochal/html.js";
import { clockOf, linesInSight, marked, pieces, scrollFor, secondsOf } from "epochal/console_text.js";
import { useLines } from "epochal/console_pages.js";
import { count, dateTime } from "epochal/format.js";
import { useSettled, useSize } from "epochal/load.js";
import { Choice, Nothing, Pending, SearchField, Tick } from "epochal/panel.js";
import { useSettledKey } from "epochal/settled_key.js";
import { useView } from "epochal/store.js";

const ROW = 18;
const STREAMS = [["", "All"], ["stdout", "stdout"], ["stderr", "stderr"], ["log", "Log"]];

/**
 * The tab.
 * @param {{run: object, running: boolean, version: number}} props version: grows when there is more
 */
export function ConsoleTab({ run, running, version }) {
  const [view, setView] = useView();
  const [typed, setSearch] = useSettledKey("cf");
  const search = typed ?? "";
  const stream = STREAMS.some(([each]) => each === view.q.cs) ? view.q.cs : "";
  const [follow, setFollow] = useState(running);
  const clock = view.q.cc === "1";
  const grep = useSettled(search, 250);
  const lines = useLines(run.id, { grep, stream }, version);
  const [target, setTarget] = useState(null);
  const jump = async (elapsed_s) => {
    setFollow(false);
    setTarget({ line: await lines.findTime(elapsed_s) });
  };
  if (lines.total === null) return html`<${Pending} of=${{ data: null, error: lines.error }}
    what="Reading the console" />`;
  if (lines.total === 0 && !grep && !stream) return html`<${NoConsole} />`;
  return html`<div class="console-page">
    <div class="toolbar">
      <${SearchField} label="Search the console" value=${search} onInput=${setSearch} />
      <${Choice} label="Stream" value=${stream} options=${STREAMS}
        onChange=${(cs) => setView({ cs: cs || null })} />
      <${JumpField} started_s=${run.created_s} jump=${jump} />
      <${Tick} label="Clock time" checked=${clock} onChange=${(on) => setView({ cc: on ? "1" : null })} />
      ${running ? html`<${Tick} label="Follow" checked=${follow} onChange=${setFollow} />`
        : html`<button type="button" class="button small" onClick=${() => setTarget({ line: 0 })}>Start</button>
          <button type="button" class="button small"
            onClick=${() => setTarget({ line: lines.total - 1 })}>End</button>`}
      <span class="spacer"></span>
      <span class="muted" role="status">
        ${count(lines.total, "line")}${grep ? " found" : ""}${lines.error ? `; ${lines.error.message}` : ""}</span>
    </div>
    <${LineList} lines=${lines} search=${grep} clock=${clock} follow=${follow} setFollow=${setFollow}
      target=${target} />
  </div>`;
}

function NoConsole() {
  return html`<${Nothing} title="The console was not recorded">
    <p>What a program prints and logs appears here:</p>
    <pre class="code">epochal.init(console=True)                      # what is printed
logging.getLogger().addHandler(epochal.LogHandler())   # what is logged</pre><//>`;
}

/** A field for a time: since the start, or of the day. */
function JumpField({ started_s, jump }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const go = (event) => {
    event.preventDefault();
    const elapsed_s = elapsedOf(text, started_s);
    setWrong(elapsed_s === null);
    if (elapsed_s !== null) jump(elapsed_s);
  };
  return html`<form class="jump" onSubmit=${go}>
    <input class=${wrong ? "input invalid" : "input"} aria-label="Jump to a time"
      aria-invalid=${wrong ? "true" : "false"}
      placeholder="Jump to 1h 30min" title="Since the start: 90, 1:30, 1h 30min; or a time of day after @: @14:05:00"
      value=${text} onInput=${(event) => setText(event.currentTarget.value)} />
    <button type="submit" class="button small">Go</button>
  </form>`;
}

/**
 * Returns the seconds since the start that a typed time means; after @ it is one of the day, the
 * first one that is not before the start.
 * @param {string} text @param {number} started_s unix seconds @returns {number | null}
 */
export function elapsedOf(text, started_s) {
  if (!text.trim().startsWith("@")) return secondsOf(text);
  const typed = text.trim().slice(1);
  const seconds = secondsOf(/^\d{1,2}:\d{2}$/.test(typed) ? `${typed}:00` : typed);
  if (seconds === null) return null;
  const day = new Date(started_s * 1000);
  day.setHours(0, 0, 0, 0);
  const since = day.getTime() / 1000 + seconds - started_s;
  return since < 0 ? since + 86400 : since;
}

function LineList({ lines, search, clock, follow, setFollow, target }) {
  const [box, { height }] = useSize();
  const list = useRef(null);
  const [top, setTop] = useState(0);
  const moved = useRef(false);
  const { total } = lines;
  const seen = linesInSight({ top, height: height || 400, total, row: ROW });
  useEffect(() => lines.need(seen.first, seen.last), [lines, seen.first, seen.last, total]);
  const scrollTo = (line) => {
    const node = list.current;
    if (!node) return;
    const before = node.scrollTop;
    node.scrollTop = scrollFor(line, { height: node.clientHeight, total, row: ROW });
    moved.current = node.scrollTop !== before; // then a scroll event follows that nobody made
  };
  useLayoutEffect(() => {
    if (follow) scrollTo(total);
  }, [follow, total, height]);
  useEffect(() => {
    if (target) scrollTo(target.line);
  }, [target]);
  const scrolled = (event) => {
    const node = event.currentTarget;
    setTop(node.scrollTop);
    const atEnd = node.scrollTop + node.clientHeight >= node.scrollHeight - 2 * ROW;
    if (follow && !moved.current && !atEnd) setFollow(false);
    moved.current = false;
  };
  const shown = [];
  for (let n = seen.first; n < seen.last; n += 1) shown.push(n);
  return html`<div class="console" role="log" aria-live="off" aria-label="Console" tabindex="0" onScroll=${scrolled}
      ref=${(node) => {
        list.current = node;
        box(node);
      }}>
    <div class="console-tall" style=${{ height: `${seen.tall}px` }}>
      <div class="console-seen" style=${{ top: `${seen.offset}px` }}>
        ${shown.map((n) => html`<${Line} key=${n} line=${lines.line(n)} search=${search} clock=${clock}
          target=${target?.line === n} />`)}
      </div>
    </div>
  </div>`;
}

const LOUD = { WARNING: "warn", ERROR: "error", CRITICAL: "error", WARN: "warn" };

function Line({ line, search, clock, target }) {
  if (!line) return html`<div class="console-line console-absent"> </div>`;
  const [elapsed_s, time_s, stream, level, logger, text] = line;
  const kind = LOUD[level] ?? (stream === "stderr" ? "stderr" : stream);
  const time = clock ? dateTime(time_s).slice(-8) : clockOf(elapsed_s);
  return html`<div class=${`console-line console-${kind}${target ? " console-target" : ""}`}>
    <span class="console-time" title=${`${dateTime(time_s)}, ${elapsed_s} s after the start`}>${time}</span>
    <span class="console-stream">${stream === "log" ? level : stream === "stderr" ? "err" : ""}</span>
    <span class="console-text">${logger && html`<span class="console-logger">
      ${logger}: </span>`}${marked(pieces(text), search)
      .map((piece) => (piece.hit ? html`<mark>${piece.text}</mark>` : piece.style ? html`<span class=${piece.style}>
        ${piece.text}</span>` : piece.text))}</span>
  </div>`;
}
