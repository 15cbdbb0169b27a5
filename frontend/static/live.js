// Live updates: one WebSocket, opened again for as long as the page is open, with growing and random pauses so that many browsers do not return at once.
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10000;
const indicator = document.getElementById("live");
const words = { connecting: "Connecting…", live: "Live", away: "Reconnecting…" };

/** Calls `task` and `stats` with what arrives, and `stale` whenever messages may have been missed. */
export async function follow({ task, stats, stale }) {
  const path = await updatesPath();
  let failures = 0;
  let pause = null;
  let socket = null;
  let reading = null;
  let next = null;
  let lost = false;

  // The list is read again before the page calls itself live. A reading that has begun may be too old for a new reason: one more follows,
  // for all reasons that come until it begins.
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
    const current = (socket = new WebSocket(new URL(path, location.href.replace(/^http/, "ws"))));
    current.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "task") task(message.task);
      else if (message.type === "stats") stats(message.stats);
      else if (message.type === "away") {
        // Connected to a server that itself hears nothing: it says when it does again.
        lost = true;
        show("away");
      } else if (message.type === "hello" || message.type === "resync") {
        lost = false;
        catchUp().then(
          () => {
            if (current !== socket) return;
            failures = 0;
            if (!lost) show("live");
          },
          // Connected, but the board cannot be read: the same as not being connected.
          () => current.close(),
        );
      }
    };
    current.onclose = () => {
      if (current !== socket) return;
      show(failures === 0 && indicator.dataset.state === "off" ? "connecting" : "away");
      const limit = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures++);
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

async function updatesPath() {
  try {
    const response = await fetch("/api/v1/config/frontend/", { signal: AbortSignal.timeout(3000) });
    return (await response.json()).live_updates_path ?? "/ws";
  } catch {
    return "/ws";
  }
}
