/** The box for the filter, with what was understood and what is wrong beneath it. */
import { html, useEffect, useMemo, useRef, useState } from "epochal/html.js";
import { completions } from "epochal/filter.js";
import { IconButton, Icon } from "epochal/icons.js";

const WAIT_MS = 350;

/**
 * @param {object} props
 * @param {string} props.value the filter in force
 * @param {(text: string) => void} props.onChange
 * @param {string} props.meaning the expression of a short filter, "" where they are the same
 * @param {{message: string, at?: number|null}|null} props.error
 * @param {string[]} props.paths for completion
 * @param {{matched: number, total: number}|null} props.counts
 */
export function FilterBox({ value, onChange, meaning, error, paths, counts }) {
  const [text, setText] = useState(value);
  const [at, setAt] = useState(-1);
  const [chosen, setChosen] = useState(-1);
  const sent = useRef(value);
  const field = useRef(null);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value; // Back, a palette command or a link changed it
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => send(text), WAIT_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const found = useMemo(() => (at < 0 ? { from: 0, options: [] } : completions(text, at, paths)), [text, at, paths]);
  const send = (next) => {
    sent.current = next;
    setText(next);
    onChange(next);
  };
  const complete = (option) => {
    const next = text.slice(0, found.from) + option + text.slice(at);
    setText(next);
    setAt(-1);
    requestAnimationFrame(() => {
      const end = found.from + option.length;
      field.current?.setSelectionRange(end, end);
    });
  };
  const keyed = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.options.length) {
      setChosen((chosen + step + found.options.length) % found.options.length);
    } else if ((event.key === "Enter" || event.key === "Tab") && found.options[chosen]) {
      complete(found.options[chosen]);
    } else if (event.key === "Enter") {
      setAt(-1);
      send(text);
    } else if (event.key === "Escape" && found.options.length) {
      setAt(-1);
    } else if (event.key === "Escape") {
      field.current.blur();
    } else return;
    event.preventDefault();
  };
  return html`<div class="filter" role="search">
    <div class="filter-line">
      <${Icon} name="filter" />
      <input
        ref=${field}
        id="filter"
        class=${error ? "input filter-input invalid" : "input filter-input"}
        aria-label="Filter the runs"
        aria-invalid=${error ? "true" : null}
        aria-describedby="filter-said"
        placeholder=${'Filter: vit, lr<1e-3, tag:base   ( / )'}
        autocomplete="off"
        spellcheck="false"
        value=${text}
        onInput=${(event) => {
          setText(event.currentTarget.value);
          setAt(event.currentTarget.selectionStart);
          setChosen(-1);
        }}
        onKeyDown=${keyed}
        onBlur=${() => setAt(-1)}
      />
      ${counts && html`<span class="filter-count number">${shown(counts)}</span>`}
      ${text && html`<${IconButton} icon="cross" class="small" label="Clear the filter" onClick=${() => send("")} />`}
    </div>
    ${found.options.length > 0 &&
    html`<ul class="completions" role="listbox" aria-label="Completions">
      ${found.options.map(
        (option, i) => html`<li
          key=${option}
          role="option"
          aria-selected=${i === chosen ? "true" : "false"}
          onMouseDown=${(event) => {
            event.preventDefault();
            complete(option);
          }}
        >
          ${option}
        </li>`,
      )}
    </ul>`}
    <div id="filter-said" aria-live="polite">
      ${error && html`<${Problem} text=${meaning || value} ...${error} />`}
      ${!error && meaning && html`<div class="filter-meaning">means <code>${meaning}</code></div>`}
    </div>
  </div>`;
}

function Problem({ text, message, at }) {
  const marked = Number.isInteger(at) && at >= 0 && at <= text.length && !text.includes("\n");
  return html`<div class="filter-error">
    ${marked && html`<pre>${text}\n${" ".repeat(at)}^</pre>`}
    <span>${message}</span>
  </div>`;
}

function shown({ matched, total }) {
  const text = matched.toLocaleString("en-US");
  return matched === total ? text : `${text}/${total.toLocaleString("en-US")}`;
}
