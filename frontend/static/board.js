// The board in the page: tasks come and go without moving what the reader looks at. Markup comes from the server, in the page and its templates.
import { announce, dueWords, readPage, replace, setMoment } from "./page.js";

const lists = { open: document.getElementById("open-tasks"), done: document.getElementById("done-tasks") };
const board = document.getElementById("board");
let latest = null;
let planned = null;

/** Shows a task as it is now, changed here or elsewhere. Telling it twice changes nothing. */
export function showTask(task) {
  const present = document.getElementById(`task-${task.id}`);
  if (present && task.version <= Number(present.dataset.version)) return;
  // Only the server knows whether it matches.
  if (board.dataset.filtered === "true") return plan();
  // The newest belong on the first page; on another one only what is already there changes.
  if (!present && board.dataset.firstPage !== "true") return;
  const isDone = task.status === "done";
  const item = makeTask(task, isDone);
  if (present && isDone === present.classList.contains("task-done")) {
    const focused = present.contains(document.activeElement) && document.activeElement.className;
    present.replaceWith(item);
    if (focused) item.querySelector(`.${focused}`)?.focus();
    return;
  }
  item.classList.add("arriving");
  if (present) leave(present);
  lists[isDone ? "done" : "open"].prepend(item);
  refresh();
  const before = present ? -1 : 0;
  count(isDone ? { open: before, done: 1 } : { open: 1, done: before });
  announce(`${isDone ? "Launched" : present ? "Back on the slip" : "New task"}: ${task.title}`);
}

/** Takes a task away that was deleted, or that the reader may not see any more. */
export function removeTask({ id }) {
  const present = document.getElementById(`task-${id}`);
  if (!present) return;
  const isDone = present.classList.contains("task-done");
  leave(present);
  refresh();
  count(isDone ? { open: 0, done: -1 } : { open: -1, done: 0 });
}

/** Shows the counts that the worker keeps. */
export function showStats({ stats }) {
  const line = document.getElementById("stats");
  line.hidden = !stats.updated_at;
  line.querySelector('[data-stat="created"]').textContent = stats.created;
  const last = line.querySelector('[data-stat="last_activity_at"]');
  if (last && stats.last_activity_at) setMoment(last, stats.last_activity_at);
  if (board.dataset.whole !== "true") setCounts(stats.open, stats.done);
}

/** Reads the whole board again: after messages may have been missed, or for another filter. Of several readings the last one counts. */
export function readBoard() {
  const reading = readPage("board").then((fresh) => (reading === latest ? swap(fresh) : latest));
  return (latest = reading);
}

/** Reads the board soon, once for many reasons, and not in the same moment as everybody else. */
function plan() {
  planned ??= setTimeout(() => {
    planned = null;
    readBoard().catch(() => {});
  }, 200 + Math.random() * 600);
}

function swap(fresh) {
  const active = document.activeElement;
  const focused = active?.closest?.(".task")?.id;
  for (const list of Object.values(lists)) {
    const items = [...fresh.getElementById(list.id).children].map((item) => {
      const present = document.getElementById(item.id);
      return present && present.isEqualNode(item) ? present : document.adoptNode(item);
    });
    // What is already right stays untouched: selection, focus and scroll position live in it.
    if (items.length !== list.children.length || items.some((item, index) => item !== list.children[index])) list.replaceChildren(...items);
  }
  replace(fresh, "stats", "open-empty", "found", "pages", "change");
  Object.assign(board.dataset, fresh.getElementById("board").dataset);
  const counted = (name) => Number(fresh.querySelector(`[data-count="${name}"]`).textContent);
  setCounts(counted("open"), counted("done"));
  refresh();
  if (focused && !document.activeElement?.closest?.(".task")) document.getElementById(focused)?.querySelector(`.${active.className}`)?.focus();
}

function makeTask(task, isDone) {
  const item = document.getElementById(isDone ? "done-template" : "open-template").content.firstElementChild.cloneNode(true);
  item.id = `task-${task.id}`;
  item.dataset.version = task.version;
  const title = item.querySelector(".task-title");
  title.textContent = task.title;
  title.setAttribute("href", `/tasks/${task.id}`);
  setMoment(item.querySelector("time"), isDone ? task.completed_at : task.created_at);
  const button = item.querySelector("button");
  button.setAttribute("formaction", `/tasks/${task.id}/${isDone ? "reopen" : "complete"}`);
  button.setAttribute("aria-label", `${isDone ? "Reopen" : "Complete"}: ${task.title}`);
  const [due, isOverdue] = task.due_on ? dueWords(task.due_on, isDone) : [];
  const facts = { due, assignee: task.assignee?.name, private: task.private && "Private", attachments: task.attachments };
  for (const [name, words] of Object.entries(facts)) {
    const fact = item.querySelector(`[data-fact="${name}"]`);
    if (words) fact.querySelector("span").textContent = words;
    else fact.remove();
    if (name === "due") fact.classList.toggle("overdue", isOverdue === true);
  }
  const line = item.querySelector(".facts");
  if (!line.children.length) line.remove();
  return item;
}

function leave(item) {
  // The focus of somebody who completes one task after another goes to the next one.
  if (item.contains(document.activeElement)) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    (next?.querySelector("button") ?? document.getElementById("title")).focus();
  }
  // A ghost keeps moving out of sight while the real one is already in its new list.
  item.removeAttribute("id");
  item.inert = true;
  item.classList.remove("arriving");
  item.classList.add("launching");
  const gone = () => item.remove();
  if (getComputedStyle(item).animationName === "none") gone();
  else Promise.allSettled(item.getAnimations().map((animation) => animation.finished)).then(gone);
}

function refresh() {
  const any = (list) => list.querySelector(".task:not(.launching)") !== null;
  const empty = document.getElementById("open-empty");
  empty.hidden = any(lists.open);
  document.getElementById("done-section").hidden = !any(lists.done);
  if (any(lists.done) && board.dataset.filtered !== "true") empty.textContent = "All launched. The slip is clear.";
}

function count(change) {
  const now = (name) => Number(document.querySelector(`[data-count="${name}"]`).textContent);
  if (board.dataset.whole === "true") setCounts(now("open") + change.open, now("done") + change.done);
}

function setCounts(open, done) {
  document.querySelector('[data-count="open"]').textContent = open;
  document.querySelector('[data-count="done"]').textContent = done;
  const progress = document.getElementById("progress");
  progress.max = Math.max(open + done, 1);
  progress.value = done;
}
