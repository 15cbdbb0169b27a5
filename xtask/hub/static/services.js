// The table of services: how each is, since when, and why it was last restarted.
import { actionButton } from "./actions.js";
import { age, clock, element } from "./element.js";

/** How a service is: `kind` is `good`, `bad`, `busy`, `done` or `absent`, `words` say it. */
export function judged({ state, health, one_shot: oneShot }) {
  if (state === "absent") return { kind: "absent", words: "not started" };
  if (state === "exited" || state === "dead") return oneShot ? { kind: "done", words: "done" } : { kind: "bad", words: "stopped" };
  if (state !== "running") return { kind: state === "paused" ? "bad" : "busy", words: state };
  if (health === "unhealthy") return { kind: "bad", words: "unhealthy" };
  if (health === "starting") return { kind: "busy", words: "starting" };
  if (oneShot) return { kind: "busy", words: "running" };
  return { kind: "good", words: health === "healthy" ? "healthy" : "running" };
}

let drawn = "";

/** Draws the table, unless it would look the same: what has the focus keeps it. */
export function drawServices({ services, actions }) {
  const rows = services.map((service) => ({ service, judged: judged(service), up: service.since && service.state === "running" ? age(Date.now() - Date.parse(service.since)) : "" }));
  const now = JSON.stringify([rows, actions]);
  if (now === drawn) return;
  drawn = now;
  const body = document.querySelector("#services tbody");
  const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.service : null;
  body.replaceChildren(...rows.map((row) => draw(row, actions)));
  if (focused) body.querySelector(`tr[data-service="${CSS.escape(focused)}"] button`)?.focus();
}

function draw({ service, judged: { kind, words }, up }, actions) {
  const last = service.restarts?.at(-1);
  const restart = last
    ? [element("span", { class: "cause" }, last.cause || "no cause known"), element("span", { class: "soft" }, ` ${clock(last.at)}`, service.restarts.length > 1 ? ` · ${service.restarts.length} in all` : "")]
    : [element("span", { class: "soft" }, "–")];
  const needed = service.depends_on?.length ? `needs ${service.depends_on.join(", ")}` : null;
  return element("tr", { "data-service": service.name },
    element("th", { scope: "row", title: needed }, service.name),
    element("td", {}, element("span", { class: `state state-${kind}` }, words)),
    element("td", { class: up ? "number" : "number never" }, element("span", { class: "label" }, "up "), up || "–"),
    element("td", { class: last ? "whole" : "never" }, ...restart),
    element("td", { class: "end" }, actions?.includes("restart") && !service.one_shot && service.state !== "absent" && actionButton("restart", "Restart", service.name)));
}
