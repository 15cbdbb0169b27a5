//! `restart`: what is stopped, and what starts again.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn one_service_restarts_alone() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let outcome = checkout.behaves("backend", "healthy").run(["restart", "backend"]).success();
    assert_eq!(outcome.mutations(), ["compose stop backend", "container start c-slipway-backend"]);
}

#[test]
fn all_restart_in_order() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let outcome = checkout.behaves("backend", "healthy").run(["restart"]).success();
    assert_eq!(outcome.mutations()[0], "compose stop backend db frontend proxy redis");
    outcome.order("event db die 0", "call container start c-slipway-db");
    outcome.order("event backend health_status: healthy", "call container start c-slipway-proxy");
}

#[test]
fn an_unknown_service_is_refused() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let outcome = checkout.run(["restart", "bakcend"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn dry_run_changes_nothing() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let before = checkout.containers();
    let outcome = checkout.run(["restart", "backend", "--dry-run"]).success();
    assert_eq!((outcome.mutations(), checkout.containers()), (vec![], before));
    assert_snapshot!(outcome);
}
