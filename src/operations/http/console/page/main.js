// Starts the page and listens to the worker.

import { addCalls, showNamedCall, startCalls } from "./calls.js";
import { addSlots, startCharts } from "./charts.js";
import { ask, byId, element, say } from "./dom.js";
import { showSettings } from "./settings.js";
import { startSimulate } from "./simulate.js";
import { showState } from "./state.js";
import { clock, learn } from "./words.js";

/** How long the worker may be silent before the page says so. It tells something each second. */
const SILENCE_MS = 5000;
/** How soon a stream that the worker has refused is asked for again; a broken one comes by itself. */
const AGAIN_MS = 3000;

let heardAt = Date.now();

function live(kind, text) {
  const badge = byId("live");
  badge.className = `badge ${kind}`;
  say(badge, text);
}

function listen() {
  const events = new EventSource("events");
  const hear = (name, show) =>
    events.addEventListener(name, (event) => {
      heardAt = Date.now();
      live("up", "Live");
      byId("main").classList.remove("stale");
      show(JSON.parse(event.data));
    });
  hear("state", showState);
  hear("calls", addCalls);
  hear("slots", addSlots);
  events.addEventListener("error", async () => {
    if (events.readyState !== EventSource.CLOSED) return;
    await look();
    setTimeout(listen, AGAIN_MS);
  });
}

/** The state alone, where too many pages listen already. */
async function look() {
  try {
    showState(await ask("state"));
    heardAt = Date.now();
    byId("main").classList.remove("stale");
    live("waiting", "Not live: other pages watch this worker");
  } catch {
    // It does not answer at all, which `watch` says.
  }
}

function watch() {
  if (Date.now() - heardAt < SILENCE_MS) return;
  live("down", `Nothing heard since ${clock(heardAt)}`);
  byId("main").classList.add("stale");
  const ready = byId("ready");
  ready.className = "notice down";
  say(ready, "The worker does not answer. What is shown below may no longer be true.");
}

startCharts();
startCalls();
startSimulate();
setInterval(watch, 1000);
try {
  await Promise.all([learn(), showSettings()]);
} catch (error) {
  byId("notices").replaceChildren(element("li", {}, `The settings cannot be shown: ${error.message}.`));
}
listen();
await showNamedCall();
