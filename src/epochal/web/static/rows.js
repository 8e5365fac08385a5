/** The rows of the runs table: in groups where the view asks for them. */
import { badEnd, valuesOf } from "epochal/columns.js";
import { duration, exact, num, setting, toNumber } from "epochal/format.js";
import { groupRuns } from "epochal/group.js";

/**
 * @typedef {object} Row
 * @property {number} [run] number of the run in the list; without it the row is a group's head
 * @property {string} [name] of the group, such as "0.1 · vit-s"
 * @property {number[]} [members] the runs of the group, also when it is closed
 * @property {boolean} [closed]
 */

/**
 * The rows to show, group heads among them.
 * @param {object} list answer of /api/runs
 * @param {number[]} order of the runs
 * @param {string[]} paths to group by; none for plain rows
 * @param {Set<string>} closed names of groups whose runs are not shown
 * @param {boolean} [sorted] whether somebody sorted the table
 * @returns {Row[]}
 */
export function tableRows(list, order, paths, closed, sorted = false) {
  if (!paths.length) return order.map((run) => ({ run }));
  const rows = [];
  for (const group of groupsOf(list, order, paths, sorted)) {
    const shut = closed.has(group.name);
    rows.push({ ...group, closed: shut });
    if (!shut) for (const run of group.members) rows.push({ run, group: group.name });
  }
  return rows;
}

/**
 * Runs with the same values of some columns: named and in the order of the charts' groups, or, where
 * the table is sorted, in the order of their first runs.
 * @param {object} list
 * @param {number[]} order
 * @param {string[]} paths
 * @param {boolean} [sorted]
 * @returns {Array<{name: string, members: number[]}>}
 */
export function groupsOf(list, order, paths, sorted = false) {
  const columns = paths.map((path) => [path, valuesOf(list, path)]);
  const runs = order.map((run) => ({ id: run, config: settingOf(columns, run) }));
  const groups = groupRuns(runs, paths.join(",")).map(({ name, runs: members }) => ({ name, members }));
  if (!sorted) return groups;
  const place = new Map(order.map((run, i) => [run, i]));
  return groups.sort((a, b) => place.get(a.members[0]) - place.get(b.members[0]));
}

/** The values of one run, as the charts are given them; what it does not have is not there. */
function settingOf(columns, run) {
  const setting = {};
  for (const [path, values] of columns) {
    const value = values[run];
    if (value !== null && value !== undefined && value !== "") setting[path] = value;
  }
  return setting;
}

/**
 * What is wrong with some runs of a group, such as "of 8 runs 2 not finished, 1 with NaN or ∞ at the end".
 * @param {object} list
 * @param {number[]} members
 * @param {import("./columns.js").Column[]} columns
 * @returns {string} "" if nothing is
 */
export function troublesOf(list, members, columns) {
  const open = members.filter((run) => list.state?.[run] !== "finished").length;
  const bad = members.filter((run) => columns.some((column) => badEnd(list, column, run))).length;
  const said = [];
  if (open) said.push(`${open} not finished`);
  if (bad) said.push(`${bad} with NaN or ∞ at the end`);
  return said.length ? `of ${members.length} runs ${said.join(", ")}` : "";
}

/**
 * What a group's head says in a column: the mean of numbers, with their count where some are missing,
 * such as "0.36 (8)", or the value that all share.
 * @param {any[]} values of the whole column
 * @param {number[]} members
 * @param {string} kind of the column
 * @returns {{text: string, title: string}}
 */
export function summarized(values, members, kind) {
  if (kind === "number" || kind === "duration") {
    const finite = members.map((run) => toNumber(values[run])).filter(Number.isFinite);
    if (!finite.length) return { text: "", title: "" };
    const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
    const written = kind === "duration" ? duration(mean) : num(mean);
    if (finite.length === members.length) return { text: written, title: `mean of ${finite.length}: ${exact(mean)}` };
    return { text: `${written} (${finite.length})`, title: `mean of ${finite.length} of ${members.length}: ${exact(mean)}` };
  }
  const all = new Set(members.map((run) => exact(values[run] ?? null)));
  return all.size === 1 ? { text: setting(values[members[0]]), title: [...all][0] } : { text: "", title: "" };
}
