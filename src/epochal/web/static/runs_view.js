/** What the runs page shows, worked out from the list and the address. */
import { useMemo, useState } from "preact/hooks";
import { choice, has } from "epochal/choices.js";
import { groupColors, runColor } from "epochal/color.js";
import { shownColumns, trendMetric } from "epochal/columns.js";
import { groupsOf, tableRows } from "epochal/rows.js";
import { useActions } from "epochal/run_actions.js";
import { useAbout } from "epochal/session.js";
import { order } from "epochal/sorting.js";
import { listOf } from "epochal/store.js";
import { useTrends } from "epochal/trends.js";

/** How many runs the charts draw unless the address says otherwise (mx). */
export const DRAWN = 100;

const EMPTY = { id: [], name: [], metrics: [], config: {}, columns: {} };

/**
 * @param {object} shown what RunsPage hands on
 * @returns {object} columns, rows, marks, actions and the runs to draw
 */
export function useRunsView({ slug, list, q, sort, groups, chosen, change, live }) {
  const found = list ?? EMPTY;
  const { write } = useAbout();
  const [current, setCurrent] = useState(null);
  const [renaming, setRenaming] = useState(null);
  const [seen, setSeen] = useSeen();
  const [paint, setPaint] = useState(0);
  const different = q.od === undefined ? null : q.od !== "0";
  const columns = useMemo(() => shownColumns(found, { chosen, different }), [found, chosen, different]);
  const hidden = useMemo(() => choice(q.hide), [q.hide]);
  const selected = useMemo(() => choice(q.sel), [q.sel]);
  const pinned = useMemo(() => choice(q.pin), [q.pin]);
  const sorted = useMemo(() => order(found, sort, pinned.ids), [found, sort, pinned]);
  const closed = useMemo(() => new Set(listOf(q.gc)), [q.gc]);
  const rows = useMemo(() => tableRows(found, sorted, groups, closed, sort.length > 0), [found, sorted, groups, closed]);
  const most = Math.max(1, Number(q.mx) || DRAWN);
  const drawn = useMemo(() => drawnIds(found, sorted, hidden, most), [found, sorted, hidden, most]);
  const colors = useMemo(() => colorsOf(found, sorted, groups), [found, sorted, groups, paint]);
  const ids = useMemo(
    () => rows.filter(({ run }) => run !== undefined).map(({ run }) => found.id[run]), [found, rows]);
  const act = useActions({
    slug, list: found, ids, current, columns, sort, write, change,
    setCurrent, setRenaming, setSeen, recolor: () => setPaint((n) => n + 1),
  });
  const trend = columns.map(({ path }) => trendMetric(path)).find(Boolean) ?? null;
  const marks = {
    hidden: (id) => has(hidden, id), selected: (id) => has(selected, id), pinned: (id) => has(pinned, id),
    drawn: (id) => drawn.has(id), color: colors.run, groupColor: colors.group,
  };
  const trends = useTrends(trend, seen, live.versions);
  return { columns, rows, ids, sorted, drawn, hidden, selected, marks, act, current, renaming, trends, most, different };
}

/** The runs that the charts draw: the first ones of the table that are not hidden. */
function drawnIds(list, sorted, hidden, most) {
  const ids = new Set();
  for (const run of sorted) {
    if (ids.size >= most) break;
    if (!has(hidden, list.id[run])) ids.add(list.id[run]);
  }
  return ids;
}

/** A run has its own color, or that of its group. */
function colorsOf(list, sorted, groups) {
  const ordinals = new Map(list.id.map((id, i) => [id, list.ordinal?.[i]]));
  const own = (id) => runColor(id, ordinals.get(id));
  if (!groups.length) return { run: own, group: () => "" };
  const found = groupsOf(list, sorted, groups);
  const byName = groupColors(found.map(({ name }) => name));
  const byRun = new Map();
  for (const { name, members } of found) for (const run of members) byRun.set(list.id[run], byName.get(name));
  return { run: (id) => byRun.get(id) ?? own(id), group: (name) => byName.get(name) };
}

/** The ids in sight; the same list as long as they are the same. */
function useSeen() {
  const [seen, setSeen] = useState([]);
  const set = (ids) => setSeen((old) => (old.join() === ids.join() ? old : ids));
  return [seen, set];
}
