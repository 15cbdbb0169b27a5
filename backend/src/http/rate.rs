//! How much one account may ask of this process: a window of a minute, told in every answer (`RateLimit`, IETF draft ietf-httpapi-ratelimit-headers).
use super::error::Problem;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const WINDOW: Duration = Duration::from_secs(60);
/// Windows that have ended are thrown out when this many accounts are known.
const MANY: usize = 10_000;
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The counters of all accounts.
#[derive(Debug)]
pub struct RateLimit {
    quota: u32,
    windows: Mutex<HashMap<Uuid, (Instant, u32)>>,
}

/// What is left after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    quota: u32,
    requests: u32,
    seconds: u64,
}

/// Where the handler's side of a request leaves word for the headers of its answer.
#[derive(Debug, Clone, Default)]
struct Slot(Arc<OnceLock<Left>>);

impl RateLimit {
    /// Counters with room for `quota` requests a minute.
    pub fn new(quota: u32) -> Self {
        RateLimit { quota, windows: Mutex::default() }
    }

    /// Counts a request of an account.
    pub(super) fn count(&self, account: Uuid, extensions: &axum::http::Extensions) -> Result<(), Problem> {
        let (left, refused) = self.take(account);
        if let Some(Slot(slot)) = extensions.get() {
            let _ = slot.set(left);
        }
        if refused { Err(Problem::too_many(Duration::from_secs(left.seconds))) } else { Ok(()) }
    }

    fn take(&self, account: Uuid) -> (Left, bool) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MANY {
            windows.retain(|_, (began, _)| began.elapsed() < WINDOW);
        }
        let (began, count) = windows.entry(account).or_insert_with(|| (Instant::now(), 0));
        if began.elapsed() >= WINDOW {
            (*began, *count) = (Instant::now(), 0);
        }
        let refused = *count >= self.quota;
        *count = count.saturating_add(1).min(self.quota);
        let seconds = WINDOW.saturating_sub(began.elapsed()).as_secs().max(1);
        (Left { quota: self.quota, requests: self.quota - *count, seconds }, refused)
    }
}

/// Writes the headers of requests that were counted.
pub(super) async fn tell(mut request: Request, next: Next) -> Response {
    let slot = Slot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    if let Some(left) = slot.0.get() {
        let headers = response.headers_mut();
        let policy = format!("\"api\";q={};w={}", left.quota, WINDOW.as_secs());
        let state = format!("\"api\";r={};t={}", left.requests, left.seconds);
        for (name, value) in [(POLICY, policy), (STATE, state)] {
            headers.extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
        }
    }
    // What somebody was answered is nobody else's.
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quota_is_used_up_and_comes_back() {
        let limit = RateLimit::new(2);
        let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(limit.take(ada), (Left { quota: 2, requests: 1, seconds: 60 }, false));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(limit.take(ada), (Left { quota: 2, requests: 0, seconds: 40 }, false));
        assert!(limit.take(ada).1 && !limit.take(bob).1);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(!limit.take(ada).1);
    }
}
