//! `status` and `top`: what runs, for people and for programs.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn json_is_the_whole_product() {
    let checkout = Checkout::new().check("db", "127.0.0.1:5432 - accepting connections\n");
    checkout.run(["up"]).success();
    let outcome = checkout.run(["status", "--json"]).success();
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!((&report["schema"], report["services"].as_array().map(Vec::len)), (&1.into(), Some(6)));
    assert_eq!(outcome.stderr, "");
}

#[test]
fn every_service_has_a_line() {
    let checkout = Checkout::new().check("db", "127.0.0.1:5432 - accepting connections\n");
    checkout.run(["up"]).success();
    let outcome = checkout.run(["status"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn nothing_runs() {
    assert_snapshot!(Checkout::new().run(["status"]));
    assert_snapshot!("nothing_runs_for_top", Checkout::new().run(["top"]));
}
