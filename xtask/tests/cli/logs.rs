//! `logs`: which lines come, and where they go.

use insta::assert_snapshot;

use crate::harness::{Checkout, Target};

const LINES: &str = "backend-1  | {\"level\":\"INFO\",\"message\":\"listening\"}\ndb-1       | LOG:  ready\nbackend-1  | {\"level\":\"ERROR\",\"message\":\"no tasks\"}\n";

fn running() -> Checkout {
    let checkout = Checkout::new().stream(LINES);
    checkout.run(["up"]).success();
    checkout
}

#[test]
fn lines_are_the_product() {
    let outcome = running().run(["logs"]).success();
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (LINES, ""));
}

#[test]
fn grep_filters() {
    let outcome = running().run(["logs", "--grep", "ERROR|LOG:"]).success();
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), LINES.lines().skip(1).collect::<Vec<_>>());
}

#[test]
fn options_reach_compose() {
    let outcome = running().run(["logs", "backend", "--tail", "5", "--since", "10m"]).success();
    assert_eq!(outcome.log.last().map(String::as_str), Some("call compose logs --no-color --tail 5 --since 10m backend"));
}

#[test]
fn following_ends_with_ctrl_c() {
    let checkout = running();
    let outcome = checkout.start(["logs", "--follow"]).until("call compose logs").signal("INT", Target::Process).finish();
    assert!(matches!(outcome.code, Some(0 | 130)), "{outcome}");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_bad_expression_is_refused() {
    let outcome = running().run(["logs", "--grep", "(open"]);
    assert!(!outcome.log.iter().any(|line| line.contains("logs")), "{:?}", outcome.log);
    assert_snapshot!(outcome);
}

#[test]
fn a_service_without_logs_is_refused() {
    assert_snapshot!(running().run(["logs", "bakcend"]));
}

#[test]
fn nothing_runs() {
    assert_snapshot!(Checkout::new().run(["logs"]));
    assert_snapshot!("nothing_runs_of_a_service", Checkout::new().run(["logs", "db"]));
}
