/** The table of runs: only the rows and columns in sight exist, however many there are. */
import { Component, classes, html, useLayoutEffect, useEffect, useMemo, useRef, useState } from "epochal/html.js";
import { Cell, GroupCell, NameCell } from "epochal/cells.js";
import { setHover } from "epochal/hover.js";
import { Icon } from "epochal/icons.js";
import { troublesOf } from "epochal/rows.js";

/** Height of a row in pixels, as in table.css. */
export const ROW = 28;
/** Width of the first column, which stays in sight. */
export const NAME_WIDTH = 200;

const ALL_ROWS = 200;
const ALL_COLUMNS = 24;
const MORE_ROWS = 8;
const REST_MS = 1000;

/**
 * @param {object} props
 * @param {object} props.list answer of /api/runs
 * @param {import("./rows.js").Row[]} props.rows
 * @param {import("./columns.js").Column[]} props.columns
 * @param {import("./sorting.js").SortKey[]} props.sort
 * @param {object} props.marks `hidden`, `selected`, `pinned`, `drawn`: functions of an id; `color`
 * @param {string|null} props.current id of the run that the keyboard is at
 * @param {string|null} props.renaming id of the run whose name is edited
 * @param {object} props.act what can be done; the same object in every render
 * @param {any} props.head what the head of the first column shows beside its title
 * @param {Map<string, object>} props.trends small charts by id
 */
export function RunTable({ list, rows, columns, sort, marks, current, renaming, act, head, trends }) {
  const scroller = useRef(null);
  const shown = useShown(scroller, rows.length, columns);
  useKeepInSight(scroller, rows, list, current);
  const seen = rows.slice(shown.top, shown.bottom);
  useEffect(() => act.see(seen.filter(({ run }) => run !== undefined).map(({ run }) => list.id[run])));
  const cells = useMemo(() => columns.slice(shown.left, shown.right), [columns, shown.left, shown.right]);
  const before = shown.left;
  const after = columns.length - shown.right;
  const width = NAME_WIDTH + columns.reduce((sum, column) => sum + column.width, 0);
  return html`<div class="table-scroller" ref=${scroller} tabindex="0" role="region" aria-label="Table of runs">
    <table
      class="runs-table"
      aria-rowcount=${rows.length + 1}
      aria-colcount=${columns.length + 1}
      style=${{ width: `${width}px` }}
      onMouseLeave=${() => setHover(null)}
    >
      <colgroup>
        <col style=${{ width: `${NAME_WIDTH}px` }} />
        ${columns.map(({ path, width: w }) => html`<col key=${path} style=${{ width: `${w}px` }} />`)}
      </colgroup>
      <thead>
        <tr>
          <${Head} column=${NAME} sort=${sort} act=${act}>${head}<//>
          ${before > 0 && html`<td colspan=${before}></td>`}
          ${cells.map(
            (column, i) =>
              html`<${Head} key=${column.path} n=${before + i + 2} column=${column} sort=${sort} act=${act} />`,
          )}
          ${after > 0 && html`<td colspan=${after}></td>`}
        </tr>
      </thead>
      <tbody>
        <${Gap} rows=${shown.top} />
        ${seen.map((row, i) => {
          const place = { n: shown.top + i + 2, before, after, cells, list, act };
          if (row.run === undefined) {
            const color = marks.groupColor(row.name);
            return html`<${GroupRow} key=${`group ${row.name}`} columns=${columns} ...${{ row, color, ...place }} />`;
          }
          const id = list.id[row.run];
          return html`<${Row}
            key=${id}
            id=${id}
            run=${row.run}
            color=${marks.color(id)}
            hidden=${marks.hidden(id)}
            drawn=${marks.drawn(id)}
            selected=${marks.selected(id)}
            pinned=${marks.pinned(id)}
            current=${id === current}
            renaming=${id === renaming}
            trends=${trends}
            ...${place}
          />`;
        })}
        <${Gap} rows=${rows.length - shown.bottom} />
      </tbody>
    </table>
  </div>`;
}

const NAME = { path: "name", title: "Name", kind: "text" };

function Head({ column, sort, act, n = 1, children }) {
  const { path, title, kind } = column;
  const at = sort.findIndex((key) => key.path === path);
  const descending = at >= 0 && sort[at].descending;
  const order = at < 0 ? null : descending ? "descending" : "ascending";
  const name = path === "name";
  const drag = name ? {} : dragging(path, act);
  return html`<th
    scope="col"
    class=${classes(`head-${kind}`, name && "first")}
    aria-sort=${order}
    aria-colindex=${n}
    ...${drag}
  >
    <div class="head">
      ${children}
      ${kind === "trend"
        ? html`<span class="head-title" title=${title}>${title}</span>`
        : html`<button
            type="button"
            class="head-button"
            title=${`${path}\nClick to sort, with Shift by several columns`}
            onClick=${(event) => act.sort(path, event.shiftKey)}
          >
            <span class="head-title">${title}</span>
            ${order && html`<${Icon} name=${descending ? "down" : "up"} />`}
            ${order && sort.length > 1 && html`<span class="sort-place">${at + 1}</span>`}
          </button>`}
    </div>
  </th>`;
}

