// The board in the page: tasks come and go without moving what the reader looks at. Markup comes from the server, in the page and its templates.
const lists = { open: document.getElementById("open-tasks"), done: document.getElementById("done-tasks") };
const board = document.getElementById("board");
const announcer = document.getElementById("announcer");
const moments = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

showMoments(document);

/** Shows a task that was created or completed, here or elsewhere. Telling it twice changes nothing. */
export function showTask(task) {
  const present = document.getElementById(`task-${task.id}`);
  const isDone = task.status === "done";
  if (present && isDone === present.classList.contains("task-done")) return;
  // The newest belong on the first page; on another one only what is already there changes.
  if (!present && board.dataset.firstPage !== "true") return;
  const item = makeTask(task, isDone);
  item.classList.add("arriving");
  if (present) leave(present);
  lists[isDone ? "done" : "open"].prepend(item);
  refresh();
  count(isDone ? { open: present ? -1 : 0, done: 1 } : { open: 1, done: 0 });
  announce(isDone ? `Launched: ${task.title}` : `New task: ${task.title}`);
}

/** Shows the counts that the worker keeps. */
export function showStats(stats) {
  const line = document.getElementById("stats");
  line.hidden = !stats.updated_at;
  line.querySelector('[data-stat="created"]').textContent = stats.created;
  const last = line.querySelector('[data-stat="last_activity_at"]');
  if (last && stats.last_activity_at) setMoment(last, stats.last_activity_at);
  if (board.dataset.whole !== "true") setCounts(stats.open, stats.done);
}

/** Reads the whole board again: after messages may have been missed. */
export async function readBoard() {
  const response = await fetch(location.pathname + location.search, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(8000) });
  if (!response.ok) throw new Error(`the board answers ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!fresh.getElementById("board")) throw new Error("the answer is not the board");
  showMoments(fresh);
  const focused = document.activeElement?.closest?.(".task")?.id;
  for (const list of Object.values(lists)) {
    const items = [...fresh.getElementById(list.id).children].map((item) => {
      const present = document.getElementById(item.id);
      return present && present.isEqualNode(item) ? present : document.adoptNode(item);
    });
    // What is already right stays untouched: selection, focus and scroll position live in it.
    if (items.length !== list.children.length || items.some((item, index) => item !== list.children[index])) list.replaceChildren(...items);
  }
  for (const id of ["stats", "open-empty"]) document.getElementById(id).replaceWith(document.adoptNode(fresh.getElementById(id)));
  Object.assign(board.dataset, fresh.getElementById("board").dataset);
  const counted = (name) => Number(fresh.querySelector(`[data-count="${name}"]`).textContent);
  setCounts(counted("open"), counted("done"));
  refresh();
  if (focused && !document.activeElement?.closest?.(".task")) document.getElementById(focused)?.querySelector("button")?.focus();
}

/** Says something to people who do not see the page. */
export function announce(text) {
  announcer.textContent = text;
}

function makeTask(task, isDone) {
  const item = document.getElementById(isDone ? "done-template" : "open-template").content.firstElementChild.cloneNode(true);
  item.id = `task-${task.id}`;
  item.querySelector(".task-title").textContent = task.title;
  setMoment(item.querySelector("time"), isDone ? task.completed_at : task.created_at);
  if (!isDone) {
    item.querySelector("form").setAttribute("action", `/tasks/${task.id}/complete`);
    item.querySelector("button").setAttribute("aria-label", `Complete: ${task.title}`);
  }
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
  if (any(lists.done)) empty.textContent = "All launched. The slip is clear.";
  document.getElementById("done-section").hidden = !any(lists.done);
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

function showMoments(root) {
  for (const time of root.querySelectorAll("time")) setMoment(time, time.dateTime);
}

function setMoment(time, value) {
  time.dateTime = value;
  const date = new Date(value);
  if (!Number.isNaN(date.valueOf())) time.textContent = moments.format(date);
}
