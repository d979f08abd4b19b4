// What the worker's codes mean, and how numbers are written.

import { ask } from "./dom.js";

/** The classes of ends, in the order in which they are shown. */
export const CLASSES = [
  ["decided", "decided"],
  ["undecided", "let through undecided"],
  ["ended", "ended with a message"],
  ["gone", "gone before the decision"],
  ["failed", "failed"],
];

let known = { reasons: {}, ends: {} };

export async function learn() {
  known = await ask("words");
}

export const reasonMeans = (reason) => known.reasons[reason];
export const endMeans = (end) => known.ends[end]?.meaning;
export const classOf = (end) => known.ends[end]?.class ?? "failed";
export const classMeans = (kind) => CLASSES.find(([name]) => name === kind)?.[1] ?? kind;

const two = (number) => String(number).padStart(2, "0");

/** The time of day. */
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Date and time. */
export function moment(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

/** A length of time in milliseconds, to three digits. */
export function took(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 60000) return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10000 ? 1 : 2)} s`;
  if (ms >= 10 || Number.isInteger(ms)) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms >= 1 ? 1 : 2)} ms`;
}

/** How long ago something began, in seconds. */
export function since(seconds) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/** A number without zeros behind the point. */
export const plain = (number) => String(Number(number.toPrecision(3)));

export const rate = (perSecond) =>
  perSecond >= 100 || perSecond === 0 ? String(Math.round(perSecond)) : perSecond.toFixed(perSecond >= 10 ? 1 : 2);
