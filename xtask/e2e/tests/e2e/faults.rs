//! Services are killed under a small load: the stack comes back without help, and nothing that was accepted is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::harness::client::{Answer, read};
use crate::harness::{Stack, alone, eventually};
use crate::routes::live::Live;

/// How long the stack may take to be as before. A lost worker's jobs are taken over after their lease of 15 s.
const PATIENCE: Duration = Duration::from_secs(90);
/// How many tasks are accepted before and after a fault.
const ENOUGH: usize = 40;

/// Clients that create tasks and read the board until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    clients: JoinSet<Seen>,
}

/// What one client has seen.
#[derive(Default)]
struct Seen {
    /// Titles that were answered with 201.
    accepted: Vec<String>,
    /// How many requests were answered with an error that says to try again.
    refused: usize,
    /// When the last error came.
    last_refusal: Option<Instant>,
    /// The longest wait for an answer.
    slowest: Duration,
}

impl Load {
    /// Four writers and a reader, each with at most 20 requests a second: far from the rate limit. Titles begin with `prefix`.
    fn begin(stack: &Stack, prefix: &str) -> Self {
        let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for writer in 0..4 {
            let (url, stop, accepted) = (format!("{}/api/v1/tasks", stack.url), stop.clone(), accepted.clone());
            let (client, prefix) = (stack.client(), format!("{prefix} {writer}"));
            clients.spawn(async move {
                let (mut seen, mut number) = (Seen::default(), 0);
                let mut pace = pace();
                while !stop.load(Ordering::Relaxed) {
                    pace.tick().await;
                    let title = format!("{prefix}-{number}");
                    number += 1;
                    let answer = seen.ask(client.post(&url).json(&serde_json::json!({ "title": title }))).await;
                    if answer.status == 201 {
                        seen.accepted.push(title);
                        accepted.fetch_add(1, Ordering::Relaxed);
                    } else {
                        seen.refusal(answer.problem());
                    }
                }
                seen
            });
        }
        let (url, client, reader_stop) = (stack.url.clone(), stack.client(), stop.clone());
        clients.spawn(async move {
            let mut seen = Seen::default();
            let mut pace = pace();
            while !reader_stop.load(Ordering::Relaxed) {
                pace.tick().await;
                let list = seen.ask(client.get(format!("{url}/api/v1/tasks"))).await;
                if list.status != 200 {
                    seen.refusal(list.problem());
                }
                // A person reads the same in words.
                let page = seen.ask(client.get(format!("{url}/"))).await.page("<h1");
                if page.status != 200 {
                    seen.refusal(page);
                }
            }
            seen
        });
        Self { stop, accepted, clients }
    }

    /// Waits until so many more tasks are accepted.
    async fn accepts(&mut self, more: usize) {
        let wanted = self.accepted.load(Ordering::Relaxed) + more;
        eventually(&format!("{more} more tasks are accepted"), PATIENCE, || async {
            let accepted = self.accepted.load(Ordering::Relaxed);
            ensure!(accepted >= wanted, "{accepted} of {wanted}");
            Ok(())
        })
        .await;
    }

    async fn end(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await
    }
}

impl Seen {
    /// Sends a request. Whatever happens behind the proxy, it answers in good time: the client gives up later than the proxy does.
    async fn ask(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let begin = Instant::now();
        let answer = read(request).await.unwrap_or_else(|error| panic!("no answer after {:?}: {error:?}", begin.elapsed()));
        self.slowest = self.slowest.max(begin.elapsed());
        answer
    }

    /// Notes an answer that is no success: it may only be one that says to come back.
    fn refusal(&mut self, answer: Answer) {
        assert!([503, 504].contains(&answer.status.as_u16()), "{answer:#?}");
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
        self.refused += 1;
        self.last_refusal = Some(Instant::now());
    }
}

