// Search as you type: the same page for other filters, whose address stays the one to share.
import { announce } from "./page.js";

const PAUSE = 250;
const form = document.getElementById("filter");

/** Reads the board with `read` whenever the filters change. */
export function followFilter(read) {
  let pause = null;
  const show = () => {
    clearTimeout(pause);
    const chosen = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
    const query = new URLSearchParams(chosen).toString();
    history.replaceState(null, "", query ? `/?${query}` : "/");
    form.setAttribute("aria-busy", "true");
    read()
      .then(() => announce(query ? document.getElementById("found-text").textContent : "All tasks are shown"))
      // The page that the browser loads itself says what is wrong, and comes back.
      .catch(() => location.reload())
      .finally(() => form.removeAttribute("aria-busy"));
  };
  form.addEventListener("input", ({ target }) => {
    clearTimeout(pause);
    pause = setTimeout(show, target.type === "search" ? PAUSE : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#clear, #open-empty a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    for (const field of form.elements) if (field.name) field.value = "";
    show();
    document.getElementById("q").focus();
  });
}
