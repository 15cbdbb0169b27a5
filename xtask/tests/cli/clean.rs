//! `clean`: what is destroyed, and who is asked.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn nothing_is_left_but_what_others_use() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let outcome = checkout.run(["clean", "--yes"]).success();
    assert_eq!(checkout.leftovers(), [""; 0]);
    assert!(outcome.mutations().contains(&"image rm slipway/backend:main slipway/frontend:main slipway/proxy:main"), "{:?}", outcome.log);
    assert_snapshot!(outcome);
    assert_snapshot!("nothing_is_there", checkout.run(["clean", "--yes"]));
}

#[test]
fn nobody_can_be_asked() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let before = checkout.leftovers();
    let outcome = checkout.run(["clean"]);
    assert_eq!((outcome.mutations(), checkout.leftovers()), (vec![], before));
    assert_snapshot!(outcome);
}
