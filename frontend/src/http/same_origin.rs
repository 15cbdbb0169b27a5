//! Refuses forms that another site sends in the name of a visitor.
//!
//! Browsers say where a request comes from, in `Sec-Fetch-Site` or, over plain HTTP, in `Origin`. A request with neither comes from a program, which
//! has no visitor's rights to abuse.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::failure::Failure;

/// Lets a request pass when it only reads, or comes from a page of this site.
pub(crate) async fn require(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || same_origin(request.headers()) { next.run(request).await } else { Failure::CrossSite.into_response() }
}

fn same_origin(headers: &HeaderMap) -> bool {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    if let Some(site) = headers.get("sec-fetch-site").map(text) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN).map(text) else { return true };
    let host = headers.get(HOST).map(text).unwrap_or_default();
    // The scheme is not compared: the proxy may have ended TLS. An opaque origin, `null`, has no host and is refused.
    origin.split_once("://").is_some_and(|(_, from)| !host.is_empty() && from.eq_ignore_ascii_case(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_the_browser_says_decides() {
        for (expected, pairs) in [
            (true, [("sec-fetch-site", "same-origin"), ("host", "a")].as_slice()),
            (true, &[("sec-fetch-site", "none")]),
            (false, &[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")]),
            (false, &[("sec-fetch-site", "same-site")]),
            (true, &[("origin", "http://a:8080"), ("host", "a:8080")]),
            (false, &[("origin", "http://b"), ("host", "a")]),
            (false, &[("origin", "http://a:1"), ("host", "a:2")]),
            (false, &[("origin", "null"), ("host", "a")]),
            (false, &[("origin", "http://")]),
            (true, &[("host", "a")]),
        ] {
            assert_eq!(same_origin(&headers(pairs)), expected, "{pairs:?}");
        }
    }
}
