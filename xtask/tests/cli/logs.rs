//! `logs`: which lines come, and where they go.

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply, Target};

const BACKEND: &str = "2026-01-01T00:00:01.000000000Z {\"level\":\"INFO\",\"message\":\"listening\"}\n2026-01-01T00:00:03.000000000Z {\"level\":\"ERROR\",\"message\":\"no tasks\"}\n";
const DB: &str = "2026-01-01T00:00:02.000000000Z UTC [1] LOG:  ready\n";
/// Both, in the order of their times.
const LINES: &str = "backend-1   | {\"level\":\"INFO\",\"message\":\"listening\"}\ndb-1        | UTC [1] LOG:  ready\nbackend-1   | {\"level\":\"ERROR\",\"message\":\"no tasks\"}\n";

fn running() -> Checkout {
    let checkout = Checkout::new().says("backend", &[BACKEND]).says("db", &[DB]);
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
fn a_level_filters() {
    let outcome = running().run(["logs", "--level", "warn"]).success();
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), LINES.lines().skip(2).collect::<Vec<_>>());
}

#[test]
fn options_reach_the_engine() {
    let outcome = running().run(["logs", "backend", "--tail", "1", "--since", "10m"]).success();
    let call = "call container logs --timestamps --tail 1 --since 10m c-slipway-backend";
    assert_eq!(outcome.log.last().map(String::as_str), Some(call));
    assert_eq!(outcome.stdout, "backend-1  | {\"level\":\"ERROR\",\"message\":\"no tasks\"}\n");
}

#[test]
fn dry_run_prints_the_command_lines() {
    let outcome = running().run(["logs", "backend", "db", "--follow", "--tail", "5", "--dry-run"]).success();
    let lines = ["backend", "db"].map(|service| format!("docker container logs --timestamps --follow --tail 5 slipway-{service}-1"));
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), lines);
    assert!(!outcome.log.iter().any(|line| line.starts_with("call container logs")), "{:?}", outcome.log);
}

#[test]
fn a_log_that_cannot_be_read_is_a_failure() {
    let checkout = running();
    let refusal = "invalid value for \"since\": failed to parse value as time or duration: \"2026-13-01\"\n";
    let checkout = checkout.docker("container logs --timestamps --since 2026-13-01 *", Reply::fails(1, refusal));
    assert_snapshot!(checkout.run(["logs", "db", "--since", "2026-13-01"]));
}

/// A program may need what a terminal must not get. Colours are for people.
#[test]
fn a_program_gets_each_byte_but_colours() {
    let line = "2026-01-01T00:00:01.000000000Z \u{1b}[31mred\u{1b}[0m \u{1b}]0;owned\u{7}\u{9b}2J \u{202e}\r end\n";
    let checkout = Checkout::new().only(&["db"]).behaves("db", "healthy").says("db", &[line]);
    checkout.run(["up"]).success();
    assert_eq!(checkout.run(["logs"]).success().stdout, "db-1  | red \u{1b}]0;owned\u{7}\u{9b}2J \u{202e}\r end\n");
    let raw = checkout.run(["logs", "--raw"]).success().stdout;
    assert_eq!(raw, "db-1  | \u{1b}[31mred\u{1b}[0m \u{1b}]0;owned\u{7}\u{9b}2J \u{202e}\r end\n");
}

/// The engine has no log of a service: the others have theirs, and one warning says where that one is.
#[test]
fn a_log_that_is_elsewhere_is_named() {
    let checkout = Checkout::new().says("backend", &[BACKEND]).says("db", &[DB]).logs_elsewhere("redis", "none");
    checkout.run(["up"]).success();
    let outcome = checkout.run(["logs"]).success();
    assert_eq!(outcome.stdout, LINES);
    assert_snapshot!(outcome.stderr);
    assert_snapshot!("a_log_that_is_elsewhere_is_all_that_was_asked_for", checkout.run(["logs", "redis"]));
}

#[test]
fn following_reads_a_log_that_is_elsewhere_once() {
    let checkout = Checkout::new().says("backend", &[BACKEND]).logs_elsewhere("redis", "syslog");
    checkout.run(["up"]).success();
    let follow = checkout.start(["logs", "--follow"]).until("call container logs --timestamps --follow").until_output("no tasks");
    let follow = follow.assert_goes_on(std::time::Duration::from_millis(500));
    let outcome = follow.signal("INT", Target::Process).finish();
    let reads = outcome.log.iter().filter(|line| line.starts_with("call container logs") && line.ends_with("redis")).count();
    assert_eq!((reads, outcome.stderr.matches("warning:").count()), (1, 1), "{outcome}: {:#?}", outcome.log);
    assert!(outcome.stderr.contains("the log of `redis` cannot be read: its logging driver `syslog`"), "{outcome}");
}

#[test]
fn following_ends_with_ctrl_c() {
    let checkout = running();
    let follow = checkout.start(["logs", "--follow"]).until("call container logs --timestamps --follow");
    let outcome = follow.signal("INT", Target::Process).finish();
    assert!(matches!(outcome.code, Some(0 | 130)), "{outcome}");
    assert_eq!(outcome.stderr, "");
}

/// A container that was restarted is followed on, from where its log was read to, and no line comes twice.
#[test]
fn following_goes_on_over_a_restart() {
    let second = "2026-01-01T00:00:09.000000000Z back again\n";
    let checkout = Checkout::new().says("backend", &[BACKEND, second]).says("db", &[DB]);
    checkout.run(["up"]).success();
    let checkout = checkout.behaves("backend", "healthy");
    let follow = checkout.start(["logs", "--follow", "backend"]).until("call container logs --timestamps --follow");
    checkout.start(["restart", "backend"]).finish().success();
    let again = "call container logs --timestamps --follow --since 2026-01-01T00:00:02.000000000Z c-slipway-backend";
    let follow = follow.until_times(again, 2).until_output("back again");
    let outcome = follow.signal("INT", Target::Process).finish();
    let texts: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.split_once(" | ")).map(|(_, text)| text).collect();
    let expected: Vec<&str> = BACKEND.lines().chain(second.lines()).filter_map(|line| line.split_once(' ')).map(|(_, text)| text).collect();
    assert_eq!(texts, expected, "{outcome}");
}

#[test]
fn a_bad_expression_is_refused() {
    let outcome = running().run(["logs", "--grep", "(open"]);
    assert!(!outcome.log.iter().any(|line| line.contains("logs")), "{:?}", outcome.log);
    assert_snapshot!(outcome);
}

#[test]
fn a_time_that_is_none_is_refused() {
    assert_snapshot!(running().run(["logs", "--since", "banana"]));
    assert_snapshot!("a_time_that_is_none_is_refused_also_to_follow", running().run(["logs", "--follow", "--since", "10 m"]));
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
