//! `secrets`: made, listed and replaced, and never shown.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::{Checkout, Reply};

fn checkout() -> Checkout {
    let mut checkout = Checkout::new();
    checkout.model["x-secrets"] = json!({
        "password": { "rotate": { "service": "db", "command": ["psql"], "stdin": "ALTER ROLE x PASSWORD '{value}';" } },
        "mail_password": { "kind": "given" },
    });
    let file = |name: &str| json!({ "file": checkout.root().join("infra/secrets/local").join(name) });
    let files = json!({ "password": file("password"), "mail_password": file("mail_password") });
    checkout.model["secrets"] = files;
    checkout
}

fn value(checkout: &Checkout, name: &str) -> Option<String> {
    std::fs::read_to_string(checkout.root().join("infra/secrets/local").join(name)).ok()
}

#[test]
fn what_is_missing_is_made_or_asked_for() {
    let checkout = checkout();
    assert_snapshot!(checkout.run(["secrets", "init"]));
    assert!(value(&checkout, "password").is_some() && value(&checkout, "mail_password").is_none());
    assert_snapshot!("init_again", checkout.run(["secrets", "init"]));
    let listed = checkout.run(["secrets", "list"]);
    assert!(!listed.to_string().contains(value(&checkout, "password").expect("made").trim()));
    assert_snapshot!("list", listed);
}

#[test]
fn a_new_value_goes_where_it_is_used_or_nowhere() {
    let checkout = checkout();
    checkout.run(["secrets", "init"]).success();
    checkout.file("infra/secrets/local/mail_password", "hunter2\n");
    checkout.run(["up"]).success();
    let before = value(&checkout, "password");
    assert_snapshot!("rotate", checkout.run(["secrets", "rotate", "password"]));
    let after = value(&checkout, "password");
    assert_ne!(before, after);

    let checkout = checkout.docker("container exec *", Reply::fails(1, "ERROR: the server is in recovery mode\n"));
    assert_snapshot!("rotate_refused", checkout.run(["secrets", "rotate", "password"]));
    assert_eq!((value(&checkout, "password"), value(&checkout, "password.next")), (after, None), "the old one stays");
    assert_snapshot!("rotate_unknown", checkout.run(["secrets", "rotate", "passwort"]));
    assert_snapshot!("rotate_given_without_a_value", checkout.run(["secrets", "rotate", "mail_password"]));
    assert_eq!(value(&checkout, "mail_password").as_deref(), Some("hunter2\n"));
}

#[test]
fn a_rotation_that_was_interrupted_goes_on_with_its_value() {
    let checkout = checkout();
    checkout.run(["secrets", "init"]).success();
    checkout.file("infra/secrets/local/mail_password", "hunter2\n");
    checkout.run(["up"]).success();
    let before = value(&checkout, "password");
    let cut = checkout.docker("container exec *", Reply::fails(137, ""));
    assert_snapshot!("rotate_interrupted", cut.run(["secrets", "rotate", "password"]));
    assert_eq!(value(&cut, "password"), before);
    let told = value(&cut, "password.next").expect("kept");
    cut.run(["secrets", "rotate", "password"]);
    assert_eq!(value(&cut, "password.next").as_deref(), Some(told.as_str()), "the same value again");
}

/// Two instances that run, with the secrets of one environment.
fn two() -> Checkout {
    let checkout = checkout();
    checkout.run(["secrets", "init"]).success();
    checkout.file("infra/secrets/local/mail_password", "hunter2\n");
    checkout.run(["up"]).success();
    checkout.run(["up", "--instance", "two"]).success();
    checkout
}

#[test]
fn every_instance_that_runs_is_told() {
    let checkout = two();
    let before = value(&checkout, "password");
    let outcome = checkout.run(["secrets", "rotate", "password"]).success();
    let told = outcome.mutations();
    assert_eq!(told, ["container exec --interactive slipway-db-1 psql", "container exec --interactive slipway-two-db-1 psql"], "{outcome}");
    assert!(outcome.stderr.contains("db of slipway-two was told too"), "{outcome}");
    assert_ne!(value(&checkout, "password"), before);
    assert_eq!(checkout.run(["up", "--instance", "two"]).success().mutations(), [""; 0], "it knows the value");
}

#[test]
fn where_one_refuses_all_have_the_old_value() {
    let checkout = two().docker("container exec * slipway-two-db-1 *", Reply::fails(1, "ERROR: no\n"));
    let before = value(&checkout, "password");
    let outcome = checkout.run(["secrets", "rotate", "password"]);
    assert_eq!(outcome.code, Some(1));
    let told = outcome.mutations();
    assert_eq!(told.iter().filter(|call| call.contains("slipway-db-1")).count(), 2, "the new one, then the old one: {outcome}");
    assert_eq!((value(&checkout, "password"), value(&checkout, "password.next")), (before, None));
}

#[test]
fn an_instance_that_did_not_run_is_told_when_it_starts() {
    let checkout = two();
    checkout.run(["down", "--instance", "two"]).success();
    checkout.run(["secrets", "rotate", "password"]).success();
    let outcome = checkout.run(["up", "--instance", "two"]).success();
    assert!(outcome.mutations().contains(&"container exec --interactive slipway-two-db-1 psql"), "{outcome}");
    // A new one is initialised with what the file has.
    let outcome = checkout.run(["up", "--instance", "three"]).success();
    assert!(!outcome.mutations().iter().any(|call| call.contains("exec")), "{outcome}");
}

#[test]
fn a_killed_rotation_is_named_and_ended_by_the_next_start() {
    let checkout = two();
    checkout.file("infra/secrets/local/password.next", "new\n");
    assert!(checkout.run(["secrets", "list"]).stdout.contains("its rotation was interrupted"));
    let outcome = checkout.run(["doctor"]);
    assert!(outcome.stdout.contains("the rotation of `password` was interrupted"), "{outcome}");
    let outcome = checkout.run(["up"]).success();
    assert!(outcome.stderr.contains("ended the rotation of the secret `password`"), "{outcome}");
    assert_eq!(outcome.mutations().iter().filter(|call| call.contains("exec")).count(), 2, "both instances: {outcome}");
    assert_eq!((value(&checkout, "password").as_deref(), value(&checkout, "password.next")), (Some("new\n"), None));
}
