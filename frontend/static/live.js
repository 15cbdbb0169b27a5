// Live updates: one WebSocket, opened again for as long as the page is open, with growing and random pauses so that many browsers do not return at once.
import { signIn } from "./api.js";

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10000;
/** The server wants fewer messages than this browser sends. */
const POLICY = 1008;
/** The session has ended. */
const SIGNED_OUT = 4401;
const indicator = document.getElementById("live");
const words = { connecting: "Connecting…", live: "Live", away: "Reconnecting…" };

/** Calls the handler named like the type of each message, and `stale` whenever messages may have been missed. */
export async function follow(stale, handlers) {
  const path = await updatesPath();
  let failures = 0;
  let pause = null;
  let socket = null;
  let reading = null;
  let next = null;
  let lost = false;
  // The last message that the page shows; without one, everything has to be read.
  let last = null;

  // The page is read again before it calls itself live. A reading that has begun may be too old for a new reason: one more follows, for all reasons
  // that come until it begins.
  const catchUp = () => {
    if (!reading) return (reading = stale().finally(() => (reading = null)));
    return (next ??= reading.catch(() => {}).then(() => {
      next = null;
      return catchUp();
    }));
  };

  const open = () => {
    clearTimeout(pause);
    pause = null;
    const address = new URL(path, location.href.replace(/^http/, "ws"));
    if (last) address.searchParams.set("last_event_id", last);
    const current = (socket = new WebSocket(address));
    let greeted = false;
    const live = () => {
      if (current !== socket) return;
      failures = 0;
      if (!lost) show("live");
    };
    current.onmessage = ({ data }) => {
      if (current !== socket) return;
      const message = JSON.parse(data);
      if (message.type === "away") {
        // Connected to a server that itself hears nothing: it says when it does again.
        lost = true;
        show("away");
      } else if (message.type === "hello" || message.type === "resync") {
        lost = false;
        greeted = true;
        if (message.resumed) return live();
        if (message.type === "hello") last = message.last_event_id;
        // Connected, but the page cannot be read: the same as not being connected, and nothing to resume from.
        catchUp().then(live, () => {
          last = null;
          current.close();
        });
      } else {
        handlers[message.type]?.(message);
        last = message.event_id ?? last;
      }
    };
    current.onclose = ({ code }) => {
      if (current !== socket) return;
      if (code === SIGNED_OUT) return signIn();
      // A refusal has no code that scripts get to see.
      if (!greeted) leaveWhenSignedOut();
      show(failures === 0 && indicator.dataset.state === "off" ? "connecting" : "away");
      const limit = code === POLICY ? LONGEST_PAUSE : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures++);
      pause = setTimeout(open, limit / 2 + (Math.random() * limit) / 2);
    };
  };

  // A network that is back, or a reader who is, is a better moment than the end of a pause.
  const hurry = () => {
    if (pause !== null && document.visibilityState === "visible") open();
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  addEventListener("pageshow", (event) => event.persisted && hurry());
  show("connecting");
  open();
}

function show(state) {
  if (indicator.dataset.state === state) return;
  indicator.dataset.state = state;
  document.getElementById("live-text").textContent = words[state];
}

async function leaveWhenSignedOut() {
  const answer = await fetch("/api/v1/session", { signal: AbortSignal.timeout(3000) }).catch(() => null);
  if (answer?.status === 401) signIn();
}

async function updatesPath() {
  try {
    const response = await fetch("/api/v1/config/frontend/", { signal: AbortSignal.timeout(3000) });
    return (await response.json()).live_updates_path ?? "/ws";
  } catch {
    return "/ws";
  }
}
