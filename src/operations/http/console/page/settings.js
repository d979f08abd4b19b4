// The settings in force and where each comes from.

import { ask, byId, element } from "./dom.js";
import { sentence } from "./calls.js";

export async function showSettings() {
  const body = byId("settings-table").tBodies[0];
  const { settings, notices } = await ask("settings");
  body.replaceChildren(...settings.map(row));
  byId("notices").replaceChildren(...notices.map((notice) => element("li", {}, sentence(notice))));
  byId("settings-given").addEventListener("change", (event) => {
    for (const line of body.rows) line.hidden = event.target.checked && line.dataset.origin === "default";
  });
}

const row = ({ name, value, origin, meaning }) =>
  element(
    "tr",
    { "data-origin": origin },
    element("th", { scope: "row", class: "whole" }, element("span", { class: "code" }, name)),
    element("td", { "data-label": "Value", class: "named" }, element("span", { class: "code" }, value)),
    element(
      "td",
      { "data-label": "Comes from", class: "named" },
      element("span", { class: origin === "default" ? "quiet" : null }, origin),
    ),
    element("td", { class: "whole" }, element("span", { class: "quiet" }, meaning)),
  );
