//! `dev` beside what others do: commands in another terminal, edits of files that rules of Compose are about.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::{Checkout, Outcome, Running, Target};

/// `dev`, once it has seen the containers.
fn dev(checkout: &Checkout) -> Running<'_> {
    checkout.start(["dev", "--keep"]).until("call container exec --interactive c-slipway-hub hub feed")
}

fn stopped(running: Running<'_>) -> Outcome {
    running.signal("INT", Target::Process).finish().success()
}

/// What was said after the stack was up, without the last words.
fn said(outcome: &Outcome) -> String {
    let (_, after) = outcome.stderr.split_once("Ctrl-C ends the logs").expect("a banner");
    after.replace("the stack goes on running; `cargo xtask down` stops it", "").trim().to_owned()
}

#[test]
fn what_others_do_is_told_as_what_it_is_and_nothing_follows() {
    let checkout = Checkout::new().looping(&[]);
    let mut running = dev(&checkout);
    for (service, events, text) in [
        ("redis", &["kill signal=15", "die exitCode=0", "stop", "start"][..], "redis was restarted"),
        ("db", &["kill signal=28", "die exitCode=0", "stop"], "db was stopped"),
        ("db", &["start"], ""),
        ("frontend", &["kill signal=9", "die exitCode=137"], "frontend was stopped"),
        ("proxy", &["kill signal=9", "die exitCode=137", "destroy"], "proxy: its container was removed"),
        ("builder", &["kill signal=15", "die exitCode=143", "stop", "start"], "builder was restarted"),
        ("backend", &["die exitCode=3", "start"], "its container ended with exit code 3"),
        ("hub", &["oom", "die exitCode=137"], "its container ended for want of memory"),
        ("migrate", &["die exitCode=0"], ""),
    ] {
        checkout.happens(service, events);
        running = running.until_said(text);
    }
    let outcome = stopped(running);
    let calls = outcome.mutations();
    let touching =
        calls.iter().filter(|call| !call.starts_with("container exec ")).skip_while(|call| !call.contains("start c-slipway-proxy"));
    assert_eq!(touching.skip(1).collect::<Vec<_>>(), [&""; 0], "{outcome}");
    assert_snapshot!(said(&outcome));
}

#[test]
fn an_edit_is_one_transfer_into_the_container_and_a_restart_is_proved() {
    let mut checkout = Checkout::new();
    let source = checkout.root().join("reports/src");
    checkout = checkout.looping(&[("reports", json!([{ "action": "sync+restart", "path": source, "target": "/app" }]))]);
    checkout.file("reports/src/a.py", "1");
    checkout.file("reports/src/gone.py", "1");
    let running = dev(&checkout);
    for name in ["a.py", "b c.py", "sub/d.py"] {
        checkout.file(&format!("reports/src/{name}"), "2");
    }
    std::fs::remove_file(source.join("gone.py")).expect("removed");
    let outcome = stopped(running.until_said("live (reports)"));
    let calls: Vec<&str> = outcome.log.iter().map(String::as_str).filter(|line| line.contains("c-slipway-reports")).collect();
    let of_files = |line: &&str| ["container cp ", "container exec ", "container restart "].iter().any(|verb| line.contains(verb));
    assert_snapshot!(calls.into_iter().filter(of_files).collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_edit_with_which_the_container_does_not_stay_up_is_not_live() {
    let mut checkout = Checkout::new();
    let source = checkout.root().join("reports/src");
    checkout = checkout.looping(&[("reports", json!([{ "action": "sync+restart", "path": source, "target": "/app" }]))]);
    checkout.file("reports/src/a.py", "1");
    let checkout = checkout.logs("reports", "SyntaxError: invalid syntax\n");
    let running = dev(&checkout);
    checkout.engine("services/reports/behaviour", "exit 1\n");
    checkout.file("reports/src/a.py", "2");
    let running = running.until_said("is not live: reports does not run");
    checkout.engine("services/reports/behaviour", "healthy\n");
    checkout.file("reports/src/a.py", "3");
    let outcome = stopped(running.until_said("live (reports)"));
    let text = said(&outcome);
    let lines: Vec<&str> = text.lines().map(|line| line.split_once(" reports/src").map_or(line, |(_, rest)| rest)).collect();
    assert_snapshot!(lines.join("\n"));
}
