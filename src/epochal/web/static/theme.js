/**
 * Dark and light: `data-theme` on <html>. The address can ask for one (t=dark); else what was
 * chosen in this browser counts, and else the system.
 */
import { useEffect, useState } from "preact/hooks";
import { onView, setView, view } from "epochal/store.js";

const STORED = "epochal.theme";
const listeners = new Set();
const system = globalThis.matchMedia?.("(prefers-color-scheme: dark)");

/**
 * The theme that is shown.
 * @returns {"light"|"dark"}
 */
export function theme() {
  const asked = view().q.t ?? stored();
  if (asked === "dark" || asked === "light") return asked;
  return system?.matches ? "dark" : "light";
}

/** Shows the theme and goes on following the address and the system. */
export function startTheme() {
  show();
  onView(show);
  system?.addEventListener("change", show);
}

/** Changes between dark and light, for this browser and in the address where it stands there. */
export function toggleTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(STORED, next);
  } catch {
    setView({ t: next }, { replace: true }); // without storage the address remembers it
  }
  if (view().q.t) setView({ t: next }, { replace: true });
  show();
}

/**
 * The theme, in a component that draws with its colors; renders again when it changes.
 * @returns {"light"|"dark"}
 */
export function useTheme() {
  const [now, setNow] = useState(theme);
  useEffect(() => onTheme(setNow), []);
  return now;
}

/**
 * Calls a function after each change of the theme.
 * @param {(theme: "light"|"dark") => void} listener
 * @returns {() => void} ends it
 */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function show() {
  const now = theme();
  const root = document.documentElement;
  if (root.dataset.theme === now) return;
  root.dataset.theme = now;
  for (const listener of [...listeners]) listener(now);
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
