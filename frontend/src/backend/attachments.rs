//! Attachments: files of a task. An upload is passed on as it arrives, so that its size costs no memory here.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use futures_util::StreamExt as _;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Backend, BackendError, Caller, Person, checked, exchange, read};

/// How long nothing may move in an upload: neither the browser sends nor the backend takes or answers.
const IDLE: Duration = Duration::from_secs(15);
/// How long an upload may take, however steadily it trickles.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// A file of a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attachment {
    /// Names the attachment in paths.
    pub id: String,
    /// The name of the file.
    pub name: String,
    /// What kind of file it is.
    pub content_type: String,
    /// How large it is.
    pub bytes: u64,
    /// Who uploaded it.
    pub created_by: Option<Person>,
    /// When it was uploaded, RFC 3339.
    pub created_at: String,
    /// Where it can be read.
    pub url: String,
}

#[derive(Deserialize)]
struct Attachments {
    attachments: Vec<Attachment>,
}

impl Backend {
    /// The files of a task.
    pub async fn attachments(&self, task: &str, caller: &Caller) -> Result<Vec<Attachment>, BackendError> {
        let request = self.get(&format!("/api/v1/tasks/{}/attachments", checked(task)?), caller);
        exchange::<Attachments>(request).await.map(|list| list.attachments)
    }

    /// Passes a form with a file on, unread; `headers` are those of the browser's request.
    pub async fn attach(&self, task: &str, headers: &HeaderMap, body: Body, caller: &Caller) -> Result<Attachment, BackendError> {
        let mut request =
            self.request(Method::POST, &format!("/api/v1/tasks/{}/attachments", checked(task)?), caller).timeout(UPLOAD_TIMEOUT);
        for name in [CONTENT_TYPE, CONTENT_LENGTH] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let (moved, moving) = watch::channel(());
        let chunks = body.into_data_stream().inspect(move |_| {
            moved.send_replace(());
        });
        let exchange = async { read(request.body(reqwest::Body::wrap_stream(chunks)).send().await?).await };
        tokio::select! {
            answer = exchange => answer.map(|(attachment, _)| attachment),
            () = still(moving) => Err(BackendError::Slow("an upload does not move".to_owned())),
        }
    }

    /// Removes a file.
    pub async fn detach(&self, id: &str, caller: &Caller) -> Result<(), BackendError> {
        exchange(self.request(Method::DELETE, &format!("/api/v1/attachments/{}", checked(id)?), caller)).await
    }
}

/// Returns when nothing has moved for a while, or not long after the last chunk: then it is the backend that is slow.
async fn still(mut moving: watch::Receiver<()>) {
    loop {
        match timeout(IDLE, moving.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return tokio::time::sleep(IDLE).await,
            Err(_) => return,
        }
    }
}
