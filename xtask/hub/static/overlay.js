// The panel that shows problems at the bottom of any page. It leaves the page usable, folds, and goes away by itself when all is solved.
import { paint, plain } from "./ansi.js";

const WORDS = {
  compile: "Does not compile", migration: "Migration failed", proxy: "Proxy refused its configuration", service: "Service is not well",
  panic: "Program panicked", template: "Template cannot be used", config: "Settings are wrong", image: "Image was not built",
};

const SHEET = `
:host { all: initial; color-scheme: light dark; position: fixed; inset: auto 0 0 0; z-index: 2147483647; pointer-events: none; display: block; }
@media print { :host { display: none; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.panel {
  --surface: #fffdf9; --ink: #17232c; --soft: #56636c; --line: #ded8ca; --edge: #8c8371; --hull: #a8371f; --wash: #f8e6df; --sea: #14666b; --focus: #0b5cad;
  --c0: #17232c; --c1: #a8371f; --c2: #2c6b1d; --c3: #7d5a00; --c4: #1f55a8; --c5: #8a2c86; --c6: #14666b; --c7: #56636c;
  --c8: #56636c; --c9: #b02a12; --c10: #2c6b1d; --c11: #7d5a00; --c12: #1f55a8; --c13: #8a2c86; --c14: #0d6468; --c15: #17232c;
  pointer-events: auto; display: flex; flex-direction: column; max-width: 64rem; max-height: min(55vh, 34rem); max-height: min(55dvh, 34rem); margin: 0 auto;
  border: 1px solid var(--edge); border-top: 0.25rem solid var(--hull); border-bottom: 0; border-radius: 0.75rem 0.75rem 0 0;
  background: var(--surface); color: var(--ink); box-shadow: 0 -0.5rem 2.5rem rgb(20 15 5 / 28%);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; text-align: start;
}
@media (prefers-color-scheme: dark) {
  .panel {
    --surface: #15222b; --ink: #e9eef0; --soft: #9fb1ba; --line: #26363f; --edge: #6f838f; --hull: #ff9470; --wash: #35211d; --sea: #63c3bd; --focus: #8cc4ff;
    --c0: #9fb1ba; --c1: #ff8f78; --c2: #93d17c; --c3: #e6c15c; --c4: #8cb8ff; --c5: #e3a1e0; --c6: #63c3bd; --c7: #e9eef0;
    --c8: #9fb1ba; --c9: #ff9d88; --c10: #a5e08f; --c11: #f0d070; --c12: #9cc4ff; --c13: #efb3ec; --c14: #7ad6d0; --c15: #ffffff;
  }
}
.head { display: flex; align-items: center; gap: 0.5rem 0.75rem; padding: 0.5rem 0.6rem 0.5rem 1.1rem; }
.said { flex: 1; min-width: 0; }
.kind { margin: 0; color: var(--hull); font-size: 0.8125rem; font-weight: 650; }
.kind span { color: var(--soft); font-weight: 500; }
.title { margin: 0; font-size: 1.0625rem; font-weight: 650; line-height: 1.35; overflow-wrap: anywhere; }
.place { display: inline-block; margin: 0; padding-block: 0.1rem; color: var(--sea); font: 0.875rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; text-underline-offset: 0.2em; overflow-wrap: anywhere; }
.title:focus { outline: none; }
.buttons { display: flex; flex: none; align-self: flex-start; align-items: center; gap: 0.15rem; }
.count { color: var(--soft); font-size: 0.875rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
button { display: grid; place-items: center; width: 2.75rem; height: 2.75rem; padding: 0; border: 0; border-radius: 0.5rem; background: none; color: var(--soft); font: inherit; cursor: pointer; }
button:hover { background: var(--wash); color: var(--ink); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
svg { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentcolor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.text { flex: 1; min-height: 0; margin: 0; padding: 0.8rem 1.1rem 1.1rem; border-top: 1px solid var(--line); overflow: auto; color: var(--ink);
  font: 0.8125rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; tab-size: 4; overscroll-behavior: contain; }
.text[data-wrap] { white-space: pre-wrap; overflow-wrap: anywhere; }
.panel[data-folded] { max-width: 34rem; }
.panel[data-folded] .head { padding-block: 0.25rem; }
.panel[data-folded] .title { font-size: 0.9375rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.panel[data-folded] .kind { display: inline; }
.panel[data-folded] :is(.place, .text) { display: none; }
.panel[data-folded] .fold svg { transform: rotate(180deg); }
.bold { font-weight: 700; } .dim { color: var(--soft); } .italic { font-style: italic; } .underline { text-decoration: underline; }
${Array.from({ length: 16 }, (_, n) => `.fg-${n} { color: var(--c${n}); } .bg-${n} { background: color-mix(in srgb, var(--c${n}) 18%, transparent); }`).join("\n")}
@media (max-width: 40rem) { .panel { border-inline: 0; } .head { padding-inline-start: 0.9rem; } .text { padding-inline: 0.9rem; } }
@media (prefers-reduced-motion: no-preference) { .panel { animation: rise 180ms cubic-bezier(0.2, 0.8, 0.2, 1); } @keyframes rise { from { transform: translateY(1.5rem); opacity: 0; } } }
`;

