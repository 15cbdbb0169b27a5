//! The client of the backend's API: bounded in time and size, always on behalf of a caller.

use std::time::Duration;

use axum::http::HeaderValue;
use reqwest::header::{RETRY_AFTER, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;

mod accounts;
mod attachments;
mod caller;
mod error;
mod exports;
mod tasks;

pub use accounts::{Account, Person, Session};
pub use attachments::{Attachment, UPLOAD_TIMEOUT};
pub use caller::Caller;
pub use error::{BackendError, Refusal};
pub use exports::Export;
pub use tasks::{Edit, Filter, Stats, Status, Task, TaskList, Verb};

/// How long the backend may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a whole exchange may take, connection included. Uploads have a bound of their own.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long the check of a health probe may take. Short, because the engine probes again at once: the name of a backend that does not run yet is asked of
/// name servers outside, which can take seconds to say no.
const LIVE_TIMEOUT: Duration = Duration::from_millis(250);
/// The largest answer that is read: a full page of tasks with the longest notes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The backend, as this program sees it.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Keeps connections.
    reads: Client,
    /// Keeps none: a kept one may be closed by a backend that is being replaced, and nobody knows then whether what was sent on it was done.
    writes: Client,
    url: String,
}

/// Cookies that the backend sets, passed on as they are.
pub type Cookies = Vec<HeaderValue>;

impl Backend {
    /// A client for the API at `url`.
    pub fn new(url: &str) -> Result<Self, reqwest::Error> {
        let client = || Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy();
        // Shorter than servers keep idle connections, so that a request is not sent into one that is being closed.
        let reads = client().pool_idle_timeout(Duration::from_secs(10)).build()?;
        let writes = client().pool_max_idle_per_host(0).build()?;
        Ok(Self { reads, writes, url: url.to_owned() })
    }

    /// Succeeds when the backend's process answers.
    pub async fn live(&self, caller: &Caller) -> Result<(), BackendError> {
        let request = self.get("/api/v1/health/", caller).timeout(LIVE_TIMEOUT);
        exchange::<serde_json::Value>(request).await.map(drop)
    }

    fn get(&self, path: &str, caller: &Caller) -> RequestBuilder {
        self.request(Method::GET, path, caller)
    }

    fn request(&self, method: Method, path: &str, caller: &Caller) -> RequestBuilder {
        let client = if method == Method::GET { &self.reads } else { &self.writes };
        client.request(method, format!("{}{path}", self.url)).headers(caller.headers()).timeout(TIMEOUT)
    }
}

/// Ids come from paths: one that could name another route is not asked for.
fn checked(id: &str) -> Result<&str, BackendError> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then_some(id).ok_or(BackendError::NotFound)
}

/// Writes a value so that it can stand in a query.
pub(crate) fn encode(value: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn exchange<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, BackendError> {
    read(send(request).await?).await.map(|(answer, _)| answer)
}

/// Sends a request; one that only reads is sent once more where its connection ended instead of an answer, as kept ones do when a backend is replaced.
async fn send(request: RequestBuilder) -> Result<Response, reqwest::Error> {
    let (client, request) = request.build_split();
    let request = request?;
    let again = (request.method() == Method::GET).then(|| request.try_clone()).flatten();
    match (client.execute(request).await, again) {
        (Err(error), Some(again)) if error.is_request() && !error.is_timeout() && !error.is_connect() => client.execute(again).await,
        (answer, _) => answer,
    }
}

/// Reads an answer, and the cookies that come with it.
async fn read<T: DeserializeOwned>(response: Response) -> Result<(T, Cookies), BackendError> {
    let status = response.status();
    let cookies = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = bounded_body(response).await?;
    if !status.is_success() {
        return Err(BackendError::from_answer(status, retry_after, &body));
    }
    // An answer without a body says nothing, which is `null` in JSON.
    let body = if body.is_empty() { b"null".as_slice() } else { &body };
    serde_json::from_slice(body).map(|answer| (answer, cookies)).map_err(|error| BackendError::Unexpected(error.to_string()))
}

async fn bounded_body(mut response: Response) -> Result<Vec<u8>, BackendError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(BackendError::Unexpected(format!("more than {BODY_LIMIT} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::HeaderMap;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A backend that answers the first request of each connection, keeps the connection, and ends it when a second one comes.
    async fn forgetful() -> Backend {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let backend = Backend::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let asked = stream.read(&mut request).await?;
                    assert!(asked > 0, "it was opened for nothing");
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull").await?;
                    stream.read(&mut request).await
                });
            }
        });
        backend
    }

    #[tokio::test]
    async fn a_connection_that_ends_instead_of_an_answer_fails_no_request() {
        let (backend, caller) = (forgetful().await, Caller::new(&HeaderMap::new(), "1"));
        for _ in 0..4 {
            exchange::<()>(backend.get("/", &caller)).await.unwrap();
        }
        for _ in 0..4 {
            exchange::<()>(backend.request(Method::POST, "/", &caller)).await.unwrap();
        }
        let kept = backend.reads.post(&backend.url).send().await;
        assert!(kept.unwrap_err().is_request(), "sent once, on the connection that is kept from the last read, it fails");
    }
}
