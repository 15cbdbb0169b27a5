// What scripts of all pages share: moments in the reader's time zone, words for people who do not see the page, and the page as it is now.
import { signIn } from "./api.js";

const moments = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

showMoments(document);

/** Says something to people who do not see the page. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Reads this page again, with its moments shown; it has to have an element `id`. */
export async function readPage(id) {
  const options = { headers: { accept: "text/html" }, signal: AbortSignal.timeout(8000) };
  const response = await fetch(location.pathname + location.search, options);
  if (new URL(response.url).pathname === "/sign-in") signIn();
  if (!response.ok) throw new Error(`the page answers ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!fresh.getElementById(id)) throw new Error("the answer is another page");
  showMoments(fresh);
  return fresh;
}

/** Replaces the elements with these ids by those of a page that was read. */
export function replace(fresh, ...ids) {
  for (const id of ids) document.getElementById(id).replaceWith(document.adoptNode(fresh.getElementById(id)));
}

/** Shows a moment in the time zone of the reader. */
export function setMoment(time, value) {
  time.dateTime = value;
  const date = new Date(value);
  if (!Number.isNaN(date.valueOf())) time.textContent = moments.format(date);
}

/** When a task is due, in words, and whether that is over. Days are those of the server, as in the filters. */
export function dueWords(due, isDone) {
  const today = new Date().toISOString().slice(0, 10);
  const day = days.format(new Date(`${due}T00:00Z`));
  if (isDone || due > today) return [`Due ${day}`, false];
  return due === today ? ["Due today", false] : [`Overdue since ${day}`, true];
}

function showMoments(root) {
  for (const time of root.querySelectorAll("time[datetime]")) setMoment(time, time.dateTime);
}