let host, parts, problems = [], current = 0;

/** Shows these problems, or nothing when there are none. */
export function showProblems(list) {
  const shown = problems[current];
  problems = list;
  if (list.length === 0) {
    host?.remove();
    return;
  }
  const again = shown ? list.findIndex((problem) => problem.key === shown.key) : -1;
  current = Math.max(again, 0);
  if (!host) build();
  // At the end of the document, not in its body: pages replace that.
  if (!host.isConnected) document.documentElement.append(host);
  draw();
}

function build() {
  host = document.createElement("dev-problems");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(SHEET);
  root.adoptedStyleSheets = [sheet];
  const make = (name, className, attributes = {}) => {
    const element = document.createElement(name);
    element.className = className;
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    return element;
  };
  const panel = make("section", "panel", { role: "region", "aria-label": "Problem in development" });
  const head = make("div", "head");
  const said = make("div", "said", { role: "alert" });
  const kind = make("p", "kind");
  const title = make("p", "title", { tabindex: "-1" });
  const place = make("a", "place");
  const buttons = make("div", "buttons");
  const count = make("span", "count");
  const next = make("button", "next", { type: "button", "aria-label": "Next problem", title: "Next problem" });
  const fold = make("button", "fold", { type: "button", title: "Fold (Esc)" });
  const text = make("pre", "text", { tabindex: "0", role: "group", "aria-label": "What was said" });
  next.append(icon("M9 5l7 7-7 7"));
  fold.append(icon("M5 9l7 7 7-7"));
  said.append(kind, title, place);
  buttons.append(count, next, fold);
  head.append(said, buttons);
  panel.append(head, text);
  root.append(panel);
  parts = { panel, kind, title, place, count, next, fold, text };
  next.addEventListener("click", () => {
    current = (current + 1) % problems.length;
    draw();
  });
  fold.addEventListener("click", () => setFolded(!isFolded()));
  // Escape folds from anywhere, unless the page has its own use for it.
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !host.isConnected || isFolded()) return;
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    setFolded(true);
  });
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

let drawn = "";

function draw() {
  const problem = problems[current];
  const { panel, kind, title, place, count, next, text } = parts;
  const now = JSON.stringify([problem, problems.length, current]);
  panel.toggleAttribute("data-folded", isFolded());
  foldWords();
  // What did not change is not said again to people who listen.
  if (now === drawn) return;
  drawn = now;
  const service = document.createElement("span");
  service.textContent = problem.service ? ` · ${problem.service}` : "";
  kind.replaceChildren(WORDS[problem.kind] ?? "Problem", service);
  title.textContent = plain(problem.title ?? problem.key);
  place.hidden = !problem.file;
  place.textContent = [problem.file, problem.line, problem.column].filter((part) => part != null).join(":");
  if (isEditor(problem.editor)) place.href = problem.editor;
  else place.removeAttribute("href");
  text.replaceChildren(paint((problem.text ?? "").trimEnd()));
  text.hidden = !problem.text;
  // The columns of what the compiler says have a meaning; other lines may be long sentences.
  text.toggleAttribute("data-wrap", problem.kind !== "compile");
  text.scrollTop = 0;
  next.hidden = problems.length < 2;
  count.hidden = problems.length < 2;
  count.textContent = `${current + 1} of ${problems.length}`;
}

/** An address that opens an editor, and none that runs something in this page. */
export function isEditor(address) {
  return typeof address === "string" && /^[a-z][a-z0-9+.-]*:/i.test(address) && !/^(javascript|data|vbscript|blob|file):/i.test(address);
}

const FOLDED = "dev:folded";

function name() {
  const { key, title, file, line } = problems[current];
  return JSON.stringify([key, title, file, line]);
}

function isFolded() {
  try {
    return sessionStorage.getItem(FOLDED) === name();
  } catch {
    return false;
  }
}

function setFolded(folded) {
  if (folded) sessionStorage.setItem(FOLDED, name());
  else sessionStorage.removeItem(FOLDED);
  parts.panel.toggleAttribute("data-folded", folded);
  foldWords();
}

function foldWords() {
  const folded = parts.panel.hasAttribute("data-folded");
  parts.fold.setAttribute("aria-expanded", String(!folded));
  parts.fold.setAttribute("aria-label", folded ? "Show the problem" : "Fold the problem");
  parts.fold.title = folded ? "Show" : "Fold (Esc)";
}
