//! Actions: what somebody asks for on the dashboard, `cargo xtask dev` does, and its answer.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::Store;
use crate::feed::message::Object;

/// How many actions go on at once.
const MOST: usize = 32;

/// What an action came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

/// Why an action was not begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody is there to do it.
    Detached,
    /// It is not one that the state names.
    Unknown(String),
    /// Too many go on.
    Busy,
}

#[derive(Debug, Default)]
pub(super) struct Actions {
    feed: Option<mpsc::Sender<String>>,
    last: u64,
    pending: HashMap<u64, oneshot::Sender<Outcome>>,
}

impl Actions {
    pub(super) fn attached(&self) -> bool {
        self.feed.is_some()
    }

    pub(super) fn attach(&mut self, feed: mpsc::Sender<String>) {
        self.feed = Some(feed);
    }

    /// Whoever waits for an answer learns from the end of its channel that none comes.
    pub(super) fn detach(&mut self) {
        self.feed = None;
        self.pending.clear();
    }

    pub(super) fn answer(&mut self, id: u64, answer: &Object) {
        if let Some(waiting) = self.pending.remove(&id) {
            let text = answer.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
            // Whoever asked may be gone.
            let _ = waiting.send(Outcome { ok: answer.get("ok").is_some_and(|ok| ok == true), text });
        }
    }

    fn begin(&mut self, name: &str, service: Option<&str>) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        let feed = self.feed.as_ref().ok_or(Refusal::Detached)?;
        self.pending.retain(|_, waiting| !waiting.is_closed());
        if self.pending.len() >= MOST {
            return Err(Refusal::Busy);
        }
        self.last += 1;
        let mut action = json!({ "id": self.last, "name": name });
        if let Some(service) = service {
            action["service"] = service.into();
        }
        feed.try_send(json!({ "action": action }).to_string()).map_err(|_| Refusal::Busy)?;
        let (sender, receiver) = oneshot::channel();
        self.pending.insert(self.last, sender);
        Ok(receiver)
    }
}

impl Store {
    /// Passes an action on; the receiver gets its outcome, or ends without when the feed does.
    pub(crate) fn begin(&self, name: &str, service: Option<&str>) -> Result<oneshot::Receiver<Outcome>, Refusal> {
        let mut known = self.known();
        if !known.actions.attached() {
            return Err(Refusal::Detached);
        }
        let list =
            |field: &str| known.state.as_ref().and_then(|state| state.get(field)).and_then(Value::as_array).cloned().unwrap_or_default();
        if !list("actions").iter().any(|action| action == name) {
            return Err(Refusal::Unknown(format!("`{name}` is not an action here")));
        }
        if let Some(service) = service.filter(|service| !list("services").iter().any(|known| known["name"] == **service)) {
            return Err(Refusal::Unknown(format!("`{service}` is not a service here")));
        }
        known.actions.begin(name, service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::message::Message;

    #[test]
    fn only_what_the_state_names_is_passed_on() {
        let store = Store::new();
        assert_eq!(store.begin("restart", None).unwrap_err(), Refusal::Detached);
        let (sender, mut lines) = mpsc::channel(8);
        store.attach(sender);
        let state = br#"{"type":"state","actions":["restart"],"services":[{"name":"backend"}]}"#;
        store.take(Message::parse(state).unwrap());
        assert!(matches!(store.begin("format", None), Err(Refusal::Unknown(_))));
        assert!(matches!(store.begin("restart", Some("db; rm")), Err(Refusal::Unknown(_))));
        let mut answer = store.begin("restart", Some("backend")).unwrap();
        assert_eq!(lines.try_recv().unwrap(), r#"{"action":{"id":1,"name":"restart","service":"backend"}}"#);
        assert!(lines.try_recv().is_err());
        store.take(Message::parse(br#"{"type":"action","id":1,"ok":true,"text":"done"}"#).unwrap());
        let outcome = answer.try_recv().unwrap();
        assert!(outcome.ok && outcome.text == "done");
        let mut lost = store.begin("restart", None).unwrap();
        store.detach();
        assert_eq!(lost.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
    }
}
