// The drawing of what needs what. The table has the same in words.
import { drawn, element } from "./element.js";
import { layout } from "./layers.js";
import { judged } from "./services.js";

const BOX = { width: 112, height: 46 };
const GAP = { x: 20, y: 40, bend: 10 };

let before = "";

/** Draws the services; nothing when they look as before. */
export function drawGraph(services) {
  const shown = services.map((service) => [service.name, service.depends_on, judged(service)]);
  const now = JSON.stringify(shown);
  if (now === before) return;
  before = now;
  const place = document.getElementById("graph");
  if (services.length === 0) {
    place.replaceChildren();
    return;
  }
  const { layers, edges } = layout(services.map((service) => ({ name: service.name, needs: service.depends_on ?? [] })));
  const widthOf = (node) => (node.name ? BOX.width : GAP.bend);
  const rowWidth = (layer) => layer.reduce((sum, node) => sum + widthOf(node) + GAP.x, -GAP.x);
  const width = Math.max(...layers.map(rowWidth));
  const height = layers.length * (BOX.height + GAP.y) - GAP.y;
  layers.forEach((layer, row) => {
    let x = (width - rowWidth(layer)) / 2;
    for (const node of layer) {
      node.x = x + widthOf(node) / 2;
      node.y = row * (BOX.height + GAP.y);
      x += widthOf(node) + GAP.x;
    }
  });
  const states = new Map(shown.map(([name, , state]) => [name, state]));
  const words = services.map((service) => `${service.name}, ${states.get(service.name).words}, needs ${service.depends_on?.join(", ") || "nothing"}`).join("; ");
  const margin = 3;
  const svg = drawn("svg", { class: "graph", role: "img", "aria-label": words, viewBox: `${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`, width: width + 2 * margin, height: height + 2 * margin },
    ...edges.map((path) => drawn("path", { class: "edge", d: line(path) })),
    ...layers.flat().filter((node) => node.name).map((node) => box(node, states.get(node.name))));
  place.replaceChildren(element("div", { class: "scroll" }, svg));
}

/** From the lower side of a box, past the bends, to the upper side of another. */
function line(path) {
  const [first, ...rest] = path;
  let y = first.y + BOX.height;
  let x = first.x;
  let d = `M${x} ${y}`;
  for (const node of rest) {
    const middle = (y + node.y) / 2;
    d += ` C${x} ${middle} ${node.x} ${middle} ${node.x} ${node.y}`;
    if (!node.name) d += ` V${node.y + BOX.height}`;
    x = node.x;
    y = node.y + BOX.height;
  }
  return d;
}

function box(node, { kind, words }) {
  const [left, middle] = [node.x - BOX.width / 2, node.x];
  return drawn("g", { class: `box box-${kind}` },
    drawn("rect", { x: left, y: node.y, width: BOX.width, height: BOX.height, rx: 10 }),
    drawn("text", { class: "box-name", x: middle, y: node.y + 19, "text-anchor": "middle" }, short(node.name)),
    drawn("text", { class: "box-words", x: middle, y: node.y + 36, "text-anchor": "middle" }, words));
}

function short(name) {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}