fn pace() -> tokio::time::Interval {
    let mut pace = interval(Duration::from_millis(50));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// Whether every service is as it should be.
fn whole(stack: &Stack) -> anyhow::Result<()> {
    let status = stack.status();
    for service in status["services"].as_array().unwrap() {
        ensure!(service["health"] == "healthy" || service["state"] == "completed", "{service}");
    }
    Ok(())
}

/// Lets something happen to `service` under load and checks everything that must hold afterwards. Returns how many requests were refused.
async fn endure(what: &str, service: &str, fault: impl AsyncFnOnce(&Stack)) -> usize {
    let (stack, _turn) = alone().await;
    let prefix = format!("{service} {}", std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis());
    let mut load = Load::begin(&stack, &prefix);
    load.accepts(ENOUGH).await;

    let killed = Instant::now();
    fault(&stack).await;
    eventually("every service is healthy", PATIENCE, || async { whole(&stack) }).await;
    let healthy = killed.elapsed();
    load.accepts(ENOUGH).await;
    let seen = load.end().await;

    let normal =
        seen.iter().filter_map(|seen| seen.last_refusal).max().map_or(Duration::ZERO, |last| last.saturating_duration_since(killed));
    let accepted: BTreeSet<String> = seen.iter().flat_map(|seen| seen.accepted.clone()).collect();
    let refused: usize = seen.iter().map(|seen| seen.refused).sum();
    let slowest = seen.iter().map(|seen| seen.slowest).max().unwrap_or_default();

    // No accepted task is lost.
    let stored: BTreeSet<String> = stack.query(&format!("SELECT title FROM tasks WHERE title LIKE '{prefix} %'")).into_iter().collect();
    let lost: Vec<&String> = accepted.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} accepted tasks are lost: {lost:?}", lost.len(), accepted.len());
    // Nor a job: each ends well, and the figures are those of the board.
    let jobs = eventually("every job is done", PATIENCE, || async {
        let states = stack.query("SELECT state, count(*) FROM jobs GROUP BY state");
        ensure!(states.len() == 1 && states[0].starts_with("done|"), "{states:?}");
        let right = "SELECT open + done = created AND created = (SELECT count(*) FROM tasks) FROM board_stats";
        ensure!(stack.query(right) == ["t"], "the figures are not those of the board");
        Ok(states[0].clone())
    })
    .await;
    let settled = killed.elapsed();

    // Live updates flow again, through every part of the stack.
    let mut live = Live::open(&stack, &stack.url).await.unwrap();
    live.message(|message| message["type"] == "hello").await;
    let task = stack.create_task(&format!("{prefix} afterwards")).await.with(201).json();
    live.message(|message| message["type"] == "task" && message["task"]["id"] == task["id"]).await;
    live.message(|message| message["type"] == "stats").await;

    eprintln!(
        "{what:<24} {:>4} accepted, 0 lost, {refused:>3} refused, last refusal after {:.1} s, healthy after {:.1} s, all jobs done ({}) after {:.1} s, slowest answer {:.1} s",
        accepted.len(),
        normal.as_secs_f64(),
        healthy.as_secs_f64(),
        jobs.trim_start_matches("done|"),
        settled.as_secs_f64(),
        slowest.as_secs_f64(),
    );
    refused
}

/// Kills `service` as a lack of memory would. The engine starts it again.
async fn kill(service: &str) {
    endure(&format!("kill -9 {service}"), service, async |stack| {
        let before = stack.inspect(service)["RestartCount"].as_u64().unwrap();
        stack.kill(service);
        eventually(&format!("the engine starts {service} again"), PATIENCE, || async {
            let state = stack.inspect(service);
            let (restarts, health) = (&state["RestartCount"], &state["State"]["Health"]["Status"]);
            ensure!(restarts.as_u64().unwrap() > before && health == "healthy", "{restarts} restarts, {health}");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_nobody_who_is_signed_in_is_refused() {
    // A minute for the figures of the documentation.
    let seconds = std::env::var("TEST_OUTAGE_SECONDS").map_or(5, |seconds| seconds.parse().expect("a number of seconds"));
    let refused = endure(&format!("redis away for {seconds} s"), "redis", async |stack| {
        let redis = stack.stop("redis");
        // The outage itself: nothing is waited for.
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        redis.start();
    })
    .await;
    assert_eq!(refused, 0, "reading and writing tasks needs no Redis");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_loses_nothing() {
    endure("restart of db", "db", async |stack| {
        stack.docker(&["restart", &stack.container("db")]).good();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_backend_comes_back_and_nothing_is_lost() {
    kill("backend").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_comes_back_and_nothing_is_lost() {
    kill("worker").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_comes_back_and_nothing_is_lost() {
    kill("redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database_comes_back_and_nothing_is_lost() {
    kill("db").await;
}
