/** Choosing dimensions of runs: config keys and metrics. */
import { html, useState } from "epochal/html.js";
import { defaultPath, labelOf, metricPath, parseMetricPath, STATISTICS } from "epochal/dimensions.js";
import { Menu } from "epochal/menu.js";
import { Select } from "epochal/panel.js";

const LISTED = 60;
const DIFFERS = "Config that differs";
const SAME = "Config that is the same";

/**
 * Returns all dimensions that can be chosen: keys that differ first, then metrics.
 * @param {import("epochal/run_table.js").RunTable} table
 * @returns {{path: string, label: string, group: string}[]}
 */
export function choicesOf(table) {
  const keys = [...table.config].sort((a, b) => Number(b.varies) - Number(a.varies));
  return [
    ...keys.map(({ path, label, varies }) => ({ path, label, group: varies ? DIFFERS : SAME })),
    ...table.metrics.map((metric) => (
      { path: defaultPath(metric), label: metric.name, group: "Metrics", metric: metric.name })),
  ];
}

/**
 * A menu with a box for each dimension.
 * @param {{table: object, chosen: string[], onChange: (paths: string[]) => void}} props
 */
export function AxesMenu({ table, chosen, onChange }) {
  const [query, setQuery] = useState("");
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const all = choicesOf(table).filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
  const metrics = new Map(chosen.map((path) => [parseMetricPath(path)?.metric, path]));
  const chosenPath = (each) => (each.metric ? metrics.get(each.metric) : chosen.includes(each.path) && each.path);
  const flip = (each) => {
    const there = chosenPath(each);
    onChange(there ? chosen.filter((path) => path !== there) : [...chosen, each.path]);
  };
  return html`<${Menu} label="Choose axes" text=${`Axes (${chosen.length})`} class="button small">
    <div class="axes-menu">
      <input class="input" type="search" aria-label="Search axes" placeholder="Search" value=${query}
        onInput=${(event) => setQuery(event.currentTarget.value)} />
      ${all.slice(0, LISTED).map((each, i) => html`${each.group !== all[i - 1]?.group && html`<div class="menu-head">
        ${each.group}</div>`}
        <label class="check axes-choice" key=${each.path}><input type="checkbox" checked=${Boolean(chosenPath(each))}
          onChange=${() => flip(each)} />
          <span>${each.label}</span></label>`)}
      ${all.length > LISTED && html`<p class="muted">${all.length - LISTED} more: search for them</p>`}
    </div><//>`;
}

/**
 * A choice of one dimension; of a metric also of the number that counts.
 * @param {{label: string, table: object, value: string | null, onChange: (path: string) => void, empty?: string}} props
 */
export function DimensionSelect({ label, table, value, onChange, empty }) {
  const metric = value ? parseMetricPath(value) : null;
  const shown = choicesOf(table);
  const at = metric ? shown.find((each) => each.metric === metric.metric)?.path ?? value : value ?? "";
  const options = shown.map((each) => [each.path, each.label]);
  if (at && !shown.some((each) => each.path === at)) options.unshift([at, labelOf(at)]);
  return html`<span class="dimension-select">
    <${Select} label=${label} value=${at} options=${options} onChange=${onChange} empty=${empty} />
    ${metric && html`<${Select} label=${`number of ${label}`} hidden value=${metric.statistic} options=${STATISTICS}
      onChange=${(statistic) => onChange(metricPath(metric.metric, statistic))} />`}
  </span>`;
}
