//! New programs under load: no request fails, live connections come back, and no log line is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::load::Load;
use super::{name, number, rename, serves};
use crate::harness::eventually;
use crate::harness::workshop::{PATIENCE, Workshop};

/// `TEST_SWAPS=100 TEST_SWAP_RATE=500` for the figures of the documentation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_load_fail_no_request_and_lose_no_line() {
    let (swaps, rate) = (number("TEST_SWAPS", 3), number("TEST_SWAP_RATE", 30));
    let mut workshop = Workshop::open().await;
    let load = Load::begin(&workshop.stack, rate).await;
    for swap in 1..=swaps {
        rename(&workshop, &format!("backend {swap}"));
        let line = workshop.see("version.rs → built");
        assert!(line.contains("→ swapped") && line.contains("(backend, worker)"), "{line}");
        serves(&workshop.stack, &format!("backend {swap}")).await;
    }
    let mut seen = load.end().await;
    seen.times.sort_unstable();
    let quantile = |part: usize| seen.times[seen.times.len() * part / 100].as_millis();
    eprintln!(
        "{swaps} swaps at {rate}/s: {} requests, {} pages, {} failed, {} of two seconds and more, {} live connections, p50 {} ms, p99 {} ms, most {} ms",
        seen.good.len(),
        seen.pages.len(),
        seen.failed.len(),
        seen.long,
        seen.connected,
        quantile(50),
        quantile(99),
        seen.times.last().unwrap().as_millis(),
    );
    // With what the services say about it, which is gone with the stack.
    let refused: Vec<&String> = workshop.said().iter().filter(|line| line.contains("\"status\":50") || line.contains("[error]")).collect();
    assert!(seen.failed.is_empty(), "{:?}\n{refused:#?}", seen.failed);
    assert!(!seen.pages.is_empty(), "no page was read");
    assert!(seen.long > 0, "no request was under way for long");
    assert!(seen.connected >= 5 * 2, "live connections did not end with the program that held them: {}", seen.connected);
    assert_eq!(name(&workshop.stack).await, format!("backend {swaps}"));

    // Each request left one line of the backend in the stream, over all the programs that wrote them.
    let pages: BTreeSet<&str> = seen.pages.iter().map(String::as_str).collect();
    eventually("the stream has every request", PATIENCE, || {
        let lines = workshop.said().iter().filter(|line| line.contains("backend-1 ") || line.starts_with("backend"));
        let mut found: BTreeMap<&str, u32> = BTreeMap::new();
        for line in lines.filter(|line| line.contains("\"message\":\"request\"")) {
            if let Some((_, rest)) = line.split_once("\"request_id\":\"") {
                *found.entry(rest.split('"').next().unwrap()).or_default() += 1;
            }
        }
        let lost = seen.good.iter().filter(|id| !found.contains_key(id.as_str())).count();
        let doubled = found.iter().filter(|(id, count)| **count > 1 && !pages.contains(*id)).count();
        let outcome = match (lost, doubled) {
            (0, 0) => Ok(()),
            _ => Err(format!("of {} lines {lost} are missing and {doubled} came twice", seen.good.len())),
        };
        async move { outcome }
    })
    .await;
    eprintln!("{} lines of requests: none lost, none doubled", seen.good.len());
}
