// The connections and the figures of the last minute.

import { byId, element, say } from "./dom.js";
import { CLASSES, moment, rate, since, took } from "./words.js";

const SAID = { up: "Up", waiting: "Waiting", down: "Down" };
const MINUTE_S = 60;
const WAITING_MS = 1000;

export function showState(state) {
  say(
    byId("identity"),
    `${state.node} · zone ${state.zone} · ${state.seams} · version ${state.version}`,
  );
  const ready = byId("ready");
  ready.className = `notice ${state.ready ? "up" : "down"}`;
  say(
    ready,
    state.ready
      ? "This worker takes calls."
      : `This worker is not ready. ${state.obstacles.join(". ")}`,
  );
  document.title = `${state.ready ? "" : "Not ready: "}kazoo-dynamic-cid, ${state.node}`;

  showLinks([
    ["RabbitMQ", state.rabbitmq],
    ["CouchDB", state.couchdb],
    ...state.other_zones.map((link) => [`Notices of zone ${link.zone}`, link]),
  ]);

  showRunning(state.oldest, state.now_ms);

  const minute = state.last_minute;
  const calls = CLASSES.reduce((sum, [name]) => sum + minute[name], 0);
  const elapsed = (state.now_ms - state.started_at_ms) / 1000;
  // A worker that has just begun has less than a minute behind it.
  const seconds = Math.max(1, Math.min(MINUTE_S, elapsed));
  showFigures([
    ["Calls in flight", String(state.in_flight), `of ${state.most_in_flight}`],
    ["Calls per second", rate(calls / seconds), "last minute"],
    ["Median time", thousandths(minute.p50_us), "last minute"],
    ["99 of 100 within", thousandths(minute.p99_us), "last minute"],
    ["Failed", String(minute.failed), "last minute"],
    ["Running for", since(elapsed), `since ${moment(state.started_at_ms)}`],
  ]);
}

const thousandths = (us) => took(us === null ? null : us / 1000);

function showLinks(links) {
  const list = byId("links");
  const cards = resized(list, links.length, () =>
    element("div", {}, element("dt"), element("dd", {}, element("span"), element("div"))),
  );
  links.forEach(([name, link], index) => {
    const [term, description] = cards[index].children;
    const [word, text] = description.children;
    say(term, name);
    word.className = `word ${link.state}`;
    say(word, SAID[link.state] ?? link.state);
    say(text, link.text);
  });
}

/** Calls that answer at once come and go too quickly to be read; those that wait are of interest. */
function showRunning(calls, now) {
  const waiting = calls.filter((call) => now - call.began_at_ms >= WAITING_MS);
  const table = byId("running");
  const rows = resized(table.tBodies[0], waiting.length, () =>
    element(
      "tr",
      {},
      element("td", { class: "short" }),
      element("td", { class: "code whole" }),
      element("td", { class: "code" }),
    ),
  );
  waiting.forEach(({ call_id: id, account, began_at_ms: began }, index) => {
    const [time, call, of] = rows[index].children;
    say(time, `${Math.floor((now - began) / 1000)} s`);
    say(call, id);
    say(of, account ?? "");
  });
  table.hidden = waiting.length === 0;
}

function showFigures(figures) {
  const cards = resized(byId("figures"), figures.length, () =>
    element("div", {}, element("dt"), element("dd", {}, element("span"), " ", element("small"))),
  );
  figures.forEach(([name, value, about], index) => {
    const [term, description] = cards[index].children;
    say(term, name);
    say(description.children[0], value);
    say(description.children[1], about);
  });
}

/** The children of a list, of which there are now so many. */
function resized(list, count, make) {
  while (list.children.length > count) list.lastElementChild.remove();
  while (list.children.length < count) list.append(make());
  return list.children;
}
