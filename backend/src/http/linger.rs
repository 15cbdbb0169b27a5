//! Bodies of requests that are answered before they were read to their end: the rest is read for a moment and thrown away. A sender, the proxy above
//! all, that finds the connection closed while it still sends does not get to see the answer.
use axum::Error;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much is thrown away, and for how long.
const BOUND: (usize, Duration) = (64 * 1024 * 1024, Duration::from_secs(10));

/// Makes the body of a request linger.
pub(super) async fn linger(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::from_stream(Lingering(Some(body.into_data_stream()))))).await
}

/// A body that is read on when whoever was to read it has gone.
struct Lingering(Option<BodyDataStream>);

impl Stream for Lingering {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let chunk = body.poll_next_unpin(context);
        if let Poll::Ready(None | Some(Err(_))) = chunk {
            self.0 = None;
        }
        chunk
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let (Some(mut body), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        let (mut left, time) = BOUND;
        let read = async move {
            while let Some(Ok(chunk)) = body.next().await {
                left = left.checked_sub(chunk.len())?;
            }
            Some(())
        };
        runtime.spawn(timeout(time, read));
    }
}
