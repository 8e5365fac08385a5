/** Keys and commands of the runs page. */
import { useKeys } from "epochal/keys.js";
import { useCommands } from "epochal/palette.js";
import { setView } from "epochal/store.js";

/**
 * Takes the keys that move through the table.
 * @param {{act: object, current: string|null}} view
 */
export function useTableKeys({ act, current }) {
  const at = (run) => (current ? run(current) : false);
  useKeys({
    "/": ["Filter", () => document.getElementById("filter")?.focus()],
    j: ["Next run", () => act.step(1)],
    k: ["Previous run", () => act.step(-1)],
    ArrowDown: ["", (event) => event.target.closest?.(".table-scroller") ? act.step(1) : false],
    ArrowUp: ["", (event) => event.target.closest?.(".table-scroller") ? act.step(-1) : false],
    Enter: ["Open the run", (event) => (event.target.closest?.("a, button, input") ? false : at(act.open))],
    " ": ["Show or hide the run", () => at(act.hide)],
    x: ["Select the run", () => at(act.select)],
    p: ["Pin the run on top", () => at(act.pin)],
    c: ["Compare what is selected", act.compare],
  });
}

/**
 * Adds what the table can do to the palette.
 * @param {object|null} list
 * @param {{act: object, rows: object[], columns: object[], different: boolean|null}} view
 */
export function useTableCommands(list, { act, rows, columns, different }) {
  useCommands(() => {
    if (!list) return [];
    const runs = rows
      .filter(({ run }) => run !== undefined)
      .map(({ run }) => ({ title: list.name[run], hint: "run", run: () => act.open(list.id[run]) }));
    const metrics = list.metrics.map(({ name }) => ({
      title: name, hint: "metric", run: () => setView({ m: name }),
    }));
    const groups = Object.keys(list.config).map((path) => ({
      title: `Group by ${path.replace(/^config\./, "")}`, hint: "group", run: () => setView({ g: path }),
    }));
    const sorts = columns.map(({ path, title }) => ({
      title: `Sort by ${title}`, hint: "sort", run: () => act.sort(path, false),
    }));
    return [
      ...runs, ...metrics,
      { title: "Compare the selected runs", hint: "c", run: act.compare },
      { title: "Show all runs in the charts", run: () => act.hideAll(false) },
      {
        title: different === false ? "Show only columns that differ" : "Show all columns",
        run: () => setView({ od: different === false ? null : "0" }),
      },
      { title: "Group by nothing", hint: "group", run: () => setView({ g: null }) },
      ...groups, ...sorts,
    ];
  });
}
