/** The run under the pointer, in the table or in a chart: both raise it. */
import { useEffect, useState } from "preact/hooks";

const listeners = new Set();
let hovered = null;

/**
 * Says which run is under the pointer.
 * @param {string|null} id
 */
export function setHover(id) {
  if (id === hovered) return;
  hovered = id;
  for (const listener of [...listeners]) listener(id);
}

/**
 * Calls a function whenever another run is under the pointer.
 * @param {(id: string|null) => void} listener
 * @returns {() => void} ends it
 */
export function onHover(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * The run under the pointer, in a component.
 * @returns {string|null}
 */
export function useHover() {
  const [now, setNow] = useState(hovered);
  useEffect(() => onHover(setNow), []);
  return now;
}
