// What the proxy puts into every page in development: shows problems, takes new styles, and reads the page again when it is out of date.
// It must never break a page: nothing is global, everything is caught, and what is rarely needed is loaded when it is.

/** How long the worker may take to answer before this page follows the events by itself. */
const WORKER_PATIENCE = 5000;

const guarded = (work) => async (...parameters) => {
  try {
    return await work(...parameters);
  } catch (error) {
    console.debug("dev:", error);
    return undefined;
  }
};

let shownProblems = false;
let outdated = false;
/** Up to which moment this page, or whoever takes what is new in its place, has seen to being up to date. */
let upToDate = readAt();

const receive = guarded(async (message) => {
  if (message.problems && (message.problems.length > 0 || shownProblems)) {
    shownProblems = true;
    const { showProblems } = await import("./overlay.js");
    showProblems(message.problems);
  }
  if (message.refresh === "style") {
    const { swapStyles } = await import("./style.js");
    swapStyles(message.paths ?? []);
  }
  if (message.refresh === "page") refreshPage(message);
});

/** Reads the page again, now or when somebody looks at it. */
function refreshPage(message) {
  if (message.at <= upToDate) return;
  upToDate = Date.now();
  outdated = true;
  if (document.visibilityState === "visible") reload(message);
}

const reload = guarded(async (message) => {
  outdated = false;
  // A page that can take what is new without being read again calls `preventDefault()`.
  const event = new CustomEvent("dev:refresh", { cancelable: true, detail: { paths: message?.paths ?? [] } });
  if (!document.dispatchEvent(event)) return;
  try {
    const { keep } = await import("./keep.js");
    keep();
  } finally {
    location.reload();
  }
});

/** When this page was read, in milliseconds since 1970. */
function readAt() {
  const [navigation] = performance.getEntriesByType("navigation");
  return performance.timeOrigin + (navigation?.responseStart ?? 0);
}

/** Follows the events through the worker; `fallback` is called once when there is none that works. */
function throughWorker(fallback) {
  const worker = new SharedWorker("/_dev/worker.js", { type: "module", name: "dev" });
  const give = setTimeout(() => fail(), WORKER_PATIENCE);
  let failed = false;
  const fail = () => {
    clearTimeout(give);
    if (failed) return;
    failed = true;
    worker.port.close();
    fallback();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail();
  };
  worker.port.onmessage = ({ data }) => {
    if (data.alive) clearTimeout(give);
    else if (!failed) receive(data);
  };
  const greet = () => worker.port.postMessage({ readAt: upToDate });
  greet();
  addEventListener("pagehide", () => worker.port.postMessage({ bye: true }));
  // A page that comes back from the browser's memory may have missed something.
  addEventListener("pageshow", ({ persisted }) => persisted && greet());
}

const alone = guarded(async () => {
  const { follow } = await import("./feed.js");
  const feed = follow(receive);
  addEventListener("pagehide", () => feed.close());
  addEventListener("pageshow", ({ persisted }) => persisted && feed.open());
});

const start = guarded(async () => {
  // The pages of the hub show all of it themselves; a frame is refreshed with the page around it.
  if (location.pathname.startsWith("/_dev/") || window.top !== window) return;
  document.addEventListener("visibilitychange", () => {
    if (outdated && document.visibilityState === "visible") reload();
  });
  if (sessionStorage.getItem("dev:kept")) {
    const { restore } = await import("./keep.js");
    restore();
  }
  if (typeof SharedWorker === "function") throughWorker(alone);
  else await alone();
});

start();
