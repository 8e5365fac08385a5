/** What can be done with runs in the table, by mouse and by keyboard. */
import { useRef } from "preact/hooks";
import { chooseColor } from "epochal/color.js";
import { choice, choiceText, has, put } from "epochal/choices.js";
import { changeText } from "epochal/notes.js";
import { clicked, sortText } from "epochal/sorting.js";
import { go, listOf, listText, setView, view } from "epochal/store.js";

const COMPARED = 50;

/**
 * The actions; the same object in every render, so that rows need not render again for it.
 * @param {object} now what the actions work on: `list`, `ids` of the rows in order, `current`,
 *   `columns`, `sort`, `write`, and the setters `setCurrent`, `setRenaming`, `setSeen`, `recolor`,
 *   `change`
 * @returns {object}
 */
export function useActions(now) {
  const latest = useRef(now);
  latest.current = now;
  const actions = useRef(null);
  actions.current ??= make(latest);
  return actions.current;
}

function make(now) {
  const edit = (key, change, options) => setView({ [key]: choiceText(change(choice(view().q[key]))) }, options);
  const anchor = { id: null };
  return {
    mayWrite: () => now.current.write,
    change: (id, news) => now.current.change(id, news),
    see: (ids) => now.current.setSeen(ids),
    stand: (id) => now.current.setCurrent(id),
    open: (id) => go(["r", id]),
    step: (by) => {
      const { ids, current, setCurrent } = now.current;
      const at = ids.indexOf(current);
      if (ids.length) setCurrent(ids[at < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, at + by))]);
    },
    hide: (id) => edit("hide", (hidden) => put(hidden, id, !has(hidden, id)), { replace: true }),
    hideAll: (hidden) => setView({ hide: hidden ? "*" : null }),
    only: (id) => setView({ hide: `*,${id}` }),
    pin: (id) => edit("pin", (pinned) => put(pinned, id, !has(pinned, id))),
    select: (id, range = false) => {
      const wanted = !has(choice(view().q.sel), id);
      const { ids } = now.current;
      const ends = [ids.indexOf(anchor.id), ids.indexOf(id)].sort((a, b) => a - b);
      const between = range && ends[0] >= 0 ? ids.slice(ends[0], ends[1] + 1) : [id];
      anchor.id = id;
      edit("sel", (chosen) => between.reduce((all, one) => put(all, one, wanted), chosen), { replace: true });
    },
    selectAll: (wanted) => setView({ sel: wanted ? "*" : null }, { replace: true }),
    sort: (path, add) => setView({ so: sortText(clicked(now.current.sort, path, add)) || null }),
    move: (path, before) => {
      const paths = now.current.columns.map((column) => column.path);
      if (path === before || !paths.includes(path)) return;
      const rest = paths.filter((one) => one !== path);
      const forward = paths.indexOf(path) < paths.indexOf(before);
      rest.splice(rest.indexOf(before) + (forward ? 1 : 0), 0, path);
      setView({ co: listText(rest) });
    },
    fold: (name) => {
      const closed = new Set(listOf(view().q.gc));
      if (!closed.delete(name)) closed.add(name);
      setView({ gc: listText([...closed]) || null }, { replace: true });
    },
    color: (id, slot) => {
      chooseColor(id, slot);
      now.current.recolor();
    },
    compare: () => go(["c", now.current.slug, "diff"], { runs: chosenIds(now.current).slice(0, COMPARED).join(",") }),
    note: async (id, text) => {
      const notes = await changeText(id, "notes", text);
      if (notes !== null) now.current.change(id, { notes });
      return notes !== null;
    },
    rename: async (id, text) => {
      const { list, setRenaming, change } = now.current;
      setRenaming(text === null ? id : null);
      const name = text?.trim();
      if (!name || name === list.name[list.id.indexOf(id)]) return;
      const given = await changeText(id, "name", name);
      if (given !== null) change(id, { name: given });
    },
  };
}

/**
 * The selected runs, also those that the filter leaves out now; where none is, all in the table.
 * @param {{ids: string[]}} now
 * @returns {string[]}
 */
export function chosenIds({ ids }) {
  const chosen = choice(view().q.sel);
  if (!chosen.all && chosen.ids.size) return [...chosen.ids];
  const some = ids.filter((id) => has(chosen, id));
  return some.length ? some : ids;
}
