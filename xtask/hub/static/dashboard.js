// The page for developers: one stream of events, handed to the parts of the page.
import { paint, plain } from "./ansi.js";
import { drawActions, offer } from "./actions.js";
import { drawChart } from "./chart.js";
import { element } from "./element.js";
import { drawGraph } from "./graph.js";
import { addLogs, clearLogs, setServices } from "./logs.js";
import { drawServices, judged } from "./services.js";

const byId = (id) => document.getElementById(id);

const problems = new Map();
const changes = new Map();
let state;

const on = {
  hello() {
    // The stream begins with everything that is known: what was shown before is shown again, once.
    problems.clear();
    changes.clear();
    clearLogs();
    drawProblems();
  },
  state(next) {
    state = next;
    document.title = `Development · ${next.project}`;
    byId("project").textContent = next.project;
    byId("where").replaceChildren(...[next.environment, next.instance].filter(Boolean).map((word) => element("span", {}, word)));
    setServices(next.services.map((service) => service.name));
    drawState();
  },
  problem(problem) {
    problems.set(problem.key, problem);
    drawProblems();
  },
  solved({ key }) {
    problems.delete(key);
    drawProblems();
  },
  attached: () => attached(true),
  detached: () => attached(false),
  changes(list) {
    list.forEach(putChange);
    drawChart([...changes.values()]);
  },
  change(change) {
    putChange(change);
    drawChart([...changes.values()]);
  },
  logs: addLogs,
};

function putChange(change) {
  changes.set(`${change.feed}/${change.id}`, change);
  if (changes.size > 100) changes.delete(changes.keys().next().value);
}

function attached(is) {
  byId("detached").hidden = is;
  live(is ? "live" : "away", is ? "watching" : "not watching");
  offer(is);
}

function live(kind, words) {
  byId("live").dataset.state = kind;
  byId("live-words").textContent = words;
}

function drawState() {
  if (!state) return;
  drawActions(state.actions);
  drawServices(state);
  drawGraph(state.services);
  const lasting = state.services.filter((service) => !service.one_shot && judged(service).kind !== "absent");
  const well = lasting.filter((service) => judged(service).kind === "good").length;
  byId("service-counts").textContent = `${well} of ${lasting.length} well`;
}

function drawProblems() {
  const list = byId("problem-list");
  const open = new Set([...list.querySelectorAll("details:not([open])")].map((details) => details.dataset.key));
  byId("problems").hidden = problems.size === 0;
  list.replaceChildren(...[...problems.values()].map((problem) => {
    const place = [problem.file, problem.line, problem.column].filter((part) => part != null).join(":");
    const isEditor = /^[a-z][a-z0-9+.-]*:\/\//i.test(problem.editor ?? "") && !/^(javascript|data|blob|file):/i.test(problem.editor);
    return element("details", { class: "card problem", "data-key": problem.key, open: !open.has(problem.key) },
      element("summary", {}, element("span", { class: "badge badge-bad" }, problem.kind ?? "problem"), " ", element("strong", {}, plain(problem.title ?? problem.key)),
        problem.service && element("span", { class: "soft" }, ` ${problem.service}`)),
      place && element("p", { class: "place" }, isEditor ? element("a", { href: problem.editor }, place) : place),
      problem.text && element("pre", { tabindex: "0", class: problem.kind !== "compile" && "wrap", "aria-label": "What was said" }, paint(problem.text.trimEnd())));
  }));
}

let retry;

function open() {
  clearTimeout(retry);
  const source = new EventSource("/_dev/events?logs=1");
  for (const [name, work] of Object.entries(on)) source.addEventListener(name, (event) => work(JSON.parse(event.data)));
  source.onerror = () => {
    live("away", "hub is away");
    offer(false);
    // A browser tries again by itself after a cut connection, but not after an answer that says no.
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, 2000);
  };
}

open();
// What is told relative to now.
setInterval(() => document.visibilityState === "visible" && state && drawServices(state), 10_000);
