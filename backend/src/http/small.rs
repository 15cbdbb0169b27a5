//! Small bodies: read as a whole before a request takes one of the places of those under way, so that slow senders wait on their own.
use super::error::Problem;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// How much of a body that is too large is read: as much as the proxy lets through.
const REST: usize = 1024 * 1024;

/// What a small body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Its size.
    pub(super) bytes: usize,
    /// The time for all of it.
    pub(super) time: Duration,
}

/// Reads the body of a request and passes the request on with it.
pub(super) async fn collect(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let problem = match timeout(bounds.time, read(body, bounds.bytes)).await {
        Ok(Ok(Some(bytes))) => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Ok(None)) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body may have {} bytes at most", bounds.bytes)),
        Ok(Err(error)) => Problem::new(StatusCode::BAD_REQUEST, "the body ends early").because(error),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {} seconds", bounds.time.as_secs())),
    };
    problem.into_response()
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
    use super::*;
    use axum::routing::post;
    use axum::{Router, middleware};
    use futures_util::stream;
    use tokio::time::{Instant, sleep};
    use tower::ServiceExt;

    const BOUNDS: Bounds = Bounds { bytes: 100, time: Duration::from_secs(10) };

    /// The answer to a body of `count` bytes, one each `pause`, and how long it took.
    async fn send(count: usize, pause: Duration) -> (StatusCode, Duration) {
        let app = Router::new().route("/", post(async |body: String| body)).layer(middleware::from_fn_with_state(BOUNDS, collect));
        let bytes = stream::iter(0..count).then(move |_| async move {
            sleep(pause).await;
            Ok::<_, std::io::Error>("x")
        });
        let began = Instant::now();
        let answer = app.oneshot(Request::post("/").body(Body::from_stream(bytes)).unwrap()).await.unwrap();
        (answer.status(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_one_bound_in_time_for_all_of_it() {
        let second = Duration::from_secs(1);
        assert_eq!(send(4, 2 * second).await, (StatusCode::OK, 8 * second));
        let (status, time) = send(60, 2 * second).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        assert!(time >= 10 * second && time < 11 * second, "{time:?}");
        assert_eq!(send(101, Duration::ZERO).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
