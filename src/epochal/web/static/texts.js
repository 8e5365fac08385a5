/** Logged texts, with the prompt and the settings that they were generated with. */
import { html } from "epochal/html.js";
import { lineOf } from "epochal/nested.js";
import { CopyButton } from "epochal/panel.js";

/**
 * A logged text.
 * @param {{item: {text: string, caption: string, about: Record<string, unknown>}}} props
 */
export function TextItem({ item }) {
  const { prompt, ...settings } = item.about ?? {};
  const named = Object.entries(settings).filter(([, value]) => value !== null);
  return html`<article class="text-item">
    <div class="text-tools">
      ${item.caption && html`<span class="caption">${item.caption}</span>`}
      ${named.map(([name, value]) => html`<span class="setting" key=${name}><span class="muted">${name}</span>
        ${lineOf(value)}</span>`)}
      <span class="spacer"></span>
      <${CopyButton} text=${item.text} label="Copy the text" />
    </div>
    ${prompt !== undefined && prompt !== null && html`<div class="text-prompt"><span class="muted">Prompt</span>
      <div class="text-body">${String(prompt)}</div></div>`}
    <div class="text-body" tabindex="0">${item.text}</div>
  </article>`;
}
