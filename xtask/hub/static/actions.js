// What people can ask `cargo xtask dev` for, and what came of it.
import { paint } from "./ansi.js";
import { element } from "./element.js";

/** The actions that are about the whole stack, in their order. Others that the hub names have no button here. */
const GLOBAL = [["migrate", "Migrate"], ["snapshot", "Snapshot"], ["smoke", "Smoke test"]];

let offered = false;
const running = new Set();

/** Whether somebody is there to do what is asked for. */
export function offer(is) {
  offered = is;
  mark();
}

/** The buttons of the whole stack. */
export function drawActions(names) {
  const place = document.getElementById("actions");
  const wanted = GLOBAL.filter(([name]) => names?.includes(name));
  if (place.dataset.names === String(wanted)) return;
  place.dataset.names = String(wanted);
  place.replaceChildren(...wanted.map(([name, words]) => actionButton(name, words)));
}

/** A button that asks for something. */
export function actionButton(name, words, service) {
  const button = element("button", { class: "button", type: "button", "data-action": `${name} ${service ?? ""}`, click: () => run(name, words, service) }, words, service && element("span", { class: "hidden" }, ` ${service}`));
  markOne(button);
  return button;
}

async function run(name, words, service) {
  const key = `${name} ${service ?? ""}`;
  // A button that goes on or has nobody behind it stays where the focus is, and does nothing.
  if (running.has(key) || !offered) return;
  running.add(key);
  mark();
  const what = service ? `${words} ${service}` : words;
  show("busy", `${what} …`);
  try {
    const response = await fetch("/_dev/actions", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name, service }) });
    const { ok, text } = await response.json();
    show(ok ? "good" : "bad", `${what}: ${ok ? "done" : "failed"}`, text);
  } catch (error) {
    show("bad", `${what}: the hub did not answer`, String(error));
  } finally {
    running.delete(key);
    mark();
  }
}

function mark() {
  document.querySelectorAll("[data-action]").forEach(markOne);
}

function markOne(button) {
  const busy = running.has(button.dataset.action);
  button.setAttribute("aria-disabled", String(busy || !offered));
  button.setAttribute("aria-busy", String(busy));
  button.title = offered ? "" : "`cargo xtask dev` is not attached";
}

function show(kind, words, text) {
  const close = element("button", { class: "button button-quiet", type: "button", click: () => document.getElementById("result").replaceChildren() }, "Close");
  const kinds = { good: "notice notice-good", bad: "notice notice-bad", busy: "notice" };
  document.getElementById("result").replaceChildren(
    element("div", { class: kinds[kind] }, element("p", {}, element("strong", {}, words)), kind !== "busy" && close, text && element("pre", { tabindex: "0", "aria-label": "Result" }, paint(text))));
}
