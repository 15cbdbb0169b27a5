// Forms of the board without a page load: the same forms, sent to the API. What fails is said next to the field, and what was written stays.
import { newKey, send } from "./api.js";
import { announce } from "./page.js";

const create = document.querySelector('[data-form="create"]');
const field = document.getElementById("title");
const fieldError = document.getElementById("title-error");
const busy = new Set();
let key = null;

/** Sends the forms of the board by script; `done` gets the task that comes back. */
export function sendForms(done) {
  document.addEventListener("submit", (event) => {
    const isNew = event.target === create;
    if (!isNew && event.target.id !== "change") return;
    event.preventDefault();
    // A second press while the first is on its way is the same wish.
    const wish = isNew ? create.action : event.submitter.formAction;
    if (busy.has(wish)) return;
    busy.add(wish);
    if (isNew) create.setAttribute("aria-busy", "true");
    (isNew ? sendNew() : send("POST", `/api/v1${new URL(wish).pathname}`))
      .then(done)
      .catch((error) => {
        complain(error.message);
        // Whoever pressed the button goes on where the text is, as on the page that comes without scripts.
        if (isNew) field.focus();
      })
      .finally(() => {
        busy.delete(wish);
        if (isNew) create.removeAttribute("aria-busy");
      });
  });
  // What is half written is worth more than being led away at once.
  addEventListener("signedout", (event) => {
    if (!field.value.trim()) return;
    event.preventDefault();
    complain("You are signed out. Copy what you wrote, and load the page again to sign in.");
  });
  field.addEventListener("input", () => {
    key = null;
    complain("");
  });
}

async function sendNew() {
  // The same text sent again after no answer came is the same task.
  key ??= newKey();
  const task = await send("POST", "/api/v1/tasks", { body: { title: field.value }, key }).catch((error) => {
    if (!error.maybe) key = null;
    throw error;
  });
  key = null;
  complain("");
  create.reset();
  // A page that came back with an error still has the refused text as the value to reset to.
  field.value = "";
  field.focus();
  return task;
}

function complain(text) {
  if (fieldError.textContent === text) return;
  fieldError.textContent = text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  if (text) announce(text);
}
