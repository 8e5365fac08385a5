/**
 * Keys of the keyboard. A component says which it takes while it is on the page:
 *
 *   useKeys({ l: ["Logarithmic y", () => …], "[": ["Step back", () => …] });
 *
 * Keys are silent while somebody types. The help page lists whatever is taken at the moment.
 */
import { useEffect, useRef } from "preact/hooks";

const layers = [];

/**
 * Takes keys while the component is on the page; the newest component wins.
 * @param {Object<string, [string, (event: KeyboardEvent) => void]>} keys as KeyboardEvent.key says
 *   them, with "Ctrl-" before for Ctrl or Command; beside each what it does, for the help page
 * @param {boolean} [active]
 */
export function useKeys(keys, active = true) {
  const now = useRef(keys);
  now.current = keys;
  useEffect(() => {
    if (!active) return undefined;
    if (!layers.length) addEventListener("keydown", pressed);
    layers.push(now);
    return () => layers.splice(layers.indexOf(now), 1);
  }, [active]);
}

/**
 * All keys that are taken at the moment, for the help page.
 * @returns {Array<[string, string]>} key and what it does
 */
export function takenKeys() {
  const all = new Map();
  for (const layer of layers) {
    for (const [key, [what]] of Object.entries(layer.current)) all.set(key, what);
  }
  return [...all].filter(([, what]) => what);
}

/**
 * Says whether what is pressed goes into a field.
 * @param {EventTarget|null} target
 * @returns {boolean}
 */
export function isTyping(target) {
  const tag = target?.tagName;
  if (tag === "INPUT") return !["checkbox", "radio", "range", "button"].includes(target.type);
  return tag === "TEXTAREA" || tag === "SELECT" || target?.isContentEditable === true;
}

function pressed(event) {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const held = event.ctrlKey || event.metaKey;
  if (!held && event.key !== "Escape" && isTyping(event.target)) return;
  if (!held && event.key === " " && ["BUTTON", "A", "SUMMARY", "INPUT"].includes(event.target?.tagName)) return;
  const key = held ? `Ctrl-${event.key.toLowerCase()}` : event.key;
  for (const layer of [...layers].reverse()) {
    const taken = Object.hasOwn(layer.current, key) && layer.current[key];
    if (!taken) continue;
    if (taken[1](event) === false) continue; // not now: the next one may
    event.preventDefault();
    return;
  }
}
