//! `shell`: what runs where, and whose exit code comes back.

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply, Target};

fn running() -> Checkout {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout
}

fn executed(outcome: &crate::harness::Outcome) -> &str {
    outcome.mutations().into_iter().find_map(|call| call.strip_prefix("container exec --interactive ")).expect("something is executed")
}

#[test]
fn a_service_may_name_its_shell() {
    let checkout = running();
    assert_eq!(executed(&checkout.run(["shell", "db"]).success()), "slipway-db-1 psql");
    assert_eq!(executed(&checkout.run(["shell", "backend"]).success()), "slipway-backend-1 /bin/sh");
}

#[test]
fn the_code_and_the_output_are_the_command_s() {
    let checkout = running().docker("container exec *", Reply { stdout: "one\n".to_owned(), ..Reply::fails(42, "two\n") });
    let outcome = checkout.run(["shell", "backend", "--", "sh", "-c", "exit 42"]);
    assert_eq!(executed(&outcome), "slipway-backend-1 sh -c exit 42");
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(42), "one\n", "two\n"));
}

#[test]
fn a_service_that_does_not_run_is_refused() {
    let checkout = running();
    checkout.kill("redis");
    assert_snapshot!(checkout.run(["shell", "redis"]));
    assert_snapshot!("an_unknown_service_is_refused", checkout.run(["shell", "bakcend"]));
    assert_snapshot!("nothing_runs", Checkout::new().run(["shell", "db"]));
}

/// A child that went on would hold our stderr, and the test would wait for it in vain.
#[test]
fn a_signal_for_us_ends_the_command_too() {
    for name in ["TERM", "INT"] {
        let shell = running();
        let shell = shell.start(["shell", "backend", "--", "hang"]).until("call container exec");
        let outcome = shell.signal(name, Target::Process).finish();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(130), "interrupted\n"), "{name}");
    }
}

#[test]
fn dry_run_executes_nothing() {
    let outcome = running().run(["shell", "db", "--dry-run"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_eq!(outcome.stdout, "docker container exec --interactive slipway-db-1 psql\n");
}
