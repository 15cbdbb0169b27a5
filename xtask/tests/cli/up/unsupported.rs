//! Attributes of compose files that a start would break or ignore: refused before anything is changed.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::Checkout;

/// A stack with a hook, a name that instances would fight for, and a volume without a name.
fn unsupported() -> Checkout {
    let mut checkout = Checkout::new();
    checkout.model["services"]["backend"]["container_name"] = json!("backend");
    checkout.model["services"]["backend"]["post_start"] = json!([{ "command": ["warm-up"] }]);
    checkout.model["services"]["redis"]["volumes"] = json!([{ "type": "volume", "target": "/data", "volume": {} }]);
    checkout
}

#[test]
fn unsupported_attributes_are_refused_all_at_once_before_a_start() {
    let checkout = unsupported().without_image("slipway/backend:main");
    let outcome = checkout.run(["up"]);
    assert_eq!((outcome.mutations(), checkout.leftovers()), (vec![], vec![]));
    assert!(!checkout.root().join("infra/secrets").exists(), "no secret is made");
    assert_snapshot!(outcome);
}

#[test]
fn a_stack_that_runs_goes_on_when_an_unsupported_attribute_was_added() {
    let mut checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.model = unsupported().model;
    let before = checkout.containers();
    for command in ["up", "rebuild", "restart"] {
        let outcome = checkout.run([command]);
        assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]), "{outcome}");
        assert!(outcome.stderr.contains("`services.backend.post_start`: "), "{outcome}");
    }
    assert_eq!(checkout.containers(), before);
}

#[test]
fn an_image_that_may_not_be_pulled_is_asked_for() {
    let mut checkout = Checkout::new();
    checkout.model["services"]["redis"]["pull_policy"] = json!("never");
    checkout.run(["up"]).success();
    let outcome = checkout.without_image("redis:8").run(["up"]);
    assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]), "{outcome}");
    assert!(outcome.stderr.contains("it is `never`, and the image `redis:8` is not on this engine"), "{outcome}");
}
