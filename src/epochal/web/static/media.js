/** The media of a run: every key at one step, beside those of other runs at the same step. */
import { html, useMemo } from "epochal/html.js";
import { isStatic } from "epochal/api.js";
import { count, exact, num } from "epochal/format.js";
import { IconButton } from "epochal/icons.js";
import { useKeys } from "epochal/keys.js";
import { useJSON, useMany, useNear } from "epochal/load.js";
import { HistogramKey } from "epochal/media_histogram.js";
import { itemsAt, joinedKeys, joinedSteps, placeOf } from "epochal/media_steps.js";
import { MediaItem } from "epochal/media_view.js";
import { Choice, Loading, Select, Nothing, Pending } from "epochal/panel.js";
import { RunPicker, useRuns } from "epochal/run_picker.js";
import { useSettledKey } from "epochal/settled_key.js";
import { useView } from "epochal/store.js";
import { TextItem } from "epochal/texts.js";

const SIZES = [["s", "Small"], ["m", "Medium"], ["l", "Large"]];
const MOST_RUNS = 6;
const NARROW = new Set(["image", "figure", "video", "audio"]);

/**
 * The tab.
 * @param {{run: object, version: number}} props version: grows when there is more
 */
export function MediaTab({ run, version }) {
  const [view, setView] = useView();
  const size = SIZES.some(([each]) => each === view.q.ms) ? view.q.ms : "m";
  const others = (view.q.runs ?? "").split(",").filter((id) => id && id !== run.id);
  const ids = [run.id, ...others].slice(0, MOST_RUNS);
  const { keys, known, error } = useMediaKeys(ids, version);
  const chosen = keys.find((each) => nameOf(each) === view.q.k);
  const shown = chosen ? [chosen] : keys;
  const steps = useMemo(() => joinedSteps(shown), [keys, chosen]);
  const [st, setStep] = useSettledKey("st");
  const asked = st === null || Number.isNaN(Number(st)) ? null : Number(st);
  const step = asked === null ? null : steps[placeOf(steps, asked)] ?? null;
  const runs = useRuns(ids.length > 1 ? run.slug : null);
  if (!known) return error ? html`<${Pending} of=${{ error }} />` : html`<${Loading} what="Reading the media" />`;
  if (!keys.length && ids.length === 1) return html`<${NoMedia} />`;
  return html`<div class="media-page">
    <div class="toolbar media-tools">
      <${Select} label="Key" value=${chosen ? view.q.k : ""} empty=${`All keys (${keys.length})`}
        options=${keys.map((each) => [nameOf(each), `${each.key} (${each.count})`])}
        onChange=${(k) => setView({ k: k || null })} />
      <${StepSlider} steps=${steps} step=${step} onChange=${setStep} />
      <${Choice} label="Size" value=${size} options=${SIZES}
        onChange=${(ms) => setView({ ms: ms === "m" ? null : ms })} />
      ${!isStatic && html`<${RunPicker} slug=${run.slug} chosen=${ids} fixed=${run.id} most=${MOST_RUNS}
        label="Add a run beside it" onChange=${(all) => setView({ runs: all.slice(1).join(",") || null })} />`}
    </div>
    <div class="media-sections">${shown.map((each) => html`<${KeySection} key=${nameOf(each)} of=${each}
      ids=${ids} runs=${runs} step=${step} size=${size} />`)}</div>
  </div>`;
}

const nameOf = ({ type, key }) => `${type === "text" ? "text" : "media"}:${key}`;

/** The keys of media and texts of some runs. */
function useMediaKeys(ids, version) {
  const media = useMany(ids.map((id) => `/api/run/${id}/media`), version);
  const texts = useMany(ids.map((id) => `/api/run/${id}/texts`), version);
  const known = media[0].data !== null && texts[0].data !== null;
  const lists = ids.map((_, i) => media[i].data && [
    ...media[i].data.keys,
    ...(texts[i].data?.keys ?? []).map(textKey),
  ]);
  return { keys: joinedKeys(lists), known, error: media[0].error ?? texts[0].error };
}

