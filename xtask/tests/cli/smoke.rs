//! `smoke`: what is refused before anything is asked, what the program that asks is told, and who is told what it found.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::harness::{Checkout, Target};

/// Takes what it is told, and finds what stands in `found` of the checkout; nothing where that is not there.
const PROGRAM: &str = r#"while read -r line; do :; done
if [ -e found ]; then read -r line <found; echo "$line"; exit 1; fi
echo "1 passed, 0 failed, in 0.01 s""#;
/// Notes that it was told.
const TOLD: &str = r#"["/bin/sh", "-c", "while read -r line; do echo \"$line\" >>told; done"]"#;

fn running() -> Checkout {
    let checkout = Checkout::new().built(&["smoke"]).program("cargo", PROGRAM);
    checkout.environment(&format!("port = {}\nport_fallback = true\n[notify]\ncommand = {TOLD}", checkout.port));
    checkout.run(["up"]).success();
    checkout
}

/// How often somebody was told.
fn told(checkout: &Checkout) -> usize {
    std::fs::read_to_string(checkout.root().join("told")).map_or(0, |text| text.lines().count())
}

#[test]
fn an_address_with_a_path_is_refused() {
    let outcome = Checkout::new().run(["smoke", "--url", "https://board.example.com/sub?a=b"]);
    assert!(outcome.log.is_empty(), "{outcome}");
    assert_snapshot!(outcome);
}

#[test]
fn what_does_not_run_is_not_asked() {
    assert_snapshot!(Checkout::new().run(["smoke"]));
}

#[test]
fn what_is_well_is_one_line_and_nobody_is_told() {
    let checkout = running();
    assert_snapshot!(checkout.run(["smoke"]));
    assert_eq!(told(&checkout), 0);
}

#[test]
fn the_first_time_is_said_to_take_long() {
    let checkout = Checkout::new().built(&[]).program("cargo", PROGRAM);
    checkout.run(["up"]).success();
    let outcome = checkout.run(["smoke"]);
    assert_eq!(outcome.stderr, "compiling the smoke test: the first time takes a minute\n", "{outcome}");
}

#[test]
fn what_is_broken_is_told_where_it_is_this_stack_that_was_asked_what_it_always_is() {
    let checkout = running();
    checkout.file("found", "broken: db\n");
    assert_snapshot!(checkout.run(["smoke"]));
    assert_eq!(told(&checkout), 1);
    for other in [["smoke", "--url", "https://board.example.com"], ["smoke", "--suite", "mine.toml"]] {
        let outcome = checkout.run(other);
        assert_eq!((outcome.code, outcome.stdout.as_str(), told(&checkout)), (Some(1), "broken: db\n", 1), "{other:?}: {outcome}");
    }
    checkout.run(["smoke", "--tag", "routes"]);
    assert_eq!(told(&checkout), 2);
}

#[test]
fn what_is_interrupted_is_told_to_nobody() {
    let program = "while read -r line; do :; done\ntrap 'echo \"3 passed, 1 failed, in 0.10 s\"; exit 130' TERM\n: >asked\nwhile :; do /bin/sleep 0.05; done";
    let checkout = Checkout::new().built(&["smoke"]).program("cargo", program);
    checkout.environment(&format!("port = {}\nport_fallback = true\n[notify]\ncommand = {TOLD}", checkout.port));
    checkout.run(["up"]).success();
    let smoke = checkout.start(["smoke"]);
    while !checkout.root().join("asked").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_snapshot!(smoke.signal("TERM", Target::Process).finish());
    assert_eq!(told(&checkout), 0);
}

#[test]
fn what_is_cut_off_comes_with_what_connects_it() {
    let mut checkout = Checkout::new().program("cargo", "read -r line; echo \"$line\"");
    checkout.run(["up"]).success();
    // Its containers are in no network, as after `docker network disconnect`.
    checkout.model["networks"] = json!({ "data": { "name": "slipway_data" } });
    checkout.model["services"]["db"]["networks"] = json!({ "data": null });
    let outcome = checkout.run(["smoke"]);
    let facts: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    let of = |name: &str| facts["services"].as_array().and_then(|all| all.iter().find(|service| service["name"] == name)).expect("there");
    assert_eq!(of("db")["problem"], "it is not connected to the network `data`");
    assert_eq!(of("db")["next"], "`cargo xtask up` recreates its container, in all its networks");
    assert_eq!((&of("redis")["problem"], &of("redis")["next"]), (&Value::Null, &Value::Null));
}
