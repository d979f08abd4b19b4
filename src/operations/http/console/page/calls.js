// The calls that this worker has finished, and the record of one.

import { ask, byId, element, facts, say } from "./dom.js";
import { CLASSES, classMeans, classOf, clock, endMeans, moment, reasonMeans, took } from "./words.js";

/** Calls that the page remembers, and those it shows at first. */
const KEPT = 1000;
const SHOWN = 50;

let calls = [];
let missed = 0;
let most = SHOWN;

/** What the worker tells, the last call first: all it keeps where `fresh`, otherwise those since. */
export function addCalls({ fresh, calls: told, missed: between }) {
  if (fresh) {
    calls = [];
    missed = 0;
  } else {
    missed += between;
  }
  calls = [...told, ...calls].slice(0, KEPT);
  offer(byId("filter-account"), accounts());
  byId("accounts").replaceChildren(...accounts().map((id) => element("option", { value: id })));
  show();
}

const accounts = () => [...new Set(calls.map((call) => call.account).filter(Boolean))].sort();

/** Further choices of a list, without a change of what is chosen. */
function offer(list, values) {
  const there = new Set([...list.options].map((option) => option.value));
  list.append(
    ...values.filter((value) => !there.has(value)).map((value) => element("option", { value }, value)),
  );
}

function wanted(call) {
  const text = byId("filter-text").value.trim().toLowerCase();
  const account = byId("filter-account").value;
  const kind = byId("filter-class").value;
  return (
    (account === "" || call.account === account) &&
    (kind === "" || classOf(call.end) === kind) &&
    (text === "" || Object.values(call).some((value) => String(value).toLowerCase().includes(text)))
  );
}

function show() {
  const found = calls.filter(wanted);
  const body = byId("calls-table").tBodies[0];
  // Rows stay what they were, and with them the keyboard's place.
  const rows = new Map([...body.rows].map((row) => [row.call, row]));
  const shown = found.slice(0, most).map((call) => rows.get(call) ?? row(call));
  const kept = new Set(shown);
  for (const old of [...body.rows]) if (!kept.has(old)) old.remove();
  shown.forEach((row, index) => {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  byId("calls-table").hidden = shown.length === 0;
  byId("calls-more").hidden = found.length <= most;
  const gap = missed > 0 ? ` ${missed} more ended too quickly one after the other to be shown here.` : "";
  let note = `${found.length} of ${calls.length} calls.`;
  if (calls.length === 0) note = "No call has ended since this worker started.";
  else if (found.length === calls.length) note = `${calls.length} ${calls.length === 1 ? "call" : "calls"}.`;
  say(byId("calls-note"), note + gap);
}

function row(call) {
  const made = element(
    "tr",
    {},
    cell("Time", element("time", { title: moment(call.began_at_ms) }, clock(call.began_at_ms)), "short first"),
    cell("Call", element("a", { href: link(call.call_id), class: "code" }, call.call_id), "whole"),
    cell("Account", call.account && element("span", { class: "code", title: call.account }, short(call.account)), "short named"),
    cell("Mode", call.mode, "named"),
    cell("Caller ID", callerId(call), "named"),
    cell("Destination", call.destination, "named"),
    cell("Reason", call.reason && element("span", { title: reasonMeans(call.reason) }, call.reason), "named"),
    cell("Ended", ended(call), "first"),
    cell("Took", took(call.took_ms), "number first"),
  );
  made.call = call;
  return made;
}

function cell(label, content, kind) {
  const attributes = { "data-label": label, class: kind };
  if (content === undefined || content === "") return element("td", attributes);
  return element("td", attributes, typeof content === "string" ? element("span", {}, content) : content);
}

const link = (id) => `#call=${encodeURIComponent(id)}`;
const short = (account) => (account.length > 12 ? `${account.slice(0, 8)}…` : account);
const callerId = (call) => [call.name, call.number].filter(Boolean).join(" ");

const ended = (call) =>
  element(
    "span",
    { class: `badge kind-${classOf(call.end)}`, title: `${classMeans(classOf(call.end))}: ${endMeans(call.end) ?? ""}` },
    call.end,
  );

/** Shows the call that the address names, or closes what shows one. */
export async function showNamedCall() {
  const dialog = byId("call");
  const named = location.hash.match(/^#call=(.+)$/);
  if (!named) {
    if (dialog.open) dialog.close();
    return;
  }
  let id = named[1];
  try {
    id = decodeURIComponent(id);
  } catch {
    // Typed by hand, perhaps: then it is the id itself.
  }
  say(byId("call-id"), id);
  const place = byId("call-records");
  place.replaceChildren(element("p", {}, "Asking the worker"));
  if (!dialog.open) dialog.showModal();
  const found = await recordsOf(id);
  // Meanwhile another call may have been asked for.
  if (location.hash === named[0]) place.replaceChildren(...found);
}

async function recordsOf(id) {
  try {
    const { calls: records } = await ask(`calls/${encodeURIComponent(id)}`);
    return records.map(record);
  } catch (error) {
    return [element("p", { class: "notice waiting" }, sentence(error.message))];
  }
}

function record(call) {
  const explained = (code, meaning) => code && (meaning ? `${code}: ${meaning}` : code);
  return element(
    "dl",
    { class: "facts" },
    ...facts([
      ["Began", moment(call.began_at_ms)],
      ["Took", took(call.took_ms)],
      ["Account", call.account && element("span", { class: "code" }, call.account)],
      ["Callflow", call.callflow && element("span", { class: "code" }, call.callflow)],
      ["Came by", call.seam],
      ["Mode", call.mode],
      ["List", call.list && element("span", { class: "code" }, call.list)],
      ["Entry", call.entry],
      ["Outcome", call.outcome],
      ["Reason", explained(call.reason, reasonMeans(call.reason))],
      ["Caller ID", callerId(call) || "not changed"],
      ["Destination", call.destination ?? "not changed"],
      ["Ended", explained(call.end, endMeans(call.end))],
    ]),
  );
}

export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

export function startCalls() {
  byId("filter-class").append(...CLASSES.map(([name, said]) => element("option", { value: name }, said)));
  byId("filter").addEventListener("input", () => {
    most = SHOWN;
    show();
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("calls-more").firstElementChild.addEventListener("click", () => {
    most += SHOWN;
    show();
  });
  byId("call").addEventListener("close", () => {
    if (location.hash.startsWith("#call=")) history.replaceState(null, "", location.pathname + location.search);
  });
  window.addEventListener("hashchange", showNamedCall);
}
