//! The pages and scripts, which are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use crate::store::Store;

/// Everything comes from this origin, and nothing inline runs. The worker has this policy from its own answer.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file under its path.
macro_rules! page {
    ($path:literal, $file:literal, $kind:expr) => {
        ($path, include_str!(concat!("../../static/", $file)), $kind)
    };
}

const PAGES: [(&str, &str, &str); 17] = [
    page!("/_dev/", "dashboard.html", HTML),
    page!("/_dev/dashboard.css", "dashboard.css", CSS),
    page!("/_dev/dashboard.js", "dashboard.js", SCRIPT),
    page!("/_dev/services.js", "services.js", SCRIPT),
    page!("/_dev/graph.js", "graph.js", SCRIPT),
    page!("/_dev/layers.js", "layers.js", SCRIPT),
    page!("/_dev/chart.js", "chart.js", SCRIPT),
    page!("/_dev/logs.js", "logs.js", SCRIPT),
    page!("/_dev/actions.js", "actions.js", SCRIPT),
    page!("/_dev/element.js", "element.js", SCRIPT),
    page!("/_dev/ansi.js", "ansi.js", SCRIPT),
    page!("/_dev/client.js", "client.js", SCRIPT),
    page!("/_dev/worker.js", "worker.js", SCRIPT),
    page!("/_dev/feed.js", "feed.js", SCRIPT),
    page!("/_dev/overlay.js", "overlay.js", SCRIPT),
    page!("/_dev/style.js", "style.js", SCRIPT),
    page!("/_dev/keep.js", "keep.js", SCRIPT),
];

pub(super) fn routes() -> Router<Arc<Store>> {
    PAGES.into_iter().fold(Router::new(), |router, (path, text, kind)| {
        let digest: String = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let tag: Arc<str> = format!("\"{digest}\"").into();
        router.route(path, get(move |headers: HeaderMap| async move { send(&headers, &tag, text, kind) }))
    })
}

fn send(headers: &HeaderMap, tag: &str, text: &'static str, kind: &'static str) -> Response {
    let caching = [(CACHE_CONTROL, "no-cache"), (ETAG, tag), (CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    // A proxy that compresses marks the tag as weak; the content is the same.
    if known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, kind)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_pages_is_inline_or_from_elsewhere() {
        for (path, text, _) in PAGES.into_iter().filter(|(_, _, kind)| *kind == HTML) {
            for forbidden in ["<style", " style=", " onclick=", "javascript:", "<script>", "http://", "https://"] {
                assert!(!text.contains(forbidden), "{path} contains `{forbidden}`");
            }
        }
    }

    #[test]
    fn every_import_is_served() {
        for (path, text, _) in PAGES {
            for target in text.split("\"./").skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| format!("/_dev/{name}")) {
                assert!(PAGES.iter().any(|(served, _, _)| *served == target), "{path} imports {target}");
            }
        }
    }
}
