/** Small charts in the table: the shape of one metric for the runs in sight. */
import { html } from "epochal/html.js";
import { useEffect, useRef, useState } from "preact/hooks";
import { postFrames } from "epochal/api.js";
import { decode } from "epochal/frames.js";

const FIRST_MS = 700; // the charts beside the table come first
const WAIT_MS = 150;
const AGAIN_MS = 4000;
const POINTS = 120;
const COARSE = 12; // a curve of fewer points, where there are more, has lost its shape
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
      known.busy = true;
      const found = await load(metric, lacking);
      Object.assign(known, { busy: false, at: Date.now() });
      for (const id of lacking) known.versions.set(id, versions[id] ?? 0);
      setCurves((old) => new Map([...(known.metric === metric ? old : []), ...found]));
      setRounds((n) => n + 1); // what came into sight meanwhile
    }, wait);
    return () => clearTimeout(timer);
  }, [metric, wanted.join(), versions, rounds]);
  return curves;
}

/**
 * Loads the curves of some runs. An answer has the places of its longest run; runs so short that they
 * hardly have two of those are asked for once more, by themselves.
 * @param {string} metric
 * @param {string[]} runs ids
 * @param {(body: object) => Promise<{charts: object[]}>} [ask]
 * @returns {Promise<Map<string, {x: number[], y: number[]}|null>>} null: no curve
 */
export async function load(metric, runs, ask = askSeries) {
  const body = { metrics: [metric], x: "step", range: null, width: POINTS, lead: 0, counts: false };
  const curves = new Map(runs.map((id) => [id, null]));
  let asked = runs;
  try {
    for (let round = 0; round < 2 && asked.length; round++) {
      const lanes = (await ask({ ...body, runs: asked })).charts[0]?.lanes ?? [];
      for (const lane of lanes) curves.set(lane.run, curve(lane));
      asked = lanes.filter(isCoarse).map(({ run }) => run);
    }
  } catch {
    // a table without its small charts is still a table; other requests tell what is wrong
  }
  return curves;
}

async function askSeries(body) {
  return decode(await postFrames("/api/series", body));
}

/** Says whether a run has more points than the few that are left of it. */
function isCoarse({ mean, points }) {
  const left = mean.reduce((n, value) => n + Number.isFinite(value), 0);
  return left < COARSE && points > left;
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
