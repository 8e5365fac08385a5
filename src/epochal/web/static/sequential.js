/** Colors for an amount: from pale to strong, in shades that both themes have. */
const STOPS = 5;

/**
 * Returns the color of a share.
 * @param {number} share 0 to 1 @returns {string} a CSS color made of the variables --seq-0 to --seq-4
 */
export function sequential(share) {
  if (!Number.isFinite(share)) return "var(--faint)";
  const place = Math.max(0, Math.min(1, share)) * (STOPS - 1);
  const low = Math.min(STOPS - 2, Math.floor(place));
  const percent = Math.round((place - low) * 100);
  return `color-mix(in oklab, var(--seq-${low}) ${100 - percent}%, var(--seq-${low + 1}))`;
}
