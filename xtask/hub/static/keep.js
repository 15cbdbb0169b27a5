// Keeps what somebody has typed, unfolded and scrolled to while the page is read again.

const KEPT = "dev:kept";
const FIELDS = "input, textarea, select";
/** What is secret, what scripts may not set, and what belongs to the page. */
const LEFT_OUT = new Set(["password", "file", "hidden", "submit", "button", "reset", "image"]);

/** What was remembered and is not brought back yet. */
let waiting = null;

/** Remembers the page as it is, for its next reading only. One that is read again before it had everything back gets the same. */
export function keep() {
  if (waiting) {
    sessionStorage.setItem(KEPT, waiting);
    return;
  }
  const kept = {
    url: location.href,
    scroll: [scrollX, scrollY],
    fields: fields().filter(changed).map((field) => [place(field), value(field)]),
    open: [...document.querySelectorAll("details")].map((details) => details.open),
    focus: focus(),
  };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

/** Brings back what was remembered, once, and only to the same page. */
export function restore() {
  const text = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  const kept = JSON.parse(text);
  if (kept?.url !== location.href) return;
  waiting = text;
  const work = () => {
    waiting = null;
    bringBack(kept);
  };
  if (document.readyState === "complete") work();
  else addEventListener("load", work, { once: true });
}

function bringBack(kept) {
  const all = [...document.querySelectorAll("details")];
  if (all.length === kept.open.length) all.forEach((details, index) => (details.open = kept.open[index]));
  const byPlace = new Map(fields().map((field) => [place(field), field]));
  for (const [where, old] of kept.fields) {
    const field = byPlace.get(where);
    if (field) setValue(field, old);
  }
  const focused = kept.focus && byPlace.get(kept.focus.place);
  if (focused) {
    focused.focus({ preventScroll: true });
    // Not every kind of field has a selection.
    if (kept.focus.selection && canSelect(focused)) focused.setSelectionRange(...kept.focus.selection);
  }
  scrollTo({ left: kept.scroll[0], top: kept.scroll[1], behavior: "instant" });
}

function fields() {
  return [...document.querySelectorAll(FIELDS)].filter((field) => !LEFT_OUT.has(field.type) && field.autocomplete !== "one-time-code");
}

/** Where a field is: by its form, its name and, of several with that name, its number. That survives a page that gets more around it. */
function place(field) {
  const form = field.form ? `${field.form.id || field.form.getAttribute("action") || ""}` : "";
  const name = field.name || field.id;
  const mark = field.type === "radio" || field.type === "checkbox" ? field.value : "";
  const alike = fields().filter((other) => other.form === field.form && (other.name || other.id) === name && (mark === "" || other.value === mark));
  const forms = [...document.forms].filter((other) => (other.id || other.getAttribute("action") || "") === form);
  return JSON.stringify([form, forms.indexOf(field.form), field.localName, name, mark, alike.indexOf(field)]);
}

function changed(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.localName === "select") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}

function value(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked;
  if (field.localName === "select") return [...field.options].filter((option) => option.selected).map((option) => option.value);
  return field.value;
}

function setValue(field, old) {
  if (field.type === "checkbox" || field.type === "radio") field.checked = old;
  else if (field.localName === "select") for (const option of field.options) option.selected = old.includes(option.value);
  else field.value = old;
  // Scripts of the page that follow what is typed learn of it.
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function focus() {
  const field = document.activeElement;
  if (!field?.matches?.(FIELDS) || LEFT_OUT.has(field.type)) return null;
  return { place: place(field), selection: canSelect(field) ? [field.selectionStart, field.selectionEnd, field.selectionDirection] : null };
}

function canSelect(field) {
  return field.localName === "textarea" || (field.localName === "input" && ["text", "search", "url", "tel"].includes(field.type));
}
