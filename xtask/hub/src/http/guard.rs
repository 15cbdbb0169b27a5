//! Who may ask. A page of a stranger can make a browser send requests here, and can give its own name this address (DNS rebinding).

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// What tells something: refused under a name that a stranger could own. Numbers are not names, and names without a dot are this network's.
pub(super) async fn reading(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let host = host(request.headers());
    if !host.is_some_and(|host| is_own(host, &hosts) || !host.contains('.') || host.parse::<IpAddr>().is_ok()) {
        return refuse(&strange(host));
    }
    next.run(request).await
}

/// What changes something: only a page of this site, under a name of this machine.
pub(super) async fn changing(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    match check(request.headers(), &hosts) {
        Ok(()) => next.run(request).await,
        Err(reason) => refuse(&reason),
    }
}

fn check(headers: &HeaderMap, hosts: &[String]) -> Result<(), String> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = host(headers);
    if !host.is_some_and(|host| is_own(host, hosts)) {
        return Err(strange(host));
    }
    // A form cannot send this type, and a script of another origin must ask first.
    let kind = text(CONTENT_TYPE.as_str()).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err("the body must be `application/json`".to_owned());
    }
    if !matches!(text("sec-fetch-site"), None | Some("same-origin" | "none")) {
        return Err("the request comes from a page of another site".to_owned());
    }
    let whole = text(HOST.as_str()).unwrap_or_default();
    let same = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(whole));
    if !text(ORIGIN.as_str()).is_none_or(same) {
        return Err("the request comes from a page of another origin".to_owned());
    }
    Ok(())
}

/// The name that was asked for, without its port.
fn host(headers: &HeaderMap) -> Option<&str> {
    let whole = headers.get(HOST)?.to_str().ok()?;
    match whole.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => Some(whole.split_once(':').map_or(whole, |(name, _)| name)),
    }
    .filter(|host| !host.is_empty())
}

/// Whether a name is this machine's, or one that the settings allow.
fn is_own(host: &str, hosts: &[String]) -> bool {
    let host = host.to_ascii_lowercase();
    let local = host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1";
    local || host.parse() == Ok(Ipv6Addr::LOCALHOST) || hosts.contains(&host)
}

fn strange(host: Option<&str>) -> String {
    let host = host.unwrap_or_default();
    format!("`{host}` is not a name of this machine; add it to `site.aliases` of the environment, or use `localhost`")
}

fn refuse(reason: &str) -> Response {
    (StatusCode::FORBIDDEN, Json(json!({ "ok": false, "text": reason }))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn checked(pairs: &[(&'static str, &'static str)]) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "localhost:8080"), ("content-type", "application/json")].iter().chain(pairs) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&headers, &["dev.example".to_owned()])
    }

    #[test]
    fn pages_of_this_site_may_act() {
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "[::1]", "two.localhost:8080", "dev.example", "Dev.Example:1"]
        {
            assert_eq!(checked(&[("host", host)]), Ok(()), "{host}");
        }
        assert_eq!(checked(&[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(checked(&[("sec-fetch-site", "none"), ("content-type", "application/json; charset=utf-8")]), Ok(()));
    }

    #[test]
    fn strangers_may_not() {
        for host in ["evil.example", "localhost.evil.example", "evillocalhost", "10.0.0.1", "", "proxy", "127.0.0.1.evil.example", "[::2]"]
        {
            assert!(checked(&[("host", host)]).unwrap_err().contains("site.aliases"), "{host}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp"] {
            assert!(checked(&[("content-type", kind)]).unwrap_err().contains("application/json"), "{kind}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(checked(&[("sec-fetch-site", site)]).unwrap_err().contains("another site"), "{site}");
        }
        for origin in ["http://evil.example", "http://localhost:9090", "http://localhost", "null", ""] {
            assert!(checked(&[("origin", origin)]).unwrap_err().contains("another origin"), "{origin}");
        }
    }

    #[test]
    fn a_request_without_a_host_is_a_stranger() {
        assert!(check(&HeaderMap::new(), &[]).unwrap_err().contains("site.aliases"));
    }
}
