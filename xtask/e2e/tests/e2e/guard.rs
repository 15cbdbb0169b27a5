//! What is done about services that hang while nobody is attached, and who is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harness::checkout::Checkout;
use crate::harness::sink::Sink;
use crate::harness::{Stack, eventually, shared};
use crate::start::free_port;

/// How long a restart that nobody asked for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that goes on running; what does not need each other is broken at the same time.
const ROUNDS: [&[&str]; 4] = [&["proxy", "worker"], &["frontend", "db"], &["backend"], &["redis"]];

/// When each container was started last.
fn starts(stack: &Stack) -> BTreeMap<&'static str, String> {
    ROUNDS.concat().into_iter().map(|service| (service, stack.inspect(service)["State"]["StartedAt"].to_string())).collect()
}

/// Makes each service hang, and waits until somebody mends it. Prints how long that took.
async fn each_that_hangs_is_restarted(stack: &Stack, place: &str) {
    for services in ROUNDS {
        let before = starts(stack);
        for service in services {
            stack.signal_service(service, "STOP");
        }
        futures_util::future::join_all(services.iter().map(|service| mended(stack, place, service, &before[service]))).await;
        // What only needs one of them went on.
        let mut after = starts(stack);
        for service in services {
            after.insert(service, before[service].clone());
        }
        assert_eq!(after, before, "{services:?} alone were restarted");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = client.get(format!("{}/health/upstreams", stack.url)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
}

/// Waits until `service`, which was started `before` and hangs from now on, was restarted and is well.
async fn mended(stack: &Stack, place: &str, service: &str, before: &str) {
    let begin = Instant::now();
    let since = |what: &str, done: bool| if done { Ok(begin.elapsed()) } else { Err(format!("{service} was not {what}")) };
    let state = || stack.inspect(service)["State"].take();
    let seen = eventually("seen", PATIENCE, || async { since("seen", state()["Health"]["FailingStreak"] != 0) }).await;
    let restarted = eventually("restarted", PATIENCE, || async { since("restarted", *before != *state()["StartedAt"].to_string()) }).await;
    let well = eventually("well", PATIENCE, || async { since("well", state()["Health"]["Status"] == "healthy") }).await;
    let seconds = [seen, restarted, well].map(|time| format!("{:.1} s", time.as_secs_f64()));
    eprintln!("{place}: {service} hangs: seen after {}, restarted after {}, well after {}", seconds[0], seconds[1], seconds[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_is_restarted_without_help() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "guard", &["worker"], free_port());
    checkout.edit("infra/env/test.toml", "[guard]\nenabled = false", "[guard]\nenabled = true");
    let mut stack = checkout.stack.clone();
    stack.url = stack.xtask(&["up"]).good().stdout.trim().to_owned();
    each_that_hangs_is_restarted(&stack, "local").await;

    // Also while a backup is made, however long that takes.
    let _held = stack.lock_table("tasks").await;
    let mut backup = stack.xtask_start(&["backup"]);
    backup.see("dumping db", PATIENCE);
    let before = starts(&stack);
    stack.signal_service("worker", "STOP");
    mended(&stack, "beside a backup", "worker", &before["worker"]).await;
    stack.unlock_tables();
    let (code, said) = backup.end();
    assert_eq!(code, 0, "{said}");

    // One is enough, and it ends with the stack.
    let guard = format!("guard --env test --instance {}", stack.instance);
    let second = stack.xtask(&["guard"]).good();
    assert!(second.stderr.contains("is guarded already"), "{second:?}");
    assert!(stack.runs(&guard));
    // One that was stopped is none: another one takes its place.
    stack.run("pkill", &["-STOP", "--full", &guard], "").good();
    let guarded = || !stack.xtask(&["doctor"]).stdout.contains("does not run: nobody restarts what hangs");
    assert!(!guarded());
    stack.xtask(&["up"]).good();
    assert!(guarded());
    // What is paused goes on.
    stack.docker(&["pause", &stack.container("worker")]).good();
    stack.xtask(&["up"]).good();
    assert_eq!(stack.inspect("worker")["State"]["Status"], "running");
    stack.xtask(&["down"]).good();
    eventually("no guard", PATIENCE, || async { if stack.runs(&guard) { Err("it still runs") } else { Ok(()) } }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_what_hangs_in_production_is_restarted_without_help() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::production(&shared, "guarded", free_port());
    checkout.edit("infra/env/test.toml", "guard.enabled = false", "guard.enabled = true");
    let stack = &checkout.stack;
    stack.xtask(&["secrets", "init"]).good();
    stack.xtask(&["up", "--yes"]).good();
    each_that_hangs_is_restarted(stack, "production").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_told_once_when_restarts_do_not_help() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "told", &["worker"], free_port());
    let sink = Sink::new(1).await;
    let wanted = format!("[guard]\nenabled = true\nrestarts = 1\n[notify]\nwebhook = {:?}", sink.url);
    checkout.edit("infra/env/test.toml", "[guard]\nenabled = false", &wanted);
    let stack = &checkout.stack;
    stack.xtask(&["up"]).good();

    // The first one is turned away, and comes again.
    let tried = stack.xtask(&["notify", "test"]).good();
    assert!(tried.stderr.contains("the message was taken") && !tried.stderr.contains("a-secret"), "{tried:?}");
    assert_eq!(sink.heard().len(), 1, "{:?}", sink.heard());
    assert_eq!(sink.heard()[0]["event"], "test");

    // What nobody watches and what fails.
    let db = stack.stop("db");
    for (command, event) in [("backup", "backup_failed"), ("smoke", "smoke_failed")] {
        let failed = stack.xtask(&[command]);
        assert_eq!(failed.code, 1, "{failed:?}");
        let message = sink.heard().pop().unwrap();
        assert!(message["event"] == event && message["details"].to_string().contains("db"), "{message:#}");
    }
    db.start();
    let told = sink.heard().len();

    let started = || stack.inspect("worker")["State"]["StartedAt"].to_string();
    let first = started();
    stack.signal_service("worker", "STOP");
    eventually("restarted", PATIENCE, || async { if started() == first { Err("not restarted") } else { Ok(()) } }).await;
    let health = || stack.inspect("worker")["State"]["Health"]["Status"].to_string();
    eventually("well", PATIENCE, || async { if health().contains("\"healthy\"") { Ok(()) } else { Err(health()) } }).await;
    let second = started();
    stack.signal_service("worker", "STOP");
    eventually("told", PATIENCE, || async { if sink.heard().len() > told { Ok(()) } else { Err("nobody was told") } }).await;

    // It is said of it again that it is unhealthy, and nobody is told again.
    stack.signal_service("worker", "CONT");
    eventually("well", PATIENCE, || async { if health().contains("\"healthy\"") { Ok(()) } else { Err(health()) } }).await;
    stack.signal_service("worker", "STOP");
    eventually("unwell", PATIENCE, || async { if health().contains("unhealthy") { Ok(()) } else { Err(health()) } }).await;
    // Somebody does something about it: from then on it counts anew.
    stack.signal_service("worker", "CONT");
    stack.xtask(&["restart", "worker"]).good();
    let third = started();
    stack.signal_service("worker", "STOP");
    eventually("restarted once more", PATIENCE, || async { if started() == third { Err("not restarted") } else { Ok(()) } }).await;
    // Whatever the guard would do beside that, it does before it ends.
    stack.xtask(&["down"]).good();
    let guard = format!("guard --env test --instance {}", stack.instance);
    eventually("no guard", PATIENCE, || async { if stack.runs(&guard) { Err("it still runs") } else { Ok(()) } }).await;
    let heard = sink.heard();
    assert_eq!(heard.len(), told + 1, "{heard:#?}");
    let message = &heard[told];
    assert_eq!((&message["event"], &message["service"]), (&"restarts_exhausted".into(), &"worker".into()), "{message:#}");
    assert!(message["text"].as_str().unwrap().contains("its health check fails"), "{message:#}");
    let lines = message["details"].as_array().unwrap();
    assert!(!lines.is_empty() && lines.iter().any(|line| line.as_str().unwrap().contains("worker")), "its last log lines: {message:#}");
    assert!(second != first, "it was restarted once");
}
