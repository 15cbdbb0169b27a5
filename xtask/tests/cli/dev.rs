//! `dev`: builds, starts, streams, and stops what it started.

use insta::assert_snapshot;

use crate::harness::{Checkout, Target};

#[test]
fn ctrl_c_stops_what_it_started() {
    let checkout = Checkout::new();
    let outcome = checkout.start(["dev"]).until("call container logs --timestamps --follow").signal("INT", Target::Process).finish();
    assert!(checkout.containers().iter().all(|line| line.ends_with(" exited")), "{:?}", checkout.containers());
    assert_eq!(outcome.mutations()[0], "compose build backend frontend proxy");
    assert_eq!(outcome.mutations().last(), Some(&"compose stop"));
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn what_ran_before_goes_on_running() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let before = checkout.containers();
    let outcome = checkout.start(["dev"]).until("call container logs --timestamps --follow").signal("INT", Target::Process).finish();
    assert_eq!(checkout.containers(), before);
    assert_snapshot!(outcome);
}

#[test]
fn a_log_that_is_elsewhere_is_opened_once() {
    let checkout = Checkout::new().logs_elsewhere("redis", "none");
    let dev =
        checkout.start(["dev"]).until("call container logs --timestamps --follow").assert_goes_on(std::time::Duration::from_millis(500));
    let outcome = dev.signal("INT", Target::Process).finish();
    let reads = outcome.log.iter().filter(|line| line.starts_with("call container logs") && line.ends_with("redis")).count();
    assert_eq!((reads, outcome.stderr.matches("warning: the log of `redis` cannot be read").count()), (1, 1), "{outcome}");
}

#[test]
fn keep_leaves_it_running() {
    let checkout = Checkout::new();
    checkout.start(["dev", "--keep"]).until("call container logs --timestamps --follow").signal("INT", Target::Process).finish().success();
    assert!(checkout.containers().contains(&"proxy running".to_owned()));
}

#[test]
fn a_start_that_fails_is_like_up() {
    let checkout = Checkout::new().only(&["db"]).behaves("db", "exit 1");
    let outcome = checkout.run(["dev"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("error: `db` failed to start: exited with code 1"), "{outcome}");
}

#[test]
fn dry_run_changes_nothing() {
    let checkout = Checkout::new();
    let outcome = checkout.run(["dev", "--dry-run"]).success();
    assert_eq!((outcome.mutations(), checkout.leftovers()), (vec![], vec![]));
    assert!(outcome.stdout.lines().all(|line| line.contains("docker ")), "{outcome}");
}
