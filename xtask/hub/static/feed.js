// The connection to the hub: one EventSource, what is known because of it, and what pages have to do. Used by the worker, or by a page that has none.

const NAMES = ["hello", "state", "problem", "solved", "attached", "detached", "changes", "change", "refresh"];
const RETRY = [500, 1000, 2000, 5000];

/**
 * Follows the events and calls `tell` with messages for pages:
 * `{ problems: [...] }` whenever that list changes, `{ refresh: "page" | "style", paths, at }` when pages that were read before `at` are out of date.
 */
export function follow(tell) {
  const problems = new Map();
  let source, retry, attempts = 0, heard = false, pageRefresh = 0;

  const refresh = (kind, paths = [], at = Date.now()) => {
    if (kind === "page") pageRefresh = at;
    tell({ refresh: kind, paths, at });
  };
  const tellProblems = () => heard && tell({ problems: [...problems.values()] });
  const on = {
    hello({ refreshed_ms_ago: ago }) {
      // The hub tells everything anew, and what this connection may have missed: a page knows whether it was read since.
      if (ago !== null) refresh("page", [], Date.now() - ago);
      attempts = 0;
      heard = false;
      problems.clear();
    },
    changes() {
      heard = true;
      tellProblems();
    },
    problem(problem) {
      problems.set(problem.key, problem);
      tellProblems();
    },
    solved({ key }) {
      if (problems.delete(key)) tellProblems();
    },
    change(change) {
      // Programs were swapped: the same condition as in the hub, which remembers when.
      if (change.phase === "done" && typeof change.swap_ms === "number") refresh("page", change.paths);
    },
    refresh({ kind, paths }) {
      refresh(kind, paths);
    },
  };

  function open() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("/_dev/events");
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        try {
          on[name]?.(JSON.parse(event.data));
        } catch (error) {
          console.debug("dev:", error);
        }
      });
    }
    // A browser tries again by itself after a cut connection, but not after an answer that says no.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      retry = setTimeout(open, RETRY[Math.min(attempts++, RETRY.length - 1)]);
    };
  }
  open();

  return {
    /** What a page has to know that was read at `readAt`, in milliseconds since 1970. */
    greet(readAt) {
      const messages = heard ? [{ problems: [...problems.values()] }] : [];
      if (pageRefresh > readAt) messages.push({ refresh: "page", paths: [], at: pageRefresh });
      return messages;
    },
    close() {
      clearTimeout(retry);
      source.close();
    },
    open,
  };
}
