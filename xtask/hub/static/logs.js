// Live logs. All lines that the hub keeps are kept here too, so that a filter answers at once; only the newest that pass are in the document.
import { paint } from "./ansi.js";
import { element } from "./element.js";

/** As many as the hub keeps, in number and, roughly, in characters. */
const KEPT = 20_000;
const KEPT_CHARACTERS = 16 * 1024 * 1024;
/** How many are in the document, and how many of them are drawn at once: the others follow when those are to be seen. */
const SHOWN = 1000;
const AT_ONCE = 150;
const LEVELS = { trace: 0, debug: 1, info: 2, warn: 3, warning: 3, error: 4, fatal: 4, panic: 4, critical: 4 };
/** What a line says elsewhere in its row. */
const SAID_ELSEWHERE = new Set(["timestamp", "time", "level", "service", "message", "request_id"]);

const byId = (id) => document.getElementById(id);
const [log, lines, form] = [byId("log"), byId("log-lines"), byId("log-filter")];

let kept = [];
let characters = 0;
let fresh = [];
/** The newest lines that pass: those in the document, and older ones that are on their way there. */
let view = [];
let last = -1;
let lost = 0;
let passed = 0;
let paused = false;
let following = true;
let frame = 0;
let filling = 0;
let filter = read();

/** Takes lines from the hub. */
export function addLogs({ skipped, lines: batch }) {
  lost += skipped;
  for (const line of batch) {
    if (line.n <= last) continue;
    last = line.n;
    kept.push(line);
    characters += line.text.length;
    if (!paused && passes(line)) fresh.push(line);
  }
  trim();
  draw();
}

/** Forgets all: the hub tells them anew. */
export function clearLogs() {
  kept = [];
  fresh = [];
  characters = 0;
  last = -1;
  lost = 0;
  again();
}

/** The services whose lines can be chosen. */
export function setServices(names) {
  const select = byId("log-service");
  const known = [...select.options].slice(1).map((option) => option.value);
  if (String(known) === String(names)) return;
  const before = select.value;
  select.replaceChildren(element("option", { value: "" }, "All"), ...names.map((name) => element("option", { value: name }, name)));
  select.value = names.includes(before) ? before : "";
  if (select.value !== before) again();
}

/** Drops the oldest in large steps: one at a time would move all others each time. */
function trim() {
  if (kept.length <= KEPT * 1.1 && characters <= KEPT_CHARACTERS * 1.1) return;
  let drop = Math.max(0, kept.length - KEPT);
  for (let index = 0; index < drop; index += 1) characters -= kept[index].text.length;
  while (characters > KEPT_CHARACTERS) characters -= kept[drop++].text.length;
  kept = kept.slice(drop);
}

function read() {
  const data = new FormData(form);
  const text = (name) => String(data.get(name) ?? "").trim();
  return { service: text("service"), level: LEVELS[text("level")] ?? -1, text: text("q").toLowerCase(), request: text("request_id") };
}

const levelOf = (line) => LEVELS[(line.level ?? "").toLowerCase()] ?? LEVELS.info;

function passes(line) {
  return (!filter.service || line.service === filter.service)
    && levelOf(line) >= filter.level
    && (!filter.request || line.request_id === filter.request)
    && (!filter.text || line.text.toLowerCase().includes(filter.text));
}

/** Filters all lines again. */
function again() {
  filter = read();
  fresh = kept.filter(passes);
  passed = 0;
  view = [];
  clearTimeout(filling);
  lines.replaceChildren();
  following = true;
  draw();
}

/** Draws with the next picture, however many lines came before it. */
function draw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const news = fresh;
    fresh = [];
    passed += news.length;
    view = [...view, ...news.slice(-SHOWN)];
    // Somebody who reads older lines must not see them move away, up to the bound of the document.
    if (view.length > SHOWN && (following || view.length > 2 * SHOWN)) view = view.slice(-SHOWN);
    if (news.length > AT_ONCE) {
      lines.replaceChildren(...view.slice(-AT_ONCE).map(row));
      clearTimeout(filling);
      filling = setTimeout(fill, 50);
    } else {
      lines.append(...news.map(row));
      while (lines.childElementCount > view.length) lines.firstElementChild.remove();
    }
    settle();
  });
}

