//! Request ids: the proxy's if it is sane, a new one otherwise.
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request.
pub(super) fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    given.filter(|id| is_sane(id)).map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned)
}

/// The id as a header.
pub(super) fn header(id: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(id).ok()
}

/// It ends up in logs, so nothing but short plain words is taken over.
fn is_sane(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        let of = |id: &str| of(&HeaderMap::from_iter([(HEADER, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(of("0123-abcd-XYZ"), "0123-abcd-XYZ");
        for bad in ["short", &"x".repeat(65), "has space in it", "quote\"quote\"", ""] {
            let id = of(bad);
            assert_ne!(id, bad);
            assert!(is_sane(&id), "{id}");
        }
    }
}
