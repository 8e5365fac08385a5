/** Small charts in the table: the shape of one metric for the runs in sight. */
import { html } from "epochal/html.js";
import { useEffect, useRef, useState } from "preact/hooks";
import { postFrames } from "epochal/api.js";
import { decode } from "epochal/frames.js";

const FIRST_MS = 700; // the charts beside the table come first
const WAIT_MS = 150;
const AGAIN_MS = 4000;
const POINTS = 120;
const MOST_RUNS = 120;
const [WIDTH, HEIGHT] = [58, 20];

/**
 * Loads the curves of the runs in sight; those that were loaded stay.
 * @param {string|null} metric null: none
 * @param {string[]} ids
 * @param {Object<string, number>} versions
 * @returns {Map<string, {x: number[], y: number[]}>}
 */
export function useTrends(metric, ids, versions) {
  const [curves, setCurves] = useState(new Map());
  const [rounds, setRounds] = useState(0);
  const loaded = useRef({ metric: null, versions: new Map(), at: 0, busy: false });
  const wanted = ids.slice(0, MOST_RUNS);
  useEffect(() => {
    const known = loaded.current;
    if (!metric || !wanted.length || known.busy) return undefined;
    if (known.metric !== metric) Object.assign(known, { metric, versions: new Map(), at: 0 });
    const lacking = wanted.filter((id) => known.versions.get(id) !== (versions[id] ?? 0));
    if (!lacking.length) return undefined;
    const fresh = lacking.some((id) => !known.versions.has(id));
    const wait = !known.at ? FIRST_MS : fresh ? WAIT_MS : Math.max(WAIT_MS, known.at + AGAIN_MS - Date.now());
    const timer = setTimeout(async () => {
      const found = await load(metric, lacking, known);
      for (const id of lacking) known.versions.set(id, versions[id] ?? 0);
      setCurves((old) => new Map([...(known.metric === metric ? old : []), ...found]));
      setRounds((n) => n + 1); // what came into sight meanwhile
    }, wait);
    return () => clearTimeout(timer);
  }, [metric, wanted.join(), versions, rounds]);
  return curves;
}

async function load(metric, runs, known) {
  const body = { runs, metrics: [metric], x: "step", range: null, width: POINTS, lead: 0, counts: false };
  const curves = new Map(runs.map((id) => [id, null]));
  known.busy = true;
  try {
    const { charts } = decode(await postFrames("/api/series", body));
    for (const lane of charts[0]?.lanes ?? []) curves.set(lane.run, curve(lane));
  } catch {
    // a table without its small charts is still a table; other requests tell what is wrong
  } finally {
    Object.assign(known, { busy: false, at: Date.now() });
  }
  return curves;
}

function curve({ grid, mean }) {
  const x = [];
  const y = [];
  for (let i = 0; i < mean.length; i++) {
    if (!Number.isFinite(mean[i])) continue;
    x.push(grid[i]);
    y.push(mean[i]);
  }
  return x.length > 1 ? { x, y } : null;
}

/**
 * One small chart.
 * @param {{curve: {x: number[], y: number[]}|null|undefined, color: string, metric: string}} props
 */
export function Trend({ curve: drawn, color, metric }) {
  if (!drawn) return null;
  return html`<svg
    class="trend"
    viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
    width=${WIDTH}
    height=${HEIGHT}
    role="img"
    aria-label=${`${metric} over its steps`}
  >
    <path d=${pathOf(drawn.x, drawn.y, WIDTH, HEIGHT)} style=${{ stroke: color }} />
  </svg>`;
}

/**
 * The path of a curve that fills a box, with a pixel and a half of room above and below.
 * @param {ArrayLike<number>} x rising
 * @param {ArrayLike<number>} y finite
 * @param {number} width
 * @param {number} height
 * @returns {string}
 */
export function pathOf(x, y, width, height) {
  const [left, right] = [x[0], x[x.length - 1]];
  const low = Math.min(...y);
  const high = Math.max(...y);
  const room = 1.5;
  let path = "";
  for (let i = 0; i < y.length; i++) {
    const px = right > left ? ((x[i] - left) / (right - left)) * (width - 2) + 1 : width / 2;
    const share = high > low ? (y[i] - low) / (high - low) : 0.5;
    path += `${i ? "L" : "M"}${px.toFixed(1)} ${(height - room - share * (height - 2 * room)).toFixed(1)}`;
  }
  return path;
}
