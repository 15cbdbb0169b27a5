//! `--dry-run` of every command that changes something: it prints, and changes nothing.

use crate::harness::Checkout;

#[test]
fn nothing_changes() {
    let checkout = Checkout::new();
    // The image of what makes save points is named after its sources.
    checkout.file("xtask/backup/Cargo.toml", "[package]\n");
    checkout.run(["up"]).success();
    let before = (checkout.containers(), checkout.leftovers());
    let lines: [&[&str]; 10] = [
        &["up", "--build"],
        &["dev"],
        &["down"],
        &["restart"],
        &["rebuild"],
        &["migrate", "up"],
        &["migrate", "revert"],
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
