/**
 * Preact and htm under one name: every component imports from here.
 *
 *   import { html, useState } from "epochal/html.js";
 */
import { h } from "preact";
import htm from "htm";

export { cloneElement, Component, createContext, createRef, Fragment, h, render } from "preact";
export {
  useCallback, useContext, useErrorBoundary, useEffect, useId, useLayoutEffect, useMemo, useReducer,
  useRef, useState,
} from "preact/hooks";

/** A tagged template that makes virtual elements: html`<b>${text}</b>`. Text is never parsed. */
export const html = htm.bind(h);

/**
 * Joins class names and leaves out what is false: classes("row", selected && "selected").
 * @param {...(string|false|null|undefined)} names
 * @returns {string}
 */
export function classes(...names) {
  return names.filter(Boolean).join(" ");
}
