//! `up --expose`: what publishes a service, where it listens, and what cannot be exposed.

use std::net::TcpListener;

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::{Checkout, Reply};

/// A stack in which `db` can be exposed, and is: the engine here knows no profiles.
fn exposing(port: u16) -> Checkout {
    let mut checkout =
        Checkout::new().only(&["db"]).docker("compose * config --profiles", Reply::says("expose-db\nexpose-redis\nworker\n"));
    let ports = json!([{ "host_ip": "127.0.0.1", "target": 5432, "published": port.to_string(), "protocol": "tcp" }]);
    checkout.model["services"]["db"]["profiles"] = json!(["expose-db"]);
    checkout.model["services"]["db"]["ports"] = ports;
    checkout.model["x-expose"] = json!({ "db": { "connect": "postgres://slipway@{address}/slipway", "password": "password" } });
    checkout
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[test]
fn it_says_where_it_listens() {
    let outcome = exposing(free_port()).run(["up", "--expose", "db"]).success();
    let line = "db listens at localhost:[PORT]   postgres://slipway@localhost:[PORT]/slipway   password: in infra/secrets/local/password\n";
    assert!(outcome.stderr.ends_with(line), "{outcome}");
}

#[test]
fn the_profile_is_on() {
    let outcome = exposing(free_port()).run(["up", "--expose", "db", "--dry-run"]).success();
    assert!(outcome.stdout.contains("COMPOSE_PROFILES=expose-db "), "{outcome}");
}

#[test]
fn what_cannot_be_exposed_is_refused() {
    let outcome = exposing(free_port()).run(["up", "--expose", "db,mail"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
    let outcome = Checkout::new().run(["dev", "--expose", "db"]);
    assert_snapshot!("nothing_can_be_exposed", outcome);
}

#[test]
fn a_port_that_somebody_has_is_refused_before_anything_changes() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let checkout = exposing(port).docker("ps --format *publish=*", Reply::says("shop-db-1\n"));
    let outcome = checkout.run(["up", "--expose", "db"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    let expected = format!("port {port}, which `db` publishes, is taken by the container `shop-db-1`");
    assert!(outcome.stderr.contains(&expected), "{outcome}");
}
