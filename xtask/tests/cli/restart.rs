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

#[test]
fn what_was_never_started_is_refused_before_anything_is_made() {
    let restart = Checkout::new().run(["restart", "backend"]);
    assert_snapshot!("restart_never_started", restart);
    let commands: [&[&str]; 12] = [
        &["restart"],
        &["restart", "backend"],
        &["rebuild"],
        &["rebuild", "proxy"],
        &["shell", "db"],
        &["top"],
        &["logs"],
        &["logs", "db"],
        &["migrate", "up"],
        &["migrate", "status"],
        &["migrate", "revert"],
        &["smoke"],
    ];
    for command in commands {
        let checkout = Checkout::new();
        let outcome = checkout.start_in(&checkout.root(), command).finish();
        assert_eq!((outcome.code, outcome.mutations(), checkout.leftovers()), (Some(1), vec![], vec![]), "{command:?}: {outcome}");
        assert!(outcome.stderr.contains("`cargo xtask up"), "{command:?}: {outcome}");
    }
}

#[test]
fn after_down_it_is_refused_as_well() {
    for command in [["restart", "backend"], ["rebuild", "proxy"]] {
        let checkout = Checkout::new();
        checkout.run(["up"]).success();
        checkout.run(["down"]).success();
        let outcome = checkout.run(command);
        assert_eq!((outcome.code, outcome.mutations(), checkout.containers()), (Some(1), vec![], vec![]), "{outcome}");
    }
}

#[test]
fn one_whose_container_was_removed_is_named() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.remove("backend");
    let outcome = checkout.run(["restart", "backend"]);
    assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]), "{outcome}");
    assert!(outcome.stderr.starts_with("error: `backend` has no container yet"), "{outcome}");
    // Its neighbours are there.
    checkout.behaves("redis", "healthy").run(["restart", "redis"]).success();
}
