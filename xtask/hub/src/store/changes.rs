//! The last changes: edits on their way to being served, and what became of them.

use std::collections::VecDeque;

use serde_json::Value;

use crate::feed::message::Object;

/// How many are kept.
const CHANGES: usize = 100;

/// The changes, oldest first. Feeds count their changes from the start, so each is known by its feed and its number.
#[derive(Debug, Default)]
pub(crate) struct Changes(VecDeque<Object>);

impl Changes {
    /// Adds a change or what is new about it; returns all that is known about it now.
    pub(crate) fn put(&mut self, feed: u64, id: i64, mut news: Object) -> &Object {
        news.insert("feed".to_owned(), feed.into());
        let known = self.0.iter().rposition(|change| change["feed"] == feed && change["id"] == id);
        let place = match known {
            Some(place) => {
                // What was measured stays when a later line does not repeat it.
                self.0[place].extend(news.into_iter().filter(|(_, value)| !value.is_null()));
                place
            }
            None => {
                if self.0.len() == CHANGES {
                    self.0.pop_front();
                }
                self.0.push_back(news);
                self.0.len() - 1
            }
        };
        &self.0[place]
    }

    /// Marks what goes on as cancelled: its feed is gone, and nobody will say how it ended. Returns what was marked.
    pub(crate) fn cancel(&mut self) -> Vec<Object> {
        let goes_on = |change: &&mut Object| matches!(change.get("phase").and_then(Value::as_str), Some("building" | "swapping"));
        let cancelled = self.0.iter_mut().filter(goes_on).map(|change| {
            change.insert("phase".to_owned(), "cancelled".into());
            change.clone()
        });
        cancelled.collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> &VecDeque<Object> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(value: Value) -> Object {
        let Value::Object(object) = value else { panic!("{value} is an object") };
        object
    }

    #[test]
    fn a_change_goes_on_under_its_number() {
        let mut changes = Changes::default();
        changes.put(1, 12, change(json!({ "id": 12, "phase": "building", "detect_ms": 24 })));
        changes.put(2, 12, change(json!({ "id": 12, "phase": "building" })));
        let done = changes.put(1, 12, change(json!({ "id": 12, "phase": "done", "detect_ms": null, "build_ms": 900 })));
        assert_eq!(json!(done), json!({ "id": 12, "feed": 1, "phase": "done", "detect_ms": 24, "build_ms": 900 }));
        assert_eq!(changes.all().len(), 2);
        assert_eq!(json!(changes.cancel()), json!([{ "id": 12, "feed": 2, "phase": "cancelled" }]));
        assert!(changes.cancel().is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut changes = Changes::default();
        for id in 0..250 {
            changes.put(1, id, change(json!({ "id": id, "phase": "done" })));
        }
        assert_eq!((changes.all().len(), &changes.all()[0]["id"]), (CHANGES, &json!(150)));
    }
}
