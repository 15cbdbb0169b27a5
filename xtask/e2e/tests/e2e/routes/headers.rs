//! The headers of every response, whoever makes it. The other modules check them on 413, 429 and 503.

use crate::harness::client::Answer;
use crate::harness::shared;

/// Checks that `answer` protects whoever reads it.
#[track_caller]
pub(super) fn assert_protected(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "same-origin");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
    assert!(answer.header("permissions-policy").contains("camera=()"));
    let policy = answer.header("content-security-policy");
    for needed in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.split("; ").any(|part| part == needed), "`{needed}` is not in `{policy}`");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let id = answer.header("x-request-id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "`{id}` is no request id of the proxy");
    // A promise about TLS would make no sense here, and the version of the server is nobody's business.
    assert!(answer.lacks("strict-transport-security") && answer.lacks("x-powered-by"), "{answer:#?}");
    assert_eq!(answer.header("server"), "nginx");
}

#[tokio::test]
async fn every_response_protects_its_reader() {
    let (stack, _turn) = shared().await;
    let asset = stack.get("/").await.body.split('"').find(|word| word.starts_with("/static/")).unwrap().to_owned();
    let good = ["/", "/health", "/health/upstreams", "/api/v1/tasks", "/api/v1/health/", &asset];
    for path in good {
        assert_protected(&stack.get(path).await.with(200));
    }
    for path in ["/no-such-page", "/static/none.css", "/api/v1/none", "/media/none", "/_dev/", "/_media/none", "/.env"] {
        assert_protected(&stack.get(path).await.with(404));
    }
    assert_protected(&stack.get("/admin/").await.with(403));
    assert_protected(&stack.create_task("").await.with(422).problem());
    assert_protected(&stack.send(http::Method::TRACE, "/", &[]).await.with(405));
    let tag = stack.get(&asset).await.header("etag").to_owned();
    assert_protected(&stack.send(http::Method::GET, &asset, &[("if-none-match", &tag)]).await.with(304));
}

#[tokio::test]
async fn requests_that_are_no_http_are_refused_with_the_same_headers() {
    let (stack, _turn) = shared().await;
    let long = "a".repeat(40_000);
    let requests = [
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_owned()),
        (400, format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n")),
        (414, format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        // Older than names in requests: nobody can tell which site is meant.
        (421, "GET / HTTP/1.0\r\n\r\n".to_owned()),
    ];
    for (status, request) in requests {
        let answer = stack.raw(request.as_bytes()).with(status);
        assert_protected(&answer.page("That request was refused"));
    }
    assert_protected(&stack.raw(b"GET /api/v1/tasks HTTP/1.0\r\n\r\n").with(421).problem());
}

#[tokio::test]
async fn a_client_that_sends_its_request_too_slowly_is_let_go() {
    let (stack, _turn) = shared().await;
    // This reads until the proxy closes the connection, and fails if it never does.
    let answer = stack.exchange(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    // nginx may close without a word.
    let text = String::from_utf8_lossy(&answer);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
}
