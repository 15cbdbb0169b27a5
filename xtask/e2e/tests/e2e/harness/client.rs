//! Requests from the host, as a browser or a badly behaved client sends them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde_json::Value;

use super::Stack;

/// Whoever waits longer than this for an answer is left hanging: the proxy gives up on an upstream after 15 s.
pub(crate) const NO_HANG: Duration = Duration::from_secs(16);

/// A response, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The one value of header `name`.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let values: Vec<&HeaderValue> = self.headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "`{name}` should be there once, in {self:#?}");
        values[0].to_str().unwrap()
    }

    /// Whether there is no header `name`.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        !self.headers.contains_key(name)
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:#?}"))
    }

    /// Itself, if it has `status`.
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:#?}");
        self
    }

    /// Itself, if it is a problem document (RFC 9457) for its status.
    #[track_caller]
    pub(crate) fn problem(self) -> Self {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json()["status"], self.status.as_u16());
        assert_eq!(self.json()["request_id"], self.header("x-request-id"));
        self
    }

    /// Itself, if it is a page for people with `text`.
    #[track_caller]
    pub(crate) fn page(self, text: &str) -> Self {
        assert!(self.header("content-type").starts_with("text/html"), "{self:#?}");
        assert!(self.body.contains(text), "`{text}` is not in {self:#?}");
        self
    }
}

/// A client that follows no redirect and never waits for ever.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(NO_HANG).build().unwrap()
}

impl Stack {
    /// A client of the stack's skipper, if there is one; of a stranger otherwise.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.known_skipper().map_or_else(client, |account| account.client())
    }

    /// Sends a request without a body; `headers` are its own.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let request = self.client().request(method, format!("{}{path}", self.url)).headers(headers.collect());
        read(request).await.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// Gets `path`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    /// Creates a task with `title`.
    pub(crate) async fn create_task(&self, title: &str) -> Answer {
        let body = serde_json::json!({ "title": title });
        read(self.client().post(format!("{}/api/v1/tasks", self.url)).json(&body)).await.unwrap()
    }

    /// Sends `bytes` over a connection of its own and reads until the other side closes it.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        parse(&self.exchange(bytes))
    }

    /// Sends `bytes` over a connection of its own; returns what comes until the other side closes it.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.authority()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap_or_else(|error| panic!("the proxy neither answers nor closes: {error}"));
        response
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// Sends `request` and reads the whole answer.
pub(crate) async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await?;
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn parse(response: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(response);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP response: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    Answer { status: status.unwrap_or_else(|| panic!("no status: {text:?}")), headers: headers.collect(), body: body.to_owned() }
}
