/** Ctrl-K: go to a project or run, or do what the page can do, by typing a part of its name. */
import { html, useEffect, useMemo, useRef, useState } from "epochal/html.js";
import { Dialog } from "epochal/dialog.js";
import { copy } from "epochal/notices.js";
import { useProjects } from "epochal/session.js";
import { go } from "epochal/store.js";
import { toggleTheme } from "epochal/theme.js";

const SHOWN = 60;
const layers = [];

/**
 * Adds commands while the component is on the page.
 * @param {Array<{title: string, hint?: string, run: () => void}>|(() => Array)} commands a function
 *   is asked when the palette opens
 */
export function useCommands(commands) {
  const now = useRef(commands);
  now.current = commands;
  useEffect(() => {
    layers.push(now);
    return () => layers.splice(layers.indexOf(now), 1);
  }, []);
}

/**
 * The commands that fit, best first: those that begin with the words, then those that hold them.
 * @param {Array<{title: string, hint?: string}>} commands
 * @param {string} text
 * @returns {Array<object>}
 */
export function fitting(commands, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return commands.slice(0, SHOWN);
  const scored = [];
  for (const command of commands) {
    const title = command.title.toLowerCase();
    if (!words.every((word) => title.includes(word))) continue;
    const starts = words.filter((word) => new RegExp(`(^|[^a-z0-9])${escaped(word)}`).test(title)).length;
    scored.push([title.startsWith(words[0]) ? -1 : 0, -starts, title.length, command]);
  }
  scored.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  return scored.slice(0, SHOWN).map((entry) => entry[3]);
}

/**
 * @param {{onClose: () => void}} props
 */
export function Palette({ onClose }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const projects = useProjects();
  const all = useMemo(() => [...given(), ...general(projects)], [projects]);
  const found = useMemo(() => fitting(all, text), [all, text]);
  const chosen = Math.min(at, found.length - 1);
  const run = (command) => {
    onClose();
    command.run();
  };
  const keyed = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) setAt((chosen + step + found.length) % found.length);
    else if (event.key === "Enter" && found[chosen]) run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} label="Search and commands" class="palette" onClose=${onClose}>
    <input
      class="palette-field"
      autofocus
      role="combobox"
      aria-expanded="true"
      aria-controls="palette-list"
      aria-activedescendant=${found.length ? `palette-${chosen}` : null}
      aria-label="Search runs, projects, metrics and commands"
      placeholder="Run, project, metric or command"
      value=${text}
      onInput=${(event) => {
        setText(event.target.value);
        setAt(0);
      }}
      onKeyDown=${keyed}
    />
    <ul class="palette-list" id="palette-list" role="listbox" aria-label="Found">
      ${found.map(
        (command, i) =>
          html`<${Option} key=${i} n=${i} command=${command} chosen=${i === chosen} run=${run} point=${setAt} />`,
      )}
    </ul>
    ${!found.length && html`<div class="palette-none">Nothing fits “${text}”.</div>`}
  <//>`;
}

function Option({ n, command, chosen, run, point }) {
  const element = useRef(null);
  useEffect(() => {
    if (chosen) element.current.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return html`<li
    ref=${element}
    id=${`palette-${n}`}
    role="option"
    aria-selected=${chosen ? "true" : "false"}
    onMouseMove=${() => point(n)}
    onClick=${() => run(command)}
  >
    <span class="what">${command.title}</span>${command.hint && html`<span class="hint">${command.hint}</span>`}
  </li>`;
}

function given() {
  return layers.flatMap(({ current }) => (typeof current === "function" ? current() : current));
}

function general(projects) {
  const open = (projects?.projects ?? []).map(({ slug, name }) => ({
    title: name,
    hint: "project",
    run: () => go(["p", slug]),
  }));
  return [
    ...open,
    { title: "All projects", hint: "page", run: () => go([]) },
    { title: "Change between dark and light", hint: "d", run: toggleTheme },
    { title: "Copy a link to this view", hint: "address", run: () => copy(location.href, "Link") },
  ];
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
