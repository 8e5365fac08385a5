/** Logged audio: its waveform, which is also where to click, and the browser's player. */
import { html, useEffect, useRef, useState } from "epochal/html.js";
import { resolveColor } from "epochal/color.js";
import { useNear, useSize } from "epochal/load.js";
import { useTheme } from "epochal/theme.js";

const DECODED_BYTES = 30e6;
const LANE = 44;

/**
 * Returns the extremes of samples in so many equal pieces.
 * @param {ArrayLike<number>} samples @param {number} pieces
 * @returns {{low: Float32Array, high: Float32Array}}
 */
export function peaks(samples, pieces) {
  const low = new Float32Array(pieces);
  const high = new Float32Array(pieces);
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = Math.floor((piece * samples.length) / pieces);
    const to = Math.max(from + 1, Math.floor(((piece + 1) * samples.length) / pieces));
    let [least, most] = [Infinity, -Infinity];
    for (let i = from; i < to && i < samples.length; i += 1) {
      if (samples[i] < least) least = samples[i];
      if (samples[i] > most) most = samples[i];
    }
    low[piece] = least === Infinity ? 0 : least;
    high[piece] = most === -Infinity ? 0 : most;
  }
  return { low, high };
}

/**
 * Audio.
 * @param {{url: string, item: object}} props
 */
export function AudioItem({ url, item }) {
  const [near, isNear] = useNear();
  const [played, setPlayed] = useState(0);
  const player = useRef(null);
  const { channels, problem } = useSamples(isNear && item.bytes <= DECODED_BYTES ? url : null);
  const seek = (share) => {
    const audio = player.current;
    if (Number.isFinite(audio?.duration)) audio.currentTime = share * audio.duration;
  };
  const follow = (event) => setPlayed(event.currentTarget.currentTime / (event.currentTarget.duration || 1));
  return html`<div class="audio" ref=${near}>
    ${channels && html`<${Waveform} channels=${channels} played=${played} seek=${seek} />`}
    ${problem && html`<p class="muted">The waveform cannot be drawn: ${problem}</p>`}
    <audio ref=${player} src=${url} controls preload="metadata" aria-label=${item.caption || item.key}
      onTimeUpdate=${follow} onSeeked=${follow}></audio>
  </div>`;
}

function useSamples(url) {
  const [found, setFound] = useState({ channels: null, problem: "" });
  useEffect(() => {
    if (!url) return undefined;
    const stop = new AbortController();
    decode(url, stop.signal).then(
      (channels) => setFound({ channels, problem: "" }),
      (error) => stop.signal.aborted || setFound({ channels: null, problem: error.message }),
    );
    return () => stop.abort();
  }, [url]);
  return found;
}

async function decode(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const context = new OfflineAudioContext(1, 1, 44100);
  const buffer = await context.decodeAudioData(await answer.arrayBuffer());
  return Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
}

function Waveform({ channels, played, seek }) {
  const theme = useTheme();
  const [box, { width }] = useSize();
  const canvas = useRef(null);
  const height = LANE * Math.min(channels.length, 2) + (channels.length === 1 ? 12 : 0);
  useEffect(() => {
    if (width) draw(canvas.current, channels.slice(0, 2), width, height);
  }, [channels, width, height, theme]);
  const click = (event) => seek((event.clientX - event.currentTarget.getBoundingClientRect().left) / width);
  return html`<div class="waveform" ref=${box} onClick=${click} title="Click to listen from here"
    style=${{ height: `${height}px` }}>
    <canvas ref=${canvas} role="img"
      aria-label=${`Waveform, ${channels.length === 1 ? "one channel" : `${channels.length} channels`}`}></canvas>
    <span class="waveform-played" style=${{ left: `${played * 100}%` }}></span>
  </div>`;
}

function draw(canvas, channels, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ink = canvas.getContext("2d");
  ink.scale(ratio, ratio);
  ink.fillStyle = resolveColor("var(--accent)");
  const lane = height / channels.length;
  channels.forEach((samples, i) => {
    const middle = lane * (i + 0.5);
    const { low, high } = peaks(samples, width);
    for (let x = 0; x < width; x += 1) {
      const top = middle - Math.min(1, high[x]) * (lane / 2 - 1);
      const bottom = middle - Math.max(-1, low[x]) * (lane / 2 - 1);
      ink.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  });
}
