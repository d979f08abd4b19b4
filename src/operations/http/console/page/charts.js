// Two small charts of the slots that the worker keeps.

import { byId, drawn, element } from "./dom.js";
import { CLASSES, plain, took } from "./words.js";

const SLOTS = 120;
const HEIGHT = 170;
const LEFT = 52;
const BOTTOM = 20;
const TOP = 8;

let slots = [];
let slotSeconds = 5;
/** As wide as the page gives, so that the text keeps its size. */
let width = 600;

/** What the worker tells: all slots where `fresh`, otherwise those that came since. */
export function addSlots({ fresh, slot_s: seconds, slots: told }) {
  slotSeconds = seconds;
  slots = (fresh ? told : [...slots, ...told]).slice(-SLOTS);
  draw();
}

function draw() {
  const shown = aligned();
  drawRates(shown);
  drawTimes(shown);
}

/** Draws anew where the page has got another width. */
export function startCharts() {
  const observer = new ResizeObserver(([{ contentRect }]) => {
    const now = Math.max(240, Math.round(contentRect.width));
    if (now === width) return;
    width = now;
    draw();
  });
  observer.observe(byId("rate-chart"));
}

/** So many slots as fit, with gaps where the worker was not there yet. */
const aligned = () => [...Array(SLOTS - slots.length).fill(null), ...slots];

const x = (index) => LEFT + (index * (width - LEFT)) / SLOTS;
const y = (share) => HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP);

const total = (slot) => CLASSES.reduce((sum, [name]) => sum + (slot?.[name] ?? 0), 0);

function drawRates(shown) {
  const top = ceiling(Math.max(...shown.map(total)) / slotSeconds, 1);
  const step = (width - LEFT) / SLOTS;
  const bars = CLASSES.map(([name]) => drawn("path", { class: name, d: "" }));
  const paths = CLASSES.map(() => []);
  shown.forEach((slot, index) => {
    let below = 0;
    CLASSES.forEach(([name], order) => {
      const share = (slot?.[name] ?? 0) / slotSeconds / top;
      if (share === 0) return;
      const from = y(below);
      const to = y(below + share);
      paths[order].push(`M${round(x(index))} ${round(from)}h${round(step * 0.8)}V${round(to)}h-${round(step * 0.8)}z`);
      below += share;
    });
  });
  bars.forEach((bar, order) => bar.setAttribute("d", paths[order].join("")));
  const sums = CLASSES.map(([name]) => shown.reduce((sum, slot) => sum + (slot?.[name] ?? 0), 0));
  const all = sums.reduce((sum, count) => sum + count, 0);
  const words = CLASSES.map(([, said], order) => `${sums[order]} ${said}`).join(", ");
  const label = all === 0 ? "No calls in the last 10 minutes" : `Calls of the last 10 minutes: ${words}`;
  const ticks = [0, top / 2, top].map((value) => [value / top, plain(value)]);
  byId("rate-chart").replaceChildren(chart(label, ticks, all === 0 ? "no calls" : null, bars));
  const entries = CLASSES.map(([name, said], order) => {
    const mark = drawn("rect", { class: name, width: 20, height: 12 });
    return legend(mark, `${said}: ${sums[order]}`);
  });
  byId("rate-legend").replaceChildren(...entries);
}

function drawTimes(shown) {
  const times = shown.flatMap((slot) => (slot?.p99_us ? [slot.p50_us, slot.p99_us] : []));
  // Powers of ten around what was measured: a stall must not flatten all the rest.
  const low = times.length > 0 ? Math.floor(Math.log10(Math.min(...times))) : 3;
  const high = times.length > 0 ? Math.max(low + 1, Math.ceil(Math.log10(Math.max(...times)))) : 5;
  const share = (us) => (Math.log10(us) - low) / (high - low);
  const lines = ["p50", "p99"].map((name) => {
    const points = shown.map((slot, index) => {
      const us = slot?.[`${name}_us`];
      return us ? [x(index + 0.5), y(share(us))] : null;
    });
    return drawn("path", { class: name, d: path(points) });
  });
  const last = shown.findLast((slot) => slot?.p99_us);
  const said = (name) => (last ? took(last[`${name}_us`] / 1000) : "–");
  const label = last
    ? `Time to the answer, the last measured: median ${said("p50")}, 99 of 100 within ${said("p99")}`
    : "No answer was measured in the last 10 minutes";
  const ticks = [];
  for (let power = low; power <= high; power += 1) {
    ticks.push([share(10 ** power), power < 6 ? `${plain(10 ** power / 1000)} ms` : `${plain(10 ** power / 1e6)} s`]);
  }
  byId("time-chart").replaceChildren(chart(label, ticks, last ? null : "no answers", lines));
  const entries = [["p50", "median"], ["p99", "99 of 100 within"]].map(([name, words]) => {
    const mark = drawn("path", { class: name, d: "M0 6H20" });
    return legend(mark, `${words}: ${said(name)}`);
  });
  byId("time-legend").replaceChildren(...entries);
}

/** Points as lines; a point without neighbours is a short one. */
function path(points) {
  let drawnTo = false;
  return points
    .map((point) => {
      if (!point) {
        drawnTo = false;
        return "";
      }
      const at = `${round(point[0])} ${round(point[1])}`;
      const part = drawnTo ? `L${at}` : `M${at}m-2 0h4m-2 0`;
      drawnTo = true;
      return part;
    })
    .join("");
}

function chart(label, ticks, empty, content) {
  const lines = ticks.flatMap(([share, text]) => [
    drawn("line", { class: "grid", x1: LEFT, x2: width, y1: y(share), y2: y(share) }),
    drawn("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, text),
  ]);
  const times = [[0, "−10 min", "start"], [0.5, "−5 min", "middle"], [1, "now", "end"]].map(
    ([share, text, anchor]) =>
      drawn("text", { x: LEFT + share * (width - LEFT), y: HEIGHT - 5, "text-anchor": anchor }, text),
  );
  const nothing = empty
    ? [drawn("text", { x: (width + LEFT) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, empty)]
    : [];
  const box = { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label };
  return drawn("svg", box, ...lines, ...content, ...times, ...nothing);
}

function legend(mark, text) {
  const picture = drawn("svg", { viewBox: "0 0 20 12", "aria-hidden": "true" }, mark);
  return element("li", {}, picture, text);
}

/** The next round number above: 1, 2 or 5 times a power of ten. */
function ceiling(value, least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, least)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= value);
}

const round = (number) => Math.round(number * 10) / 10;
