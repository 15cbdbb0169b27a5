//! `up` that succeeds: order, what is said, and what is left alone.

mod compose;
mod expose;
mod failure;
mod interrupt;
mod port;
mod unsupported;

use std::time::Duration;

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply};

#[test]
fn everything_starts_in_order_from_nothing() {
    let checkout = Checkout::new();
    let outcome = checkout.run(["up"]).success();
    // Data services, then migrations, then what uses the schema; the proxy is last.
    outcome.order("event db health_status: healthy", "call container start c-slipway-migrate");
    outcome.order("event redis health_status: healthy", "call container start c-slipway-backend");
    outcome.order("event migrate die 0", "call container start c-slipway-backend");
    outcome.order("event backend health_status: healthy", "call container start c-slipway-proxy");
    outcome.order("event frontend health_status: healthy", "call container start c-slipway-proxy");
    let mut starts = outcome.starts();
    starts.sort_unstable();
    assert_eq!(starts, ["backend", "db", "frontend", "migrate", "proxy", "redis"], "one start each");
    assert_eq!(outcome.mutations()[0], "compose create --no-build");
    assert_snapshot!(outcome);
}

#[test]
fn a_running_stack_is_left_alone() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let again = checkout.run(["up"]).success();
    assert_eq!(again.mutations(), [""; 0]);
    assert_snapshot!(again);
}

#[test]
fn what_stopped_starts_again_and_nothing_else() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let checkout = checkout.behaves("redis", "healthy");
    checkout.kill("redis");
    assert_eq!(checkout.run(["up"]).success().mutations(), ["container start c-slipway-redis"]);
}

#[test]
fn an_edited_service_is_created_anew() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.edited("proxy");
    let outcome = checkout.behaves("proxy", "healthy").run(["up"]).success();
    let create = "compose up --no-start --no-build --no-deps proxy";
    assert_eq!(outcome.mutations(), [create, "container start c-slipway-proxy"]);
}

#[test]
fn missing_images_are_built_and_pulled_first() {
    let checkout = Checkout::new().without_image("slipway/backend:main").without_image("redis:8");
    let outcome = checkout.run(["up"]).success();
    assert_eq!(outcome.mutations()[..3], ["compose build backend", "image pull redis:8", "compose create --no-build"]);
    let again = checkout.run(["up", "--build"]).success();
    assert_eq!(again.mutations(), ["compose build backend frontend proxy"], "unchanged images replace nothing");
}

#[test]
fn a_pull_that_fails_changes_nothing() {
    let refused = "Error response from daemon: Get \"https://registry/v2/\": dial tcp: no such host\n";
    let checkout = Checkout::new().without_image("redis:8").docker("image pull *", Reply::fails(1, refused));
    let outcome = checkout.run(["up"]);
    assert_eq!(outcome.mutations(), ["image pull redis:8"]);
    assert_snapshot!(outcome);
}

#[test]
fn a_build_that_fails_changes_nothing() {
    let reason = "error[E0425]: cannot find value `x` in this scope\n";
    let checkout = Checkout::new().without_image("slipway/backend:main").docker("compose*build backend", Reply::fails(17, reason));
    let outcome = checkout.run(["up"]);
    assert_eq!(outcome.mutations(), ["compose build backend"]);
    assert_snapshot!(outcome);
}

#[test]
fn two_at_the_same_time_take_turns() {
    let checkout = Checkout::new().behaves("db", "held\nhealthy");
    let first = checkout.start(["up"]).until("call container start c-slipway-db");
    // Time enough to get in the way, if nothing keeps it from doing so.
    let second = checkout.start(["up"]).assert_goes_on(Duration::from_millis(500));
    checkout.release();
    first.finish().success();
    let second = second.finish().success();
    assert_eq!(second.stdout, "http://localhost:[PORT]\n");
    let mut starts = second.starts();
    starts.sort_unstable();
    assert_eq!(starts, ["backend", "db", "frontend", "migrate", "proxy", "redis"], "one start each, in the log of both");
    let running = ["backend running", "db running", "frontend running", "migrate exited", "proxy running", "redis running"];
    assert_eq!(checkout.containers(), running);
}

#[test]
fn a_cut_event_stream_is_replaced_by_reading_the_state() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.edited("migrate");
    let checkout = checkout.behaves("migrate", "exit 0").docker("events *", Reply::fails(1, "unexpected EOF\n"));
    let outcome = checkout.run(["up"]).success();
    assert!(outcome.stderr.contains("+ migrate completed"), "{outcome}");
}

#[test]
fn a_silent_event_stream_is_replaced_by_reading_the_state() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.edited("backend");
    let outcome = checkout.behaves("backend", "healthy").silent_events().run(["up"]).success();
    assert!(outcome.stderr.contains("+ backend healthy"), "{outcome}");
}

#[test]
fn quiet_says_nothing() {
    let outcome = Checkout::new().run(["up", "--quiet"]).success();
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("http://localhost:[PORT]\n", ""));
}

#[test]
fn verbose_shows_the_commands() {
    let outcome = Checkout::new().only(&["db"]).run(["up", "--verbose"]).success();
    assert_snapshot!(outcome);
}

#[test]
fn dry_run_prints_the_commands_in_order_and_runs_none() {
    let checkout = Checkout::new().without_image("slipway/backend:main").without_image("redis:8");
    let outcome = checkout.run(["up", "--dry-run"]).success();
    assert_eq!((outcome.mutations(), checkout.leftovers()), (vec![], vec![]));
    assert!(!checkout.root().join("infra/secrets").exists(), "no secret is made");
    assert_snapshot!(outcome);
}

#[test]
fn flags_lead_to_another_instance() {
    let checkout = Checkout::new().behaves("db", "exit 1").only(&["db"]);
    let outcome = checkout.run(["up", "--instance", "second"]);
    assert_eq!(checkout.leftovers()[0], "c-slipway-second-db");
    assert_snapshot!(outcome);
}
