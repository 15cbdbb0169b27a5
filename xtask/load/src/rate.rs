//! Requests as fast as they are answered: each connection sends the next one when it has the whole answer to the last.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use reqwest::RequestBuilder;

use crate::api::good;
use crate::table::{median, quantile, say};

/// How long, and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) rounds: u32,
    pub(crate) time: Duration,
}

/// Something to ask for, over a number of connections.
pub(crate) struct Target<'a> {
    pub(crate) name: String,
    pub(crate) connections: usize,
    pub(crate) request: Box<dyn Fn() -> RequestBuilder + 'a>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Answers that were no success.
    pub(crate) failed: usize,
    /// All the others.
    pub(crate) good: usize,
}

/// Asks for one target.
pub(crate) async fn ask(target: &Target<'_>, time: Duration) -> anyhow::Result<Rate> {
    let begin = Instant::now();
    // The first failure says why; the others are counted.
    let why = OnceCell::new();
    let connection = async || {
        let (mut times, mut failed): (Vec<Duration>, usize) = (Vec::new(), 0);
        while begin.elapsed() < time {
            let sent = Instant::now();
            match async { anyhow::Ok(good((target.request)()).await?.bytes().await?) }.await {
                Ok(_) => times.push(sent.elapsed()),
                Err(error) => {
                    failed += 1;
                    why.get_or_init(|| say(&format!("{}: {error}", target.name)));
                }
            }
        }
        anyhow::Ok((times, failed))
    };
    let connections = try_join_all((0..target.connections).map(|_| connection())).await?;
    let elapsed = begin.elapsed();
    let failed = connections.iter().map(|(_, failed)| failed).sum();
    let mut times: Vec<Duration> = connections.into_iter().flat_map(|(times, _)| times).collect();
    times.sort_unstable();
    let per_second = times.len() as f64 / elapsed.as_secs_f64();
    Ok(Rate { per_second, p50: quantile(&times, 0.5), p99: quantile(&times, 0.99), failed, good: times.len() })
}

/// Asks for all targets in turn, in several rounds; the figures of each are medians over the rounds, failures their sum.
pub(crate) async fn in_turn(targets: &[Target<'_>], pace: Pace) -> anyhow::Result<Vec<Rate>> {
    let mut rates: Vec<Vec<Rate>> = vec![Vec::new(); targets.len()];
    for _ in 0..pace.rounds {
        for (target, rates) in targets.iter().zip(&mut rates) {
            rates.push(ask(target, pace.time).await?);
        }
    }
    let middle = |rates: Vec<Rate>| Rate {
        per_second: median(rates.iter().map(|rate| rate.per_second)),
        p50: median(rates.iter().map(|rate| rate.p50)),
        p99: median(rates.iter().map(|rate| rate.p99)),
        failed: rates.iter().map(|rate| rate.failed).sum(),
        good: rates.iter().map(|rate| rate.good).sum(),
    };
    Ok(rates.into_iter().map(middle).collect())
}
