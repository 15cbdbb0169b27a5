//! The caller: what of a browser's request is passed on to the backend, and nothing else.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The cookie that names a session. Other cookies are nobody's business but the browser's.
const SESSION: &str = "session=";
/// What the proxy says about the browser.
const FORWARDED: [&str; 3] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// On whose behalf the backend is asked.
#[derive(Debug, Clone)]
pub struct Caller(HeaderMap);

impl Caller {
    /// The caller of a request with these headers.
    pub fn new(headers: &HeaderMap, request_id: &str) -> Self {
        let mut kept = HeaderMap::new();
        for name in FORWARDED {
            if let Some(value) = headers.get(name) {
                kept.insert(name, value.clone());
            }
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            kept.insert(REQUEST_ID, id);
        }
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let session = cookies.flat_map(|value| value.split(';')).map(str::trim).find(|cookie| cookie.starts_with(SESSION));
        if let Some(session) = session.and_then(|session| HeaderValue::from_str(session).ok()) {
            kept.insert(COOKIE, session);
        }
        Self(kept)
    }

    /// Whether there is a session to ask for; only the backend knows whether it is a good one.
    pub fn has_session(&self) -> bool {
        self.0.contains_key(COOKIE)
    }

    /// The same caller, who has proved with `token` that the request comes from a page of this site. What cannot be a token is left out, and refused by
    /// the backend like none.
    pub fn with_token(mut self, token: &str) -> Self {
        if let Ok(token) = HeaderValue::from_str(token) {
            self.0.insert(CSRF_TOKEN, token);
        }
        self
    }

    /// The token that came with a form; empty when none did.
    pub fn token(&self) -> &str {
        self.0.get(CSRF_TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default()
    }

    /// The headers for the backend.
    pub(super) fn headers(&self) -> HeaderMap {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_backend_needs_is_passed_on() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("theme=dark; session=abc; other=1"));
        for (name, value) in [("x-forwarded-for", "192.0.2.7"), ("authorization", "Basic x"), ("x-csrf-token", "from outside")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let caller = Caller::new(&headers, "0123456789");
        let names: Vec<_> = caller.0.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(names, ["x-forwarded-for: 192.0.2.7", "x-request-id: 0123456789", "cookie: session=abc"]);
        assert!(caller.has_session());
        assert_eq!(caller.with_token("a\r\nx: y").0.get(CSRF_TOKEN), None);
    }
}