/** Puts the older lines above those that were drawn at once. */
function fill() {
  if (frame) {
    filling = setTimeout(fill, 50);
    return;
  }
  lines.prepend(...view.slice(0, view.length - lines.childElementCount).map(row));
  settle();
}

function settle() {
  if (following) log.scrollTop = log.scrollHeight;
  words();
}

function words() {
  const number = (count) => count.toLocaleString("en-GB");
  const shown = view.length;
  const filtered = filter.service || filter.level >= 0 || filter.text || filter.request;
  byId("log-words").textContent = [
    filtered ? `${number(passed)} of ${number(kept.length)} lines` : `${number(kept.length)} lines`,
    shown < passed && `the newest ${number(shown)} are shown`,
    lost > 0 && `${number(lost)} older ones are gone`,
    paused && "paused",
  ].filter(Boolean).join(" · ");
  byId("log-none").hidden = shown > 0;
  byId("log-none").textContent = filtered ? "No line passes the filter." : "Nothing was said yet.";
  byId("log-newest").hidden = following;
}

function row(line) {
  const level = ["trace", "debug", "info", "warn", "error"][levelOf(line)];
  const request = line.request_id && element("button", { type: "button", class: "request", title: `Only request ${line.request_id}`, "data-request": line.request_id }, line.request_id.slice(0, 8));
  return element("li", { class: `line line-${level}` },
    element("time", { datetime: line.at }, time(line.at)),
    element("span", { class: "line-service" }, line.service),
    element("span", { class: "line-level" }, (line.level ?? "").toLowerCase()),
    element("span", { class: "line-text" }, ...message(line.text), " ", request));
}

const clocks = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

function time(at) {
  const date = new Date(at);
  return Number.isNaN(date.valueOf()) ? at : clocks.format(date);
}

/** What an application says in JSON, as people say it; anything else as it is. */
function message(text) {
  const said = text.startsWith("{") ? parsed(text) : null;
  if (!said) return [paint(text)];
  const fields = { ...said, ...(typeof said.fields === "object" ? said.fields : {}) };
  delete fields.fields;
  const rest = Object.entries(fields).filter(([name, value]) => !SAID_ELSEWHERE.has(name) && value !== "" && value !== null);
  const words = rest.map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join("  ");
  return [String(fields.message ?? ""), words && element("span", { class: "line-fields" }, ` ${words}`)].filter(Boolean);
}

function parsed(text) {
  try {
    const said = JSON.parse(text);
    return said && typeof said === "object" && !Array.isArray(said) ? said : null;
  } catch {
    return null;
  }
}

form.addEventListener("input", again);
form.addEventListener("submit", (event) => event.preventDefault());
byId("log-pause").addEventListener("click", ({ currentTarget }) => {
  paused = !paused;
  currentTarget.setAttribute("aria-pressed", String(paused));
  currentTarget.textContent = paused ? "Go on" : "Pause";
  if (paused) words();
  else again();
});
lines.addEventListener("click", ({ target }) => {
  const request = target.closest("[data-request]")?.dataset.request;
  if (!request) return;
  byId("log-request").value = request;
  again();
  byId("log-request").focus();
});
log.addEventListener("scroll", () => {
  const now = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  if (now !== following) {
    following = now;
    words();
  }
});
// In a narrower window the lines are higher: the newest stay in view.
new ResizeObserver(() => {
  if (following) log.scrollTop = log.scrollHeight;
}).observe(log);
byId("log-newest").addEventListener("click", () => {
  following = true;
  log.scrollTop = log.scrollHeight;
  words();
  log.focus();
});
