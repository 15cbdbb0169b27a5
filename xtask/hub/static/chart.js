// How long edits took from the save to the running program: a bar for each of the last changes, and the same as a table.
import { clock, drawn, duration, element } from "./element.js";

const SIZE = { width: 520, height: 190, left: 46, bottom: 6, top: 16 };
const PARTS = [["detect_ms", "detect"], ["build_ms", "build"], ["swap_ms", "swap"]];
const PHASES = { building: "builds", swapping: "swaps", done: "done", failed: "failed", cancelled: "overtaken by a newer save" };

let list = [];
let chosen = null;
let parts;

/** Draws the changes, oldest first. */
export function drawChart(changes) {
  list = changes;
  if (!parts) build();
  parts.empty.hidden = list.length > 0;
  parts.filled.hidden = list.length === 0;
  if (list.length === 0) return;
  bars();
  rows();
  tell();
}

const total = (change) => PARTS.reduce((sum, [part]) => sum + (change[part] ?? 0), 0);
const keyOf = (change) => `${change.feed}/${change.id}`;

function build() {
  const svg = drawn("svg", { class: "chart", role: "img", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, preserveAspectRatio: "none" });
  const frame = element("div", { class: "chart-frame", tabindex: "0", role: "group", "aria-label": "Changes; arrow keys go from one to the next" }, svg);
  const said = element("div", { class: "chart-said", role: "status" });
  const body = element("tbody");
  const table = element("details", {}, element("summary", {}, "As a table"),
    element("div", { class: "scroll chart-table", tabindex: "0", role: "group", "aria-label": "Changes" }, element("table", { class: "data" },
      element("thead", {}, element("tr", {}, ...["Time", "Files", "Detect", "Build", "Swap", "Outcome"].map((words) => element("th", { scope: "col" }, words)))), body)));
  const legend = element("p", { class: "legend" }, ...PARTS.map(([, name]) => element("span", { class: `key key-${name}` }, name)), element("span", { class: "key key-failed" }, "failed"));
  const empty = element("p", { class: "none" }, "No edit yet. Save a file, and its way is drawn here.");
  const filled = element("div", { class: "chart-parts" }, legend, frame, said, table);
  parts = { svg, said, body, empty, filled };
  document.getElementById("chart").replaceChildren(empty, filled);
  const pick = (event) => {
    const { left, width } = svg.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * SIZE.width - SIZE.left;
    choose(Math.floor((x / (SIZE.width - SIZE.left)) * slots()) - (slots() - list.length));
  };
  frame.addEventListener("pointermove", pick);
  frame.addEventListener("click", pick);
  frame.addEventListener("pointerleave", () => choose(null));
  frame.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const now = list.findIndex((change) => keyOf(change) === chosen);
    choose(Math.min(list.length - 1, Math.max(0, (now < 0 ? list.length - 1 : now) + steps[event.key])));
  });
}

function choose(index) {
  const change = index === null ? null : list[Math.min(list.length - 1, Math.max(0, index))];
  const next = change ? keyOf(change) : null;
  if (next === chosen) return;
  chosen = next;
  bars();
  tell();
}

/** How many bars there is room for: few are not drawn as walls. */
const slots = () => Math.max(list.length, 24);

function bars() {
  // One build of everything must not press all others flat: what is longer than the scale is cut and marked.
  const sorted = list.map(total).sort((one, other) => one - other);
  const scale = niceAbove(Math.min(sorted.at(-1), sorted[Math.floor(sorted.length * 0.9)] * 1.5) || 1);
  const room = SIZE.height - SIZE.bottom - SIZE.top;
  const step = (SIZE.width - SIZE.left) / slots();
  const y = (ms) => SIZE.height - SIZE.bottom - (Math.min(ms, scale) / scale) * room;
  const shapes = [0, 0.5, 1].flatMap((part) => [
    drawn("line", { class: "grid", x1: SIZE.left, x2: SIZE.width, y1: y(scale * part), y2: y(scale * part) }),
    drawn("text", { class: "tick", x: SIZE.left - 6, y: y(scale * part) + 4, "text-anchor": "end" }, part === 0 ? "0" : short(scale * part)),
  ]);
  list.forEach((change, index) => {
    const x = SIZE.left + (slots() - list.length + index) * step;
    const width = Math.max(1.5, step * 0.72);
    const marks = keyOf(change) === chosen ? [drawn("rect", { class: "bar-chosen", x: x - (step - width) / 2, y: SIZE.top, width: step, height: room })] : [];
    let sum = 0;
    for (const [part, name] of PARTS) {
      const ms = change[part] ?? 0;
      if (ms > 0 && sum < scale) marks.push(drawn("rect", { class: `bar-${name}`, x, width, y: y(sum + ms), height: Math.max(0.8, y(sum) - y(sum + ms)) }));
      sum += ms;
    }
    if (sum > scale) marks.push(drawn("path", { class: "bar-cut", d: `M${x} ${SIZE.top - 3} l${width / 2} -6 l${width / 2} 6 z` }));
    if (change.phase === "failed") marks.push(drawn("rect", { class: "bar-failed", x, width, y: y(sum) - 5, height: 4 }));
    shapes.push(drawn("g", { class: `bar bar-is-${change.phase}` }, ...marks));
  });
  parts.svg.setAttribute("aria-label", `The last ${list.length} changes; the slowest took ${duration(sorted.at(-1))}, half of them at most ${duration(sorted[Math.floor((sorted.length - 1) / 2)])}`);
  parts.svg.replaceChildren(...shapes);
}

/** A round number that is not below this one. */
function niceAbove(ms) {
  const power = 10 ** Math.floor(Math.log10(ms));
  return power * [1, 2, 4, 5, 8, 10].find((factor) => factor * power >= ms);
}

const short = (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);

function files({ paths = [] }) {
  return paths.length > 1 ? `${paths[0]} and ${paths.length - 1} more` : paths[0] ?? "no file";
}

function tell() {
  const change = list.find((other) => keyOf(other) === chosen) ?? list.at(-1);
  const times = PARTS.filter(([part]) => change[part] != null).map(([part, name]) => `${name} ${duration(change[part])}`).join(" · ");
  const phase = PHASES[change.phase] ?? change.phase;
  parts.said.replaceChildren(
    element("p", { class: "said-file" }, element("code", {}, files(change))),
    element("p", { class: "soft" }, `${chosen ? "" : "Last: "}${clock(change.at)} · ${phase}${change.what?.length ? ` · ${change.what.join(", ")}` : ""}`),
    element("p", { class: "soft" }, `${times} · ${duration(total(change))} in all`));
}

function rows() {
  const cell = (ms) => element("td", { class: "number" }, ms == null ? "–" : duration(ms));
  parts.body.replaceChildren(...[...list].reverse().map((change) => element("tr", {},
    element("td", { class: "number" }, clock(change.at)), element("td", {}, files(change)), ...PARTS.map(([part]) => cell(change[part])), element("td", {}, PHASES[change.phase] ?? change.phase))));
}
