//! The client of the backend's API: bounded in time and size, one pool of kept connections.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long the backend may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a whole exchange may take, connection included.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long the check of a health probe may take. Short, because the engine probes again at once: the name of a backend that does not run yet is asked of
/// name servers outside, which can take seconds to say no.
const LIVE_TIMEOUT: Duration = Duration::from_millis(250);
/// The largest answer that is read: several times a full page of tasks.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// The backend, as this program sees it.
#[derive(Debug, Clone)]
pub struct Backend {
    client: Client,
    url: String,
}

/// A task on the board.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Names the task in paths.
    pub id: String,
    /// What is to be done.
    pub title: String,
    /// Whether it is done.
    pub status: Status,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was done, RFC 3339.
    pub completed_at: Option<String>,
}

/// Whether a task is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Still to be done.
    Open,
    /// Done.
    Done,
}

/// One page of tasks: open ones first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskList {
    /// The tasks of this page.
    pub tasks: Vec<Task>,
    /// Leads to the next page, when there is one.
    pub next: Option<String>,
}

/// Counts over all tasks, kept by the worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stats {
    /// Tasks that are open.
    pub open: u64,
    /// Tasks that are done.
    pub done: u64,
    /// Tasks that were ever created.
    pub created: u64,
    /// When a task was created or done for the last time.
    pub last_activity_at: Option<String>,
    /// When the worker last wrote these counts; absent when it never did.
    pub updated_at: Option<String>,
}

/// Why the backend did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// It cannot be reached, or says that it cannot work now.
    #[error("the backend is away: {0}")]
    Away(String),
    /// It was reached and did not answer in time. What was asked may have been done.
    #[error("the backend did not answer in time: {0}")]
    Slow(String),
    /// It refuses what was entered.
    #[error("the backend refuses the input: {0}")]
    Refused(String),
    /// It does not know the thing that was named.
    #[error("the backend does not know `{0}`")]
    NotFound(String),
    /// It wants fewer requests.
    #[error("the backend wants fewer requests")]
    TooMany,
    /// It answered something that this program does not understand.
    #[error("unexpected answer of the backend: {0}")]
    Unexpected(String),
}

#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct FieldProblem {
    detail: String,
}

impl Backend {
    /// A client for the API at `url`.
    pub fn new(url: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Shorter than servers keep idle connections, so that a request is not sent into one that is being closed.
            .pool_idle_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client, url: url.to_owned() })
    }

    /// One page of tasks: the first, or the one that `before` leads to.
    pub async fn tasks(&self, before: Option<&str>, request_id: &str) -> Result<TaskList, BackendError> {
        let path = match before {
            Some(cursor) => format!("/api/v1/tasks?before={}", encode(cursor)),
            None => "/api/v1/tasks".to_owned(),
        };
        exchange(self.request(Method::GET, &path, request_id), "tasks").await
    }

    /// Counts over all tasks.
    pub async fn stats(&self, request_id: &str) -> Result<Stats, BackendError> {
        exchange(self.request(Method::GET, "/api/v1/stats", request_id), "stats").await
    }

    /// Creates a task.
    pub async fn create(&self, title: &str, request_id: &str) -> Result<Task, BackendError> {
        let request = self.request(Method::POST, "/api/v1/tasks", request_id);
        exchange(request.json(&serde_json::json!({ "title": title })), "tasks").await
    }

    /// Marks a task as done. Doing it twice changes nothing.
    pub async fn complete(&self, id: &str, request_id: &str) -> Result<Task, BackendError> {
        // The id comes from a path: one that could name another route is not asked for.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(BackendError::NotFound(id.to_owned()));
        }
        let request = self.request(Method::POST, &format!("/api/v1/tasks/{id}/complete"), request_id);
        exchange(request, id).await
    }

    /// Succeeds when the backend's process answers.
    pub async fn live(&self, request_id: &str) -> Result<(), BackendError> {
        let request = self.request(Method::GET, "/api/v1/health/", request_id).timeout(LIVE_TIMEOUT);
        exchange::<serde_json::Value>(request, "health").await.map(drop)
    }

    fn request(&self, method: Method, path: &str, request_id: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("x-request-id", request_id)
    }
}

/// Writes a value so that it can stand in a query.
fn encode(value: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn exchange<T: DeserializeOwned>(request: RequestBuilder, object: &str) -> Result<T, BackendError> {
    let response = request.send().await.map_err(transport)?;
    let status = response.status();
    let body = bounded_body(response).await?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| BackendError::Unexpected(error.to_string()));
    }
    let problem = serde_json::from_slice::<Problem>(&body).ok();
    let detail = problem.as_ref().and_then(|problem| problem.detail.clone()).unwrap_or_else(|| format!("status {status}"));
    Err(match status {
        StatusCode::NOT_FOUND => BackendError::NotFound(object.to_owned()),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let field = problem.and_then(|problem| problem.errors.into_iter().next());
            BackendError::Refused(field.map_or(detail, |field| field.detail))
        }
        StatusCode::TOO_MANY_REQUESTS => BackendError::TooMany,
        StatusCode::GATEWAY_TIMEOUT => BackendError::Slow(detail),
        status if status.is_server_error() => BackendError::Away(detail),
        _ => BackendError::Unexpected(format!("{status}: {detail}")),
    })
}

async fn bounded_body(mut response: reqwest::Response) -> Result<Vec<u8>, BackendError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(BackendError::Unexpected(format!("more than {BODY_LIMIT} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport(error: reqwest::Error) -> BackendError {
    // The text of a transport error stops at "error sending request": the reason is in its sources.
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    if error.is_timeout() && !error.is_connect() { BackendError::Slow(reason) } else { BackendError::Away(reason) }
}
