//! `notify test`: how long it waits for whoever is told, and what ends the wait.

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply, Target};

const ADDRESS: &str = "http://127.0.0.1:9/a-secret";

/// A checkout whose environment names these in `[notify]`.
fn telling(settings: &str) -> Checkout {
    let checkout = Checkout::new();
    checkout.environment(&format!("port = {}\nport_fallback = true\n[notify]\n{settings}", checkout.port));
    checkout
}

fn posting(reply: Reply) -> Checkout {
    telling(&format!("webhook = \"{ADDRESS}\"")).docker("run --rm *curl*", reply)
}

#[test]
fn a_message_is_taken() {
    let outcome = posting(Reply::says("204")).run(["notify", "test"]).success();
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", "the message was taken\n"));
    assert!(!outcome.log.iter().any(|line| line.contains("a-secret")), "{:?}", outcome.log);
}

#[test]
fn an_answer_that_sends_it_elsewhere_does_not_take_it() {
    let checkout = posting(Reply::says("301"));
    let outcome = checkout.start(["notify", "test"]).until_times("call run --rm", 2).signal("TERM", Target::Process).finish();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    let first = "the message could not be posted: it answered 301; it is tried again in 1 s\n";
    assert!(outcome.stderr.starts_with(first), "{outcome}");
}

#[test]
fn what_is_waited_for_is_said_and_one_signal_ends_it() {
    let refused = format!("curl: (7) Failed to connect to {ADDRESS}\n");
    let checkout = posting(Reply::fails(7, &refused));
    let outcome = checkout.start(["notify", "test"]).until_times("call run --rm", 2).signal("TERM", Target::Process).finish();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    let first = "the message could not be posted: curl: (7) Failed to connect to …; it is tried again in 1 s\n";
    assert!(outcome.stderr.starts_with(first) && outcome.stderr.ends_with("\ninterrupted\n"), "{outcome}");
    assert_eq!(outcome.log.iter().filter(|line| line.starts_with("call run --rm")).count(), 2, "{:?}", outcome.log);
}

#[test]
fn what_would_end_the_same_is_not_tried_again() {
    let outcome =
        posting(Reply::fails(125, "docker: Error response from daemon: no such image\n\nRun 'docker run --help' for more information\n"))
            .run(["notify", "test"]);
    assert_eq!(outcome.log.iter().filter(|line| line.starts_with("call run --rm")).count(), 1, "{:?}", outcome.log);
    assert_snapshot!(outcome);
}

#[test]
fn one_signal_ends_a_program_that_takes_its_time() {
    let script = "echo call the program >>../engine/log; exec /usr/bin/tail -f /dev/null";
    let checkout = telling(&format!("command = [\"/bin/sh\", \"-c\", \"{script}\"]"));
    let outcome = checkout.start(["notify", "test"]).until("call the program").signal("INT", Target::Process).finish();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(130), "interrupted\n"), "{outcome}");
}

#[test]
fn nobody_to_be_told_is_a_failure() {
    assert_snapshot!(Checkout::new().run(["notify", "test"]));
}
