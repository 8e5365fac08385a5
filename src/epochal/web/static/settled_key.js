/** A key of the address for what is typed or dragged: shown at once, written when it rests. */
import { useEffect, useState } from "epochal/html.js";
import { useSettled } from "epochal/load.js";
import { useView } from "epochal/store.js";

const RESTS_MS = 250; // browsers stop pages that write the address many times a second

/**
 * Returns a key of the view, and what changes it without a step for Back.
 * @param {string} key
 * @returns {[string|null, (value: string|null) => void]}
 */
export function useSettledKey(key) {
  const [view, setView] = useView();
  const written = view.q[key] || null;
  const [value, setValue] = useState(written);
  const settled = useSettled(value, RESTS_MS);
  useEffect(() => setValue(written), [written]);
  useEffect(() => {
    if (settled === value && settled !== written) setView({ [key]: settled }, { replace: true });
  }, [settled]);
  return [value, (next) => setValue(next || null)];
}
