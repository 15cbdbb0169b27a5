//! The board as a person uses it. Tests share one board: each finds its own tasks by their titles.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use fantoccini::Locator;
use serde_json::json;

use crate::harness::browser::{Browser, PATIENCE};
use crate::harness::eventually;

/// A list of the board.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    Open,
    Done,
}

impl List {
    fn id(self) -> &'static str {
        match self {
            Self::Open => "open-tasks",
            Self::Done => "done-tasks",
        }
    }
}

/// A title that no other test and no earlier run has.
pub(super) fn unique(title: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    format!("{title} {now:x}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Browser {
    /// Opens the board and waits until it is live.
    pub(super) async fn open_board(&self) {
        self.open("/").await;
        self.until_live().await;
    }

    /// Waits until the board says that updates arrive.
    pub(super) async fn until_live(&self) {
        self.see("#live[data-state=live]", "Live").await;
    }

    /// Waits until the board says that updates do not arrive.
    pub(super) async fn until_away(&self) {
        self.see("#live[data-state=away]", "Reconnecting").await;
    }

    /// Sends the form for a new task.
    pub(super) async fn add(&self, title: &str) {
        self.fill("#title", title).await;
        self.click("form[action='/tasks'] button").await;
    }

    /// Waits for the task with exactly this title, and returns a selector of it.
    pub(super) async fn task(&self, list: List, title: &str) -> String {
        let id = self.until(&format!("`{title}` in {list:?}"), &find(list, title)).await;
        format!("#{}", id.as_str().expect("ids are text"))
    }

    /// Waits until no task of the list has this title.
    pub(super) async fn gone(&self, list: List, title: &str) {
        self.until(&format!("`{title}` is not in {list:?}"), &format!("return (() => {{ {} }})() === null", find(list, title))).await;
    }

    /// Completes an open task. With a key and not with the mouse: other tests add tasks above it at any time, and the button would move away under the pointer.
    pub(super) async fn complete(&self, title: &str) {
        // The page may also replace the button in this moment, by one that is the same.
        let task = self.task(List::Open, title).await;
        eventually(&format!("the button of `{title}` takes a key"), PATIENCE, || async {
            self.client().find(Locator::Css(&format!("{task} button"))).await?.send_keys(" ").await
        })
        .await;
    }

    /// A number that the page shows, such as `[data-count=open]`.
    pub(super) async fn number(&self, selector: &str) -> u64 {
        let text = self.script(&format!("return document.querySelector({}).textContent", json!(selector))).await;
        text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("`{selector}` shows {text}"))
    }

    /// Waits until the page shows a number.
    pub(super) async fn until_number(&self, selector: &str, number: u64) {
        let script = format!("return document.querySelector({}).textContent === '{number}'", json!(selector));
        self.until(&format!("`{selector}` shows {number}"), &script).await;
    }

    /// Leaves a mark that is gone as soon as the page is loaded again.
    pub(super) async fn mark(&self) {
        self.script("window.marked = true").await;
    }

    /// Panics if the page was loaded again since [`Browser::mark`].
    pub(super) async fn still_marked(&self) {
        assert_eq!(self.script("return window.marked === true").await, true, "the page was loaded again");
    }

    /// The status of the answer that the page came from.
    pub(super) async fn status(&self) -> u64 {
        let status = self.script("return performance.getEntriesByType('navigation')[0].responseStatus").await;
        status.as_u64().expect("statuses are numbers")
    }
}

fn find(list: List, title: &str) -> String {
    format!(
        "const tasks = [...document.querySelectorAll('#{} > .task:not(.launching)')];
         return tasks.find((task) => task.querySelector('.task-title').textContent === {})?.id ?? null",
        list.id(),
        json!(title),
    )
}
