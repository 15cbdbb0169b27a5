//! `images`: what is here, and what is built.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn missing_ones_are_listed_too() {
    let outcome = Checkout::new().without_image("slipway/proxy:main").run(["images", "list"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn those_of_a_service_are_built() {
    let checkout = Checkout::new();
    assert_eq!(checkout.run(["images", "build", "migrate"]).success().mutations(), ["compose build backend"], "they share an image");
    assert_eq!(checkout.run(["images", "build"]).success().mutations(), ["compose build backend frontend proxy"]);
    assert_snapshot!(checkout.run(["images", "build", "redis"]));
}
