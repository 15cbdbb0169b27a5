//! `rebuild`: which images are built, and which containers are replaced.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn only_what_changed_is_replaced() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let outcome = checkout.run(["rebuild", "backend"]).success();
    assert_eq!(outcome.mutations(), ["compose build backend"], "the image is the same");
    checkout.edited("frontend");
    let outcome = checkout.behaves("frontend", "healthy").run(["rebuild", "frontend"]).success();
    let create = "compose up --no-start --no-build --no-deps frontend";
    let replaced = ["compose build frontend", create, "container start c-slipway-frontend"];
    assert_eq!(outcome.mutations(), replaced);
}

#[test]
fn without_a_name_everything_that_is_built_here_is() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    assert_eq!(checkout.run(["rebuild"]).success().mutations(), ["compose build backend frontend proxy"]);
    assert_eq!(checkout.run(["rebuild", "migrate"]).success().mutations(), ["compose build backend"], "they share an image");
}

#[test]
fn what_is_not_built_here_is_refused() {
    let checkout = Checkout::new();
    let outcome = checkout.run(["rebuild", "db"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
    assert_snapshot!("an_unknown_service_is_refused", checkout.run(["rebuild", "bakcend"]));
}

#[test]
fn dry_run_changes_nothing() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.edited("proxy");
    let before = checkout.containers();
    let outcome = checkout.run(["rebuild", "proxy", "--dry-run"]).success();
    assert_eq!((outcome.mutations(), checkout.containers()), (vec![], before));
    assert_snapshot!(outcome);
}
