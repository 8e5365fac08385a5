/** A window over the page: closes with Escape or a click beside it, and keeps the focus inside. */
import { html, useLayoutEffect, useRef } from "epochal/html.js";

/**
 * @param {{label: string, onClose: () => void, class?: string, children: any}} props
 */
export function Dialog({ label, onClose, class: extra = "", children }) {
  const element = useRef(null);
  useLayoutEffect(() => { // at once: what is typed next belongs into it
    const before = document.activeElement;
    const dialog = element.current;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const beside = (event) => event.target === element.current && onClose();
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog
    ref=${element}
    class=${`dialog ${extra}`}
    aria-label=${label}
    onCancel=${cancel}
    onMouseDown=${beside}
    onKeyDown=${(event) => event.stopPropagation()}
  >
    <div class="dialog-inside">${children}</div>
  </dialog>`;
}
