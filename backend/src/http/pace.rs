//! The least rate of an upload. A sender has credit for some seconds of waiting and earns it back with what it sends, so that a slow network passes and
//! a sender that keeps a place with a byte now and then does not.
use axum::BoxError;
use axum::body::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::error::Error;
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The credit of a sender: how long it may be silent.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes a second that a sender must reach in the long run: a tenth of a slow mobile network.
pub(super) const LEAST_RATE: u32 = 4 * 1024;

/// The sender has no credit left.
#[derive(Debug)]
pub(super) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "less than {LEAST_RATE} bytes a second came")
    }
}

impl Error for TooSlow {}

impl TooSlow {
    /// Whether an error, or what lies behind it, is this one.
    pub(super) fn is_behind(error: &(dyn Error + 'static)) -> bool {
        error.is::<TooSlow>() || error.source().is_some_and(TooSlow::is_behind)
    }
}

/// A body that ends with [`TooSlow`] when its sender is. Only waiting for the sender counts: while this server is busy, nothing is used up.
pub(super) fn paced<E: Into<BoxError>>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    stream::unfold(Some((Box::pin(body), PATIENCE)), |state| async move {
        let (mut body, credit) = state?;
        let began = Instant::now();
        match timeout(credit, body.next()).await {
            Ok(Some(Ok(chunk))) => {
                let earned = Duration::from_secs_f64(chunk.len() as f64 / f64::from(LEAST_RATE));
                let credit = (credit.saturating_sub(began.elapsed()) + earned).min(PATIENCE);
                Some((Ok(chunk), Some((body, credit))))
            }
            Ok(Some(Err(error))) => Some((Err(error.into()), None)),
            Ok(None) => None,
            Err(_) => Some((Err(TooSlow.into()), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    /// How many chunks of `bytes` get through when one comes every `pause`, of `many`.
    async fn received(bytes: usize, pause: Duration, many: usize) -> usize {
        let chunks = stream::iter(0..many).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, BoxError>(Bytes::from(vec![0; bytes]))
        });
        let mut body = pin!(paced(chunks));
        let mut count = 0;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(_) => count += 1,
                Err(error) => {
                    assert!(TooSlow::is_behind(&*error), "{error}");
                    assert!(body.next().await.is_none());
                    return count;
                }
            }
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_passes_and_one_that_only_keeps_its_place_does_not() {
        assert_eq!(received(1, Duration::from_secs(5), 1000).await, 3, "a byte now and then");
        assert_eq!(received(1, Duration::from_secs(20), 1000).await, 0, "silence");
        assert_eq!(received(4096, Duration::from_secs(1), 1000).await, 1000, "exactly the least rate");
        assert_eq!(received(60 * 1024, Duration::from_secs(14), 100).await, 100, "in bursts");
        assert!(received(2048, Duration::from_secs(1), 1000).await < 40, "half of the least rate");
    }
}
