/** A button that opens a small list or form beneath it. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "epochal/html.js";
import { Icon } from "epochal/icons.js";

/**
 * @param {object} props `label` names the button, `text` or `icon` is what it shows, `children` is
 *   the content, or a function of `close` that makes it
 */
export function Menu({ label, text, icon, class: extra = "button quiet small", children, onToggle }) {
  const [open, setOpen] = useState(false);
  const button = useRef(null);
  const change = (next) => {
    setOpen(next);
    onToggle?.(next);
  };
  const close = () => {
    change(false);
    button.current?.focus();
  };
  return html`<span class="menu">
    <button
      type="button"
      ref=${button}
      class=${extra}
      aria-label=${label}
      title=${label}
      aria-expanded=${open ? "true" : "false"}
      aria-haspopup="true"
      onClick=${() => change(!open)}
    >
      ${icon && html`<${Icon} name=${icon} />`}${text}${text && html`<${Icon} name="chevronDown" />`}
    </button>
    ${open &&
    html`<${List} anchor=${button} label=${label} close=${close} dismiss=${() => change(false)}>
      ${typeof children === "function" ? children(close) : children}
    <//>`}
  </span>`;
}

/**
 * One line of a menu.
 * @param {object} props `onClick`, `hint` at the right, `checked` for a choice, and what a button takes
 */
export function MenuItem({ hint, checked, children, ...rest }) {
  const choice = checked === undefined ? {} : { "aria-pressed": checked ? "true" : "false" };
  return html`<button type="button" class="menu-item" ...${choice} ...${rest}>
    ${checked !== undefined && html`<${Icon} name=${checked ? "check" : "none"} />`}
    <span>${children}</span>${hint && html`<span class="hint">${hint}</span>`}
  </button>`;
}

function List({ anchor, label, close, dismiss, children }) {
  const list = useRef(null);
  useLayoutEffect(() => {
    list.current.showPopover(); // above everything, dialogs and sticky cells too
    place(list.current, anchor.current);
  }, []);
  useEffect(() => {
    const first = list.current.querySelector("input, button, a, select, textarea");
    first?.focus();
    const beside = (event) => {
      if (!list.current?.contains(event.target) && !anchor.current?.contains(event.target)) dismiss();
    };
    addEventListener("mousedown", beside, true);
    addEventListener("resize", dismiss);
    return () => {
      removeEventListener("mousedown", beside, true);
      removeEventListener("resize", dismiss);
    };
  }, []);
  return html`<div
    class="menu-list"
    popover="manual"
    ref=${list}
    role="group"
    aria-label=${label}
    onKeyDown=${(event) => keyed(event, close)}
    onClick=${(event) => event.stopPropagation()}
  >
    ${children}
  </div>`;
}

function keyed(event, close) {
  event.stopPropagation();
  if (event.key === "Escape") {
    event.preventDefault();
    close();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const items = [...event.currentTarget.querySelectorAll("button, a, input, select")];
    const at = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (document.activeElement?.tagName === "SELECT") return;
    event.preventDefault();
    items[(at + items.length) % items.length]?.focus();
  }
}

function place(list, button) {
  const around = button.getBoundingClientRect();
  const below = innerHeight - around.bottom - 12;
  const above = around.top - 12;
  const up = below < Math.min(list.scrollHeight, 240) && above > below;
  list.style.maxHeight = `${Math.min(480, up ? above : below)}px`;
  if (up) list.style.bottom = `${innerHeight - around.top + 4}px`;
  else list.style.top = `${around.bottom + 4}px`;
  const left = Math.min(around.left, innerWidth - list.offsetWidth - 8);
  list.style.left = `${Math.max(8, left)}px`;
}
