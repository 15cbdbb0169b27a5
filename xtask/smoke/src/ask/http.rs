//! Requests over HTTP. Redirects are answers; cookies are kept from one step to the next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};

use super::{Common, Memory};
use crate::judge::{fill, unknown};
use crate::outcome::{Answer, Fault};
use crate::suite::Request;

/// More is read of no answer.
const LARGEST: usize = 4 << 20;
/// What the stack's logs call these requests.
const AGENT: &str = "slipway-smoke";

/// A client that follows no redirect and asks nobody else for the way.
///
/// # Errors
/// When TLS cannot be set up.
pub(crate) fn client(tls: rustls::ClientConfig) -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().redirect(Policy::none()).user_agent(AGENT).tls_backend_preconfigured(tls).build()?)
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
    let builder = prepare(common, request, memory)?;
    let begun = Instant::now();
    let mut response = builder.send().await.map_err(|error| Fault::unanswered(reason(&error)))?;
    let status = response.status().as_u16();
    let mut answer = Answer::default();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if *name == SET_COOKIE {
            memory.cookies.keep(&value);
        }
        answer.headers.push((name.as_str().to_owned(), value));
    }
    let mut body = Vec::new();
    while body.len() < LARGEST {
        match response.chunk().await.map_err(|error| Fault::unanswered(reason(&error)))? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    let time = begun.elapsed();
    answer.json = serde_json::from_slice(&body).ok();
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok((status, answer, time))
}

fn prepare(common: &Common, request: &Request, memory: &Memory) -> Result<RequestBuilder, Fault> {
    let values = &memory.values;
    let method = request.method.as_deref().unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault::wrong(format!("`{method}` is no method")))?;
    let path = fill(values, &request.path)?;
    let url = common.facts.url.join(&path).map_err(|error| Fault::wrong(format!("`{path}` is no path: {error}")))?;
    let mut builder = common.client.request(method, url);
    for (name, value) in &request.headers {
        builder = builder.header(name, fill(values, value)?);
    }
    if let Some(cookies) = memory.cookies.header() {
        builder = builder.header(COOKIE, cookies);
    }
    if let Some(json) = &request.json {
        builder = builder.json(&values.fill_json(json).map_err(unknown)?);
    } else if let Some(form) = &request.form {
        let fields = form.iter().map(|(name, value)| Ok((name.as_str(), fill(values, value)?)));
        builder = builder.form(&fields.collect::<Result<BTreeMap<_, _>, Fault>>()?);
    } else if let Some(upload) = &request.upload {
        let part = Part::text(fill(values, &upload.content)?).file_name(upload.file.clone());
        builder = builder.multipart(Form::new().part(upload.field.clone(), part));
    }
    Ok(builder)
}

/// The innermost reason, which is the one that says something.
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