const textKey = (each) => (typeof each === "string"
  ? { key: each, type: "text", count: 1, steps: [] } : { ...each, type: "text", steps: each.steps ?? [] });

function StepSlider({ steps, step, onChange }) {
  const at = placeOf(steps, step);
  const move = (by) => {
    const to = Math.max(0, Math.min(steps.length - 1, at + by));
    if (steps.length) onChange(to === steps.length - 1 ? null : String(steps[to]));
  };
  useKeys({ "[": ["Media: step back", () => move(-1)], "]": ["Media: step on", () => move(1)] });
  if (!steps.length) return html`<span class="muted">no steps</span>`;
  const shown = exact(steps[at]);
  return html`<div class="step-slider">
    <${IconButton} icon="arrowLeft" label="Step back ([)" disabled=${at <= 0} onClick=${() => move(-1)} />
    <input type="range" aria-label="Step" aria-valuetext=${`step ${shown}`} min="0" max=${steps.length - 1}
      value=${at}
      onInput=${(event) => move(Number(event.currentTarget.value) - at)} />
    <${IconButton} icon="arrowRight" label="Step on (])" disabled=${at >= steps.length - 1}
      onClick=${() => move(1)} />
    <output>step <strong>${shown}</strong> <span class="muted">
      ${at + 1} of ${steps.length}${step === null ? ", the latest" : ""}</span></output>
  </div>`;
}

/** One key: a column for each run. */
function KeySection({ of, ids, runs, step, size }) {
  const [ref, near] = useNear();
  const several = ids.length > 1;
  const narrow = !several && NARROW.has(of.type) ? "media-narrow" : "";
  return html`<section class=${`media-key media-size-${size} ${narrow}`} ref=${ref} aria-label=${of.key}>
    <header class="media-key-head"><h2>${of.key}</h2>
      <span class="muted">${of.type}${of.type === "text" ? "" : `, ${count(of.count, "item")}`}</span></header>
    <div class=${several ? "media-columns" : ""}
      style=${several ? { gridTemplateColumns: `repeat(${ids.length}, minmax(220px, 1fr))` } : null}>
      ${ids.map((id, i) => html`<div class="media-column" key=${id}>
        ${several && html`<h3 class="media-run">${runs?.find((run) => run.id === id)?.name ?? id}</h3>`}
        ${!of.per[i] ? html`<p class="muted">This run has none.</p>`
          : near ? html`<${KeyOfRun} id=${id} of=${of.per[i]} step=${step} />`
            : html`<p class="muted">…</p>`}
      </div>`)}
    </div>
  </section>`;
}

function KeyOfRun({ id, of, step }) {
  const kind = of.type === "text" ? "texts" : "media";
  const found = useJSON(`/api/run/${id}/${kind}?key=${encodeURIComponent(of.key)}`, `${of.count} ${of.steps.at(-1)}`);
  if (!found.data) return html`<${Pending} of=${found} />`;
  if (of.type === "histogram") return html`<${HistogramKey} data=${found.data} step=${step} />`;
  const { items, step: at, next } = itemsAt(found.data.items, step);
  if (!items.length) return html`<p class="muted">Nothing yet; the first is at step ${num(next)}.</p>`;
  const off = step !== null && at !== null && at !== step;
  return html`${off && html`<p class="muted media-off">of step ${exact(at)}, the last before it</p>`}
    <div class=${of.type === "text" ? "text-list" : `media-grid media-${of.type}s`}>
      ${items.map((item, i) => of.type === "text"
        ? html`<${TextItem} key=${i} item=${item} />`
        : html`<${MediaItem} key=${`${item.n}`} id=${id} item=${item} among=${items} />`)}
    </div>
    ${found.data.left_out > 0 && html`<p class="muted">
      ${count(found.data.left_out, "earlier text")} left out: they are very long.</p>`}`;
}

function NoMedia() {
  return html`<${Nothing} title="No media have been logged">
    <p>Images, videos, audio, text, figures, tables, histograms and pages appear here:</p>
    <pre class="code">run.log({"samples": epochal.Image(array)}, step=step)</pre><//>`;
}
