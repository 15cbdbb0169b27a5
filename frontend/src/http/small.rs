//! Forms without files: read as a whole before a request takes one of the places of those under way, so that slow senders wait on their own.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::FORM_LIMIT;
use super::failure::Failure;

/// How much of a form that is too large is read: as much as the proxy lets through.
const REST: usize = 1024 * 1024;
/// The time for all of a form.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the body of a request and passes the request on with it.
pub(crate) async fn collect(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let status = match timeout(FORM_TIMEOUT, read(body, FORM_LIMIT)).await {
        Ok(Ok(Some(bytes))) => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Ok(None)) => StatusCode::PAYLOAD_TOO_LARGE,
        Ok(Err(_)) => StatusCode::BAD_REQUEST,
        Err(_) => StatusCode::REQUEST_TIMEOUT,
    };
    Failure::BadForm(status).into_response()
}

/// Reads a body that has `most` bytes at most. `None`: it has more; the rest was read, so that the sender gets to see the answer.
async fn read(body: Body, most: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let (mut chunks, mut bytes, mut total) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        total += chunk.len();
        if total <= most {
            bytes.extend_from_slice(&chunk);
        } else if total > REST {
            break;
        }
    }
    Ok((total <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use futures_util::stream;
    use tokio::time::{Instant, sleep};
    use tower::ServiceExt as _;

    use super::*;

    /// The answer to a form of `count` chunks, one each `pause`, and how long it took.
    async fn send(count: usize, chunk: &'static str, pause: Duration) -> (StatusCode, Duration) {
        let app = Router::new().route("/", post(async |body: String| body)).layer(from_fn(collect));
        let chunks = stream::iter(0..count).then(move |_| async move {
            sleep(pause).await;
            Ok::<_, std::io::Error>(chunk)
        });
        let began = Instant::now();
        let answer = app.oneshot(Request::post("/").body(Body::from_stream(chunks)).unwrap()).await.unwrap();
        (answer.status(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_has_one_bound_in_time_for_all_of_it() {
        let second = Duration::from_secs(1);
        assert_eq!(send(4, "x", 2 * second).await, (StatusCode::OK, 8 * second));
        let (status, time) = send(60, "x", 2 * second).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        assert!(time >= 10 * second && time < 11 * second, "{time:?}");
        assert_eq!(send(FORM_LIMIT / 4 + 1, "xxxx", Duration::ZERO).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
