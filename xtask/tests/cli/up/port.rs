//! `up` where the port is taken.

use std::net::TcpListener;

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply};

/// A checkout whose port somebody listens on.
fn taken() -> (Checkout, TcpListener) {
    let checkout = Checkout::new();
    let listener = TcpListener::bind(("127.0.0.1", checkout.port)).expect("the port was free a moment ago");
    (checkout, listener)
}

#[test]
fn the_next_free_one_is_used_and_shown() {
    let (checkout, _listener) = taken();
    let outcome = checkout.only(&["db"]).run(["up"]).success();
    assert!(outcome.stderr.contains("port [PORT] is taken by `"), "{outcome}");
    assert!(outcome.stderr.contains("(pid [PID]), so another one is used"), "{outcome}");
}

#[test]
fn without_fallback_it_is_refused_and_nothing_changes() {
    let (checkout, _listener) = taken();
    checkout.environment(&format!("port = {}", checkout.port));
    let checkout = checkout.docker("ps --format *publish=*", Reply::says("shop-proxy-1\n"));
    let outcome = checkout.run(["up"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn a_running_stack_keeps_its_port() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let _listener = TcpListener::bind(("127.0.0.1", checkout.port)).expect("the engine here binds nothing");
    let again = checkout.run(["up"]).success();
    assert_eq!(again.mutations(), [""; 0]);
}

#[test]
fn another_instance_has_a_port_of_its_own_also_after_down() {
    let checkout = Checkout::new();
    let up = || {
        let outcome = checkout.run(["up", "--instance", "fix"]).success();
        assert!(!outcome.stderr.contains("is taken by"), "{outcome}");
        checkout.published("c-slipway-fix-proxy")
    };
    let first = up();
    assert!((checkout.port + 1..=checkout.port + 99).contains(&first), "{first}");
    checkout.run(["down", "--instance", "fix"]).success();
    assert_eq!(up(), first);
    checkout.run(["up"]).success();
    assert_eq!(checkout.published("c-slipway-proxy"), checkout.port);
}
