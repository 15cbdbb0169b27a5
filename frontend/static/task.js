// The page of one task: says when somebody else changes it, without losing what is being written, and adds files with a view of how far they are.
import { proof, refusal, Refused } from "./api.js";
import { follow } from "./live.js";
import { announce, readPage, replace } from "./page.js";

const task = document.getElementById("task");
const edit = document.getElementById("edit");
const upload = document.getElementById("upload");
const fileError = document.getElementById("file-error");
const notice = document.getElementById("changed");
const button = document.getElementById("refresh");
const isOurs = ({ id }) => id === task.dataset.id;
// A form that came back unsaved is not the task as it is saved.
const isUnsaved = document.getElementById("summary") !== null;

follow(readFiles, {
  task: ({ task: news }) => isOurs(news) && news.version > Number(task.dataset.version) && say("This task was changed meanwhile by someone else."),
  task_gone: (news) => isOurs(news) && say("This task is gone, or not shared with you any more. Copy what you still need.", false),
  attachments: (news) => isOurs(news) && readFiles().catch(() => {}),
});

addEventListener("signedout", (event) => {
  if (!isUnsaved && !fields().some(isDirty)) return;
  event.preventDefault();
  say("You are signed out. Copy what you wrote, and load the page again to sign in.", false);
});

button.addEventListener("click", async () => {
  try {
    merge(await readPage("edit"));
    notice.hidden = true;
    announce("The changes are loaded. What you wrote is kept.");
    document.getElementById("title").focus();
  } catch {
    say("The changes cannot be loaded now. Try again in a moment.");
  }
});

upload.addEventListener("submit", (event) => {
  event.preventDefault();
  const file = upload.elements.file;
  if (upload.hasAttribute("aria-busy")) return;
  if (!file.files.length) return complain("Choose a file first.");
  complain("");
  upload.setAttribute("aria-busy", "true");
  sendFile(file.files[0])
    .then(() => {
      announce(`Added: ${file.files[0].name}`);
      file.value = "";
      return readFiles();
    })
    .catch((error) => complain(error.message))
    .finally(() => upload.removeAttribute("aria-busy"));
});

/** `fetch` does not tell how much of a body is sent. */
function sendFile(file) {
  const bar = document.getElementById("upload-progress");
  const body = new FormData();
  body.append("file", file);
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/tasks/${task.dataset.id}/attachments`);
    request.setRequestHeader(...proof());
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = ({ loaded, total }) => (bar.value = total ? loaded / total : 0);
    request.onload = () => (request.status < 300 ? done() : failed(refusal(request.status, request.responseText)));
    request.onerror = () => failed(new Refused("The file did not arrive. Try again in a moment."));
    request.onloadend = () => (bar.value = 0);
    request.send(body);
  });
}

async function readFiles() {
  const fresh = await readPage("files");
  // A list with an open question is not exchanged under the reader's hand for the same one.
  const same = fresh.getElementById("files").textContent === document.getElementById("files").textContent;
  if (!same) replace(fresh, "files");
  const version = Number(fresh.getElementById("task").dataset.version);
  if (version > Number(task.dataset.version)) say("This task was changed meanwhile by someone else.");
}

/** Takes over what was saved meanwhile, except in fields that were changed here: there it is told below the field. */
function merge(fresh) {
  for (const field of fields()) {
    const saved = fresh.getElementById(field.id);
    if (!saved) continue;
    document.getElementById(`${field.id}-news`)?.remove();
    if (isDirty(field)) {
      if (shown(saved) !== shown(field)) tell(field, shown(saved));
    } else if (field.tagName === "SELECT") field.replaceChildren(...document.adoptNode(saved).children);
    else if (field.type === "checkbox") field.checked = field.defaultChecked = saved.checked;
    else field.value = field.defaultValue = saved.value;
  }
  edit.elements.version.value = fresh.getElementById("edit").elements.version.value;
  task.dataset.version = fresh.getElementById("task").dataset.version;
  for (const part of ["h1", ".meta"]) task.querySelector(part).replaceWith(document.adoptNode(fresh.querySelector(`#task ${part}`)));
}

function tell(field, saved) {
  const line = document.createElement("p");
  const strong = document.createElement("strong");
  line.id = `${field.id}-news`;
  line.className = "theirs";
  strong.textContent = "Saved meanwhile:";
  line.append(strong, ` ${saved || "nothing"}`);
  field.closest(".field, .check").append(line);
}

function fields() {
  return [...edit.elements].filter((field) => field.id && field.name);
}

function isDirty(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  return [...field.options].some((option) => option.selected !== option.defaultSelected && (option.value || field.value));
}

function shown(field) {
  if (field.tagName === "SELECT") return field.selectedOptions[0]?.textContent;
  return field.type === "checkbox" ? (field.checked ? "yes" : "no") : field.value;
}

function say(text, canLoad = true) {
  document.getElementById("changed-text").textContent = text;
  button.hidden = !canLoad;
  notice.hidden = false;
}

function complain(text) {
  fileError.textContent = text;
  if (text) upload.elements.file.setAttribute("aria-invalid", "true");
  else upload.elements.file.removeAttribute("aria-invalid");
}
