// Building parts of the page. Data only ever becomes text, never markup.

export const byId = (id) => document.getElementById(id);

const PICTURE = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a child is a node or a text. */
export const element = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);

/** The same of a picture. */
export const drawn = (name, attributes = {}, ...children) =>
  filled(document.createElementNS(PICTURE, name), attributes, children);

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

/** Sets a text where it is another one, so that nothing is read out again without need. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A list of facts, those without a value left out. Each is a name and a text or node. */
export const facts = (pairs) =>
  pairs
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);

/** Asks the worker. Fails with the worker's own sentence where it refuses. */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the worker does not answer");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error ?? `the worker answers ${answer.status}`);
  return body;
}
