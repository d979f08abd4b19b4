// The form that simulates a call.

import { ask, byId, element, facts, say } from "./dom.js";
import { sentence } from "./calls.js";
import { reasonMeans } from "./words.js";

export function startSimulate() {
  byId("simulate-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const button = form.querySelector("button");
    const status = byId("simulate-status");
    const call = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    button.disabled = true;
    status.className = "";
    say(status, "Reading the documents");
    try {
      const told = await ask("simulate", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(call),
      });
      show(call, told);
      say(status, `Simulated: ${told.steps.length} steps, reason ${told.reason}.`);
    } catch (error) {
      byId("simulate-result").hidden = true;
      status.className = "notice down";
      say(status, sentence(error.message));
    } finally {
      button.disabled = false;
      // The keyboard was on the button, which cannot hold it while it is off.
      if (document.activeElement === document.body) button.focus();
    }
  });
}

function show(call, told) {
  const result = byId("simulate-result");
  const changed = [told.caller_id_name, told.caller_id_number].filter(Boolean).join(" ");
  const meaning = reasonMeans(told.reason);
  result.querySelector(".facts").replaceChildren(
    ...facts([
      ["Dialled", call.dial],
      ["Mode", told.mode],
      ["Reason", meaning ? `${told.reason}: ${meaning}` : told.reason],
      ["Outcome", told.outcome],
      ["Caller ID", changed || "not changed"],
      ["Destination", told.destination ?? "not changed"],
      ["Entry", told.entry],
      ["Answer", told.answer],
    ]),
  );
  result.querySelector(".steps").replaceChildren(...told.steps.map(step));
  result.querySelector(".warnings").replaceChildren(
    ...told.warnings.map((warning) => element("li", {}, `Warning: ${sentence(warning)}`)),
  );
  say(result.querySelector("pre"), JSON.stringify(told.result, null, 2));
  result.hidden = false;
}

function step({ at_ms: at, text }) {
  const when = at === undefined ? undefined : element("span", { class: "quiet" }, ` (${at} ms)`);
  return element("li", {}, text, when);
}
