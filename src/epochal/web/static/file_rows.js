/** Paths of files as rows of a tree. No dependencies. */

/**
 * A row: a folder, or a file.
 * @typedef {{path: string, name: string, depth: number, folder: boolean, open: boolean, count: number,
 *   bytes: number, file: object | null}} FileRow
 */

/**
 * Returns the visible rows of a folder's tree: folders first, then files, each by name.
 * @param {{path: string, bytes: number}[]} files paths with /
 * @param {{closed?: Set<string>, query?: string}} how closed: folded folders; query: only files with
 *   all its words in their path, with everything unfolded
 * @returns {FileRow[]}
 */
export function fileRows(files, { closed = new Set(), query = "" } = {}) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = files.filter((file) => words.every((word) => file.path.toLowerCase().includes(word)));
  const rows = [];
  emit(grown(found), "", 0, words.length ? new Set() : closed, rows);
  return rows;
}

/** Builds the folders above files. */
function grown(files) {
  const root = { folders: new Map(), files: [], count: 0, bytes: 0 };
  for (const file of files) {
    const names = file.path.split("/");
    let at = root;
    for (const name of names.slice(0, -1)) {
      if (!at.folders.has(name)) at.folders.set(name, { folders: new Map(), files: [], count: 0, bytes: 0 });
      at = at.folders.get(name);
      at.count += 1;
      at.bytes += file.bytes;
    }
    at.files.push([names.at(-1), file]);
  }
  return root;
}

function emit(node, above, depth, closed, rows) {
  for (const [name, inner] of [...node.folders].sort(byName)) {
    const path = above + name;
    const open = !closed.has(path);
    rows.push({ path, name, depth, folder: true, open, count: inner.count, bytes: inner.bytes, file: null });
    if (open) emit(inner, `${path}/`, depth + 1, closed, rows);
  }
  for (const [name, file] of node.files.sort(byName)) {
    rows.push({ path: file.path, name, depth, folder: false, open: false, count: 0, bytes: file.bytes, file });
  }
}

const byName = ([a], [b]) => a.localeCompare(b, "en", { numeric: true });
