/** The names by which modules import each other, as the page's import map has them. */
const FOLDER = new URL("../../../src/epochal/web/static/", import.meta.url);
const VENDOR = {
  preact: "vendor/preact.mjs",
  "preact/hooks": "vendor/hooks.mjs",
  htm: "vendor/htm.mjs",
  uplot: "vendor/uPlot.esm.js",
};

/** Called by node for each import. */
export async function resolve(name, context, next) {
  const path = VENDOR[name] ?? (name.startsWith("epochal/") ? name.slice("epochal/".length) : null);
  if (path === null) return next(name, context);
  return { url: new URL(path, FOLDER).href, format: "module", shortCircuit: true };
}
