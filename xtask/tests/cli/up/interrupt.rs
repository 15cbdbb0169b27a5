//! `up` that is interrupted leaves nothing half-made.

use std::time::Duration;

use insta::assert_snapshot;

use crate::harness::{Checkout, Target};

/// A database that never becomes ready, so that the start is under way for as long as the test needs.
fn slow() -> Checkout {
    Checkout::new().behaves("db", "starting")
}

#[test]
fn what_it_created_is_removed() {
    let checkout = slow();
    let outcome = checkout.start(["up"]).until("event db start").signal("INT", Target::Process).finish();
    assert_eq!(checkout.leftovers(), [""; 0], "{:#?}", outcome.log);
    assert_snapshot!(outcome);
}

#[test]
fn from_a_terminal_too() {
    let checkout = slow();
    let outcome = checkout.start(["up"]).until("event db start").signal("INT", Target::Group).finish();
    assert_eq!((outcome.code, checkout.leftovers()), (Some(130), vec![]), "{outcome}");
}

#[test]
fn sigterm_is_the_same() {
    let checkout = slow();
    let outcome = checkout.start(["up"]).until("event db start").signal("TERM", Target::Process).finish();
    assert_eq!((outcome.code, checkout.leftovers()), (Some(130), vec![]), "{outcome}");
}

#[test]
fn quiet_is_quiet_about_it() {
    let checkout = slow();
    let outcome = checkout.start(["up", "--quiet"]).until("event db start").signal("INT", Target::Process).finish();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(130), "interrupted\n"), "the reason for the exit code, and no more");
}

#[test]
fn what_was_there_before_is_stopped_and_kept() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let before = checkout.leftovers();
    for service in ["db", "backend", "proxy"] {
        checkout.kill(service);
    }
    let checkout = checkout.behaves("backend", "starting").behaves("db", "healthy");
    let outcome = checkout.start(["up"]).until("event backend start").signal("INT", Target::Process).finish();
    assert_eq!((outcome.code, checkout.leftovers()), (Some(130), before));
    let state = ["backend exited", "db exited", "frontend running", "migrate exited", "proxy exited", "redis running"];
    assert_eq!(checkout.containers(), state, "as before: {:#?}", outcome.log);
    assert!(!outcome.mutations().iter().any(|call| call.contains("rm ")), "nothing is removed: {:?}", outcome.mutations());
}

#[test]
fn a_container_that_is_starting_meanwhile_is_stopped_too() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.kill("db");
    let checkout = checkout.behaves("db", "held\nhealthy");
    let running = checkout.start(["up"]).until("call container start c-slipway-db").signal("INT", Target::Process);
    // It waits for the engine, however long that takes: read now, the container would not run yet.
    let running = running.assert_goes_on(Duration::from_millis(500));
    checkout.release();
    let outcome = running.finish();
    assert_eq!(outcome.code, Some(130));
    assert!(checkout.containers().contains(&"db exited".to_owned()), "{:#?}", outcome.log);
}

#[test]
fn before_anything_started_nothing_starts() {
    let checkout = Checkout::new().hold_create();
    let running = checkout.start(["up"]).until("call compose create").signal("INT", Target::Process);
    checkout.release();
    let outcome = running.finish();
    assert_eq!((outcome.code, checkout.leftovers()), (Some(130), vec![]), "{outcome}");
    assert_eq!(outcome.starts(), [""; 0]);
}