function dragging(path, act) {
  return {
    draggable: true,
    onDragStart: (event) => event.dataTransfer.setData("text/x-epochal-column", path),
    onDragOver: (event) => {
      if (event.dataTransfer.types.includes("text/x-epochal-column")) event.preventDefault();
    },
    onDrop: (event) => {
      event.preventDefault();
      act.move(event.dataTransfer.getData("text/x-epochal-column"), path);
    },
  };
}

/** A row of one run; it renders again only if something of it has changed. */
class Row extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((key) => next[key] !== this.props[key]);
  }

  render({ id, run, n, list, cells, before, after, hidden, drawn, selected, current, act, trends, ...more }) {
    return html`<tr
      aria-rowindex=${n}
      class=${classes(hidden && "row-hidden", selected && "row-selected", current && "row-current")}
      onMouseEnter=${() => setHover(drawn ? id : null)}
      onClick=${() => act.stand(id)}
    >
      <${NameCell} ...${{ id, run, list, hidden, drawn, selected, act, ...more }} />
      ${before > 0 && html`<td colspan=${before}></td>`}
      ${cells.map((column) => {
        const held = { id, run, list, column, act, trends, color: more.color };
        return html`<${Cell} key=${column.path} ...${held} />`;
      })}
      ${after > 0 && html`<td colspan=${after}></td>`}
    </tr>`;
  }
}

function GroupRow({ row, color, n, list, columns, cells, before, after, act }) {
  const troubles = useMemo(() => troublesOf(list, row.members, columns), [list, row.members, columns]);
  return html`<tr class="group-row" aria-rowindex=${n}>
    <th scope="row" class="first">
      <button
        type="button"
        class="group-button"
        aria-expanded=${row.closed ? "false" : "true"}
        onClick=${() => act.fold(row.name)}
      >
        <${Icon} name=${row.closed ? "chevronRight" : "chevronDown"} />
        <span class="dot" style=${{ background: color }} aria-hidden="true"></span>
        <span class="name" title=${troubles ? `${row.name}: ${troubles}` : row.name}>${row.name}</span>
        <span class="group-count">n ${row.members.length}</span>
      </button>
    </th>
    ${before > 0 && html`<td colspan=${before}></td>`}
    ${cells.map(
      (column) => html`<${GroupCell} key=${column.path} list=${list} column=${column} members=${row.members} />`,
    )}
    ${after > 0 && html`<td colspan=${after}></td>`}
  </tr>`;
}

/** The room of rows that are not there because they are out of sight. */
function Gap({ rows }) {
  if (rows <= 0) return null;
  return html`<tr class="gap" aria-hidden="true" style=${{ height: `${rows * ROW}px` }}></tr>`;
}

/** Which rows and columns are in sight, and some more around them. */
function useShown(scroller, rows, columns) {
  const [place, setPlace] = useState({ y: 0, x: 0, height: 800, width: 600 });
  const rested = useRested();
  useLayoutEffect(() => {
    const element = scroller.current;
    let frame = 0;
    const look = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const { scrollTop: y, scrollLeft: x, clientHeight: height, clientWidth: width } = element;
        setPlace((old) => (same(old, y, x, height, width) ? old : { y, x, height, width }));
      });
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      element.removeEventListener("scroll", look);
      sizes.disconnect();
    };
  }, []);
  const vertical = rows <= ALL_ROWS && rested ? [0, rows] : rowsInSight(place, rows);
  const across = columns.length <= ALL_COLUMNS ? [0, columns.length] : columnsInSight(place, columns);
  return { top: vertical[0], bottom: vertical[1], left: across[0], right: across[1] };
}

/** False until the page has shown what is in sight and has nothing more urgent to do. */
function useRested() {
  const [rested, setRested] = useState(false);
  useEffect(() => {
    const rest = () => setRested(true);
    if (globalThis.requestIdleCallback) {
      const waiting = requestIdleCallback(rest, { timeout: REST_MS });
      return () => cancelIdleCallback(waiting);
    }
    const timer = setTimeout(rest, REST_MS); // Safari
    return () => clearTimeout(timer);
  }, []);
  return rested;
}

/** Scrolling by less than a few rows changes nothing that exists. */
function same(old, y, x, height, width) {
  return (
    Math.floor(old.y / ROW / 4) === Math.floor(y / ROW / 4) &&
    Math.floor(old.x / 50) === Math.floor(x / 50) &&
    old.height === height && old.width === width
  );
}

function rowsInSight({ y, height }, rows) {
  const top = Math.max(0, Math.floor(y / ROW / 4) * 4 - MORE_ROWS);
  return [Math.min(top, rows), Math.min(rows, top + Math.ceil(height / ROW) + 2 * MORE_ROWS + 4)];
}

function columnsInSight({ x, width }, columns) {
  let at = 0;
  let left = columns.length;
  let right = columns.length;
  for (let i = 0; i < columns.length; i++) {
    const end = at + columns[i].width;
    if (left > i && end > x - 300) left = i;
    if (at > x + width + 300) {
      right = i;
      break;
    }
    at = end;
  }
  return [Math.min(left, right), right];
}

/** Scrolls so that the row that the keyboard is at can be seen. */
function useKeepInSight(scroller, rows, list, current) {
  useLayoutEffect(() => {
    if (!current) return;
    const at = rows.findIndex(({ run }) => run !== undefined && list.id[run] === current);
    if (at < 0) return;
    const element = scroller.current;
    const top = at * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + 3 * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + 3 * ROW - element.clientHeight;
    }
  }, [current]);
}
