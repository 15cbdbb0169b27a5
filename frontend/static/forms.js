// Forms without a page load: the same forms, sent to the API. What fails is said next to the field, and what was written stays.
import { announce } from "./board.js";

const create = document.querySelector('[data-form="create"]');
const field = document.getElementById("title");
const fieldError = document.getElementById("title-error");

/** Sends the forms of the board by script; `done` gets the task that comes back. */
export function sendForms(done) {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.form !== "create" && form.dataset.form !== "complete") return;
    event.preventDefault();
    // A second press while the first is on its way is the same wish.
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    const send = form.dataset.form === "create" ? sendNew : sendComplete;
    send(form, done)
      .catch((error) => {
        complain(error.message);
        // Whoever pressed the button goes on where the text is, as on the page that comes without scripts.
        if (form === create) field.focus();
      })
      .finally(() => form.removeAttribute("aria-busy"));
  });
  field.addEventListener("input", () => complain(""));
}

async function sendNew(form, done) {
  const task = await post("/api/v1/tasks", { title: field.value });
  complain("");
  create.reset();
  // A page that came back with an error still has the refused text as the value to reset to.
  field.value = "";
  field.focus();
  done(task);
}

async function sendComplete(form, done) {
  const [, , id] = new URL(form.action).pathname.split("/");
  done(await post(`/api/v1/tasks/${id}/complete`));
}

async function post(path, body) {
  const options = { method: "POST", headers: { accept: "application/json" }, signal: AbortSignal.timeout(10000) };
  if (body) Object.assign(options, { body: JSON.stringify(body), headers: { ...options.headers, "content-type": "application/json" } });
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? "That took too long. Look at the board before you try again." : "The board is out of reach. Try again in a moment.");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const reason = answer?.errors?.[0];
  if (reason) throw new Error(`The ${reason.field} ${reason.detail}.`);
  if (response.status === 429) throw new Error("That was a lot at once. Try again in a moment.");
  if (response.status === 404) throw new Error("That task is gone. Load the page again to see the board as it is.");
  if (response.status >= 502) throw new Error("The board is out of reach. Try again in a moment.");
  throw new Error("That did not work. Try again in a moment.");
}

function complain(text) {
  if (fieldError.textContent === text) return;
  fieldError.textContent = text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  if (text) announce(text);
}
