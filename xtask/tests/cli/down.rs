//! `down`: what is removed, and what stays.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn data_stays() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let outcome = checkout.run(["down"]).success();
    assert_eq!(outcome.mutations(), ["compose down --remove-orphans"]);
    assert_eq!(checkout.leftovers(), ["slipway_data"], "the volume");
    assert_eq!(outcome.stdout, "");
    assert_snapshot!(outcome);
}

#[test]
fn nothing_runs() {
    let outcome = Checkout::new().run(["down"]).success();
    assert_snapshot!(outcome);
}

#[test]
fn dry_run_removes_nothing() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let before = checkout.containers();
    let outcome = checkout.run(["down", "--dry-run"]).success();
    assert_eq!((outcome.mutations(), checkout.containers()), (vec![], before));
    assert_snapshot!(outcome);
}
