//! Refuses requests that a page of another origin makes a browser send: changes, and WebSockets, which no other rule of browsers stops.
use super::error::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Requires that the `Origin` of a request, if it has one, is this site. Reads may come from anywhere: their answers stay unreadable there.
pub(super) async fn require_same(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let guarded = !request.method().is_safe() || headers.contains_key(header::UPGRADE) || request.method() == Method::CONNECT;
    if guarded && !is_same(headers) {
        return Problem::forbidden("the request comes from a page of another origin").into_response();
    }
    next.run(request).await
}

fn is_same(headers: &HeaderMap) -> bool {
    // Programs send no origin; browsers cannot leave it out.
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    // A page of another origin cannot set `X-Forwarded-Host` on what it makes a browser send.
    let host = headers.get("x-forwarded-host").or_else(|| headers.get(header::HOST));
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(|host| host.to_str())) else { return false };
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |authority: &str| authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn is_same_of(pairs: &[(&'static str, &'static str)]) -> bool {
        is_same(&pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect())
    }

    #[test]
    fn origins_are_compared_with_the_host() {
        assert!(is_same_of(&[("host", "board.example:8080")]));
        assert!(is_same_of(&[("host", "board.example:8080"), ("origin", "http://board.example:8080")]));
        assert!(is_same_of(&[("host", "Board.example"), ("origin", "https://board.example:443")]));
        assert!(is_same_of(&[("host", "backend:8000"), ("x-forwarded-host", "board.example"), ("origin", "https://board.example")]));
        assert!(!is_same_of(&[("host", "board.example"), ("origin", "https://evil.example")]));
        assert!(!is_same_of(&[("host", "board.example:8080"), ("origin", "http://board.example:9090")]));
        assert!(!is_same_of(&[("host", "board.example"), ("origin", "null")]));
        assert!(!is_same_of(&[("origin", "http://board.example")]));
    }
}
