//! `--dry-run` of every command that changes something: it prints, and changes nothing.

use crate::harness::Checkout;

#[test]
fn nothing_changes() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let before = (checkout.containers(), checkout.leftovers());
    let lines: [&[&str]; 9] = [
        &["up", "--build"],
        &["dev"],
        &["down"],
        &["restart"],
        &["rebuild"],
        &["migrate", "up"],
        &["shell", "db"],
        &["images", "build"],
        &["clean", "--yes"],
    ];
    for line in lines {
        let args = [line, &["--dry-run"]].concat();
        let outcome = checkout.start_in(&checkout.root(), &args).finish();
        assert_eq!((outcome.code, outcome.mutations()), (Some(0), vec![]), "{line:?}: {outcome}");
        assert!(outcome.stdout.contains("docker "), "{line:?} prints what it would run: {outcome}");
    }
    assert_eq!((checkout.containers(), checkout.leftovers()), before);
}
