/**
 * Preact and htm under one name: every component imports from here.
 *
 *   import { html, useState } from "epochal/html.js";
 */
import { h } from "preact";
import htm from "htm";
import { printable } from "epochal/format.js";

export { cloneElement, Component, createContext, createRef, Fragment, h, render } from "preact";
export {
  useCallback, useContext, useErrorBoundary, useEffect, useId, useLayoutEffect, useMemo, useReducer,
  useRef, useState,
} from "preact/hooks";

/**
 * A tagged template that makes virtual elements: html`<b>${text}</b>`. Text is never parsed, and on
 * every page what a name hides is shown: control characters and those that turn the direction of
 * text. Values and addresses stay as they are.
 */
export const html = htm.bind(element);

const SAID = ["title", "aria-label", "aria-valuetext", "alt", "placeholder", "label"];

function element(type, props, ...children) {
  if (typeof type !== "string") return h(type, props, ...children);
  let said = props;
  for (const name of props ? SAID : []) {
    if (typeof props[name] === "string") said = { ...said, [name]: printable(props[name]) };
  }
  return h(type, said, ...children.map(shown));
}

function shown(child) {
  if (typeof child === "string") return printable(child);
  return Array.isArray(child) && child.some((each) => typeof each === "string") ? child.map(shown) : child;
}

/**
 * Joins class names and leaves out what is false: classes("row", selected && "selected").
 * @param {...(string|false|null|undefined)} names
 * @returns {string}
 */
export function classes(...names) {
  return names.filter(Boolean).join(" ");
}
