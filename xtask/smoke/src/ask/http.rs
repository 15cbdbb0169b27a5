//! Requests over HTTP. Redirects are answers; cookies are kept from one step to the next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes};
use hyper::header::{CONTENT_TYPE, COOKIE, SET_COOKIE, USER_AGENT};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use super::{Common, Memory, multipart};
use crate::judge::{fill, unknown};
use crate::outcome::{Answer, Fault};
use crate::suite::Request;

/// More is read of no answer.
const LARGEST: usize = 4 << 20;
/// What the stack's logs call these requests.
const AGENT: &str = "slipway-smoke";

/// Keeps connections from one request to the next.
pub(crate) type Client = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that trusts as it is told. Not one with TLS of its own: features are the same for a whole workspace, and clients without a
/// configuration, as the tests and the frontend have them, would look for a provider of cryptography that nobody has installed.
pub(crate) fn client(tls: rustls::ClientConfig) -> Client {
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector)
}

/// Cookies by name. All requests go to one host, so where they are from does not matter.
#[derive(Debug, Default)]
pub(super) struct Cookies(BTreeMap<String, String>);

impl Cookies {
    /// Keeps what a `Set-Cookie` header says, or forgets it.
    fn keep(&mut self, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        if value.is_empty() || parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The header that sends them, if there are any.
    pub(super) fn header(&self) -> Option<String> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Sends a request; says the status, the answer, and how long it took.
///
/// # Errors
/// When nobody answers.
pub(super) async fn send(common: &Common, request: &Request, memory: &mut Memory) -> Result<(u16, Answer, Duration), Fault> {
    let request = prepare(common, request, memory)?;
    let begun = Instant::now();
    let response = common.client.request(request).await.map_err(|error| Fault::unanswered(reason(&error)))?;
    let status = response.status().as_u16();
    let mut answer = Answer::default();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if *name == SET_COOKIE {
            memory.cookies.keep(&value);
        }
        answer.headers.push((name.as_str().to_owned(), value));
    }
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    while body.len() <= LARGEST && !incoming.is_end_stream() {
        let Some(frame) = incoming.frame().await else { break };
        let frame = frame.map_err(|error| Fault::unanswered(reason(&error)))?;
        body.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    if body.len() > LARGEST {
        return Err(Fault::wrong(format!("the answer is larger than {} MB", LARGEST >> 20)));
    }
    let time = begun.elapsed();
    answer.json = serde_json::from_slice(&body).ok();
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok((status, answer, time))
}

fn prepare(common: &Common, request: &Request, memory: &Memory) -> Result<hyper::Request<Full<Bytes>>, Fault> {
    let values = &memory.values;
    let path = fill(values, &request.path)?;
    let url = address(&common.facts.url, &path)?;
    let mut builder =
        hyper::Request::builder().method(request.method.clone().unwrap_or_default()).uri(url.as_str()).header(USER_AGENT, AGENT);
    for (name, value) in &request.headers {
        builder = builder.header(name, fill(values, value)?);
    }
    if let Some(cookies) = memory.cookies.header() {
        builder = builder.header(COOKIE, cookies);
    }
    let (content_type, body) = if let Some(json) = &request.json {
        ("application/json".to_owned(), values.fill_json(json).map_err(unknown)?.to_string())
    } else if let Some(form) = &request.form {
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in form {
            fields.append_pair(name, &fill(values, value)?);
        }
        ("application/x-www-form-urlencoded".to_owned(), fields.finish())
    } else if let Some(upload) = &request.upload {
        multipart::one_file(&upload.field, &upload.file, &fill(values, &upload.content)?)
    } else {
        (String::new(), String::new())
    };
    if !content_type.is_empty() {
        builder = builder.header(CONTENT_TYPE, content_type);
    }
    builder.body(Full::from(body)).map_err(|error| Fault::wrong(format!("`{path}` cannot be asked for: {error}")))
}

/// Where `path` is. An answer that names another host is not believed: what is sent there would have the cookies of this one.
fn address(stack: &Url, path: &str) -> Result<Url, Fault> {
    let url = stack.join(path).map_err(|error| Fault::wrong(format!("`{path}` is no path: {error}")))?;
    if url.origin() == stack.origin() { Ok(url) } else { Err(Fault::wrong(format!("`{path}` leads to another host"))) }
}

/// The innermost reason, which is the one that says something.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_lead_to_no_other_host() {
        let stack = Url::parse("http://localhost:8080").expect("an address");
        let of = |path: &str| address(&stack, path).map(String::from).map_err(|fault| fault.detail);
        assert_eq!(of("/media/1?a=b"), Ok("http://localhost:8080/media/1?a=b".to_owned()));
        assert_eq!(of("http://localhost:8080/media/1"), Ok("http://localhost:8080/media/1".to_owned()));
        for elsewhere in ["//example.com/a", "https://localhost:8080/", "http://localhost/", "data:,a"] {
            assert_eq!(of(elsewhere), Err(format!("`{elsewhere}` leads to another host")));
        }
    }

    #[test]
    fn cookies_are_kept_and_forgotten() {
        let mut cookies = Cookies::default();
        assert_eq!(cookies.header(), None);
        cookies.keep("session=a=b; Path=/; HttpOnly");
        cookies.keep("theme=dark");
        assert_eq!(cookies.header().as_deref(), Some("session=a=b; theme=dark"));
        cookies.keep("session=; Max-Age=0");
        cookies.keep("theme=x; Max-Age=0");
        cookies.keep("nonsense");
        assert_eq!(cookies.header(), None);
    }
}
