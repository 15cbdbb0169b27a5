//! Assets over HTTP: for ever under a fingerprinted name, asked about each time under a plain one.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tracing::error;

use super::App;
use crate::assets::Freshness;

/// Sends the file of `static/` that the path names.
pub(crate) async fn send(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let site = match app.0.site.current() {
        Ok(site) => site,
        Err(reason) => {
            error!("{reason}");
            return (StatusCode::INTERNAL_SERVER_ERROR, reason.to_string()).into_response();
        }
    };
    let Some((asset, freshness)) = site.assets.find(&file) else {
        return (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-cache")], "no such asset\n").into_response();
    };
    let caching = match freshness {
        Freshness::Immutable => "public, max-age=31536000, immutable",
        Freshness::Revalidate => "no-cache",
    };
    let tag = format!("\"{}\"", asset.fingerprint);
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    // A proxy that compresses marks the tag as weak; the content is the same.
    if known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, [(CACHE_CONTROL, caching), (ETAG, tag.as_str())]).into_response();
    }
    let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, caching), (ETAG, tag.as_str())];
    (headers, Body::from(asset.content.clone())).into_response()
}

/// Leads browsers that ask for an icon without having read a page to the one that pages name.
pub(crate) async fn favicon(State(app): State<App>) -> Response {
    match app.0.site.current().ok().and_then(|site| site.assets.path("icon.svg")) {
        Some(path) => (StatusCode::FOUND, [(LOCATION, path.as_str()), (CACHE_CONTROL, "no-cache")]).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
