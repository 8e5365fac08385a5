/** Unified diffs, as `git diff` writes them, taken apart. No dependencies. */

/**
 * A file of a diff.
 * @typedef {{name: string, added: number, removed: number,
 *   lines: {kind: "add" | "remove" | "same" | "hunk" | "about", text: string}[]}} FileDiff
 */

const KINDS = { "+": "add", "-": "remove", "@": "hunk", "\\": "about" };

/**
 * Returns the files of a unified diff; what comes before the first file stands under the name "".
 * @param {string} text @returns {FileDiff[]}
 */
export function parseUnified(text) {
  const files = [];
  let file = null;
  let left = 0; // lines that the current hunk still has, so that "--- x" in code is code
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const starts = line.startsWith("diff ") || (left === 0 && line.startsWith("--- ") && !inHeader(file));
    if (starts || file === null) {
      file = { name: "", added: 0, removed: 0, lines: [], header: true };
      files.push(file);
    }
    if (file.header && !line.startsWith("@@")) {
      file.name = nameIn(line) ?? file.name;
      if (!/^(diff |index |--- |\+\+\+ )/.test(line)) file.lines.push({ kind: "about", text: line });
      continue;
    }
    if (line.startsWith("@@")) left = hunkLength(line);
    else if (left > 0) left -= /^[+-]/.test(line) ? 1 : 2;
    file.header = false;
    add(file, line);
  }
  for (const each of files) delete each.header;
  return files.filter((each) => each.name || each.lines.some((line) => line.text));
}

const inHeader = (file) => file?.header === true;

function add(file, line) {
  const kind = KINDS[line[0]] ?? "same";
  if (kind === "add") file.added += 1;
  if (kind === "remove") file.removed += 1;
  file.lines.push({ kind, text: line });
}

function hunkLength(line) {
  const found = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
  return found ? Number(found[1] ?? 1) + Number(found[2] ?? 1) : 0;
}

function nameIn(line) {
  const git = /^diff --git a\/(.*) b\/(.*)$/.exec(line);
  if (git) return git[2];
  const side = /^(?:\+\+\+|---) (?:[ab]\/)?([^\t]*)/.exec(line);
  return side && side[1] !== "/dev/null" ? side[1] : null;
}
