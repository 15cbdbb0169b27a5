//! `migrate revert`: who is asked, what is saved, and what is refused.

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply};

const STATUS: &str = "applied      20260101000000  begin\napplied      20260102000000  add due date\npending      20260103000000  next\n";
const CHANGED: &str = "applied 20260101000000 begin\nchanged 20260102000000 add due date\n";
const REVERT: &str = "compose run --rm --no-deps --no-TTY --label slipway.doing=revert migrate migrate revert 20260102000000";

/// A stack that runs, whose migrations stand as `status` says.
fn stack(status: &str) -> Checkout {
    let checkout = Checkout::new();
    // What makes save points: its image is named after its sources, and it is none of the services of these tests.
    checkout.file("xtask/backup/Cargo.toml", "[package]\n");
    checkout.run(["up"]).success();
    checkout
        .docker("compose* run * migrate status*", Reply::says(status))
        .docker("container inspect --format *", Reply::fails(1, "no such container\n"))
}

/// The same with an answer to whoever asks for a save point.
fn saves(status: &str, answer: Reply) -> Checkout {
    stack(status).docker("compose* run * --label slipway.doing=snapshot save *", answer)
}

fn done() -> Reply {
    Reply::says("{\"event\":\"done\",\"parts\":[]}\n")
}

/// In an environment whose secrets somebody made.
fn without_save_points(checkout: &Checkout) {
    let text = format!(
        "compose.profiles = []\nbuild.profile = \"dev\"\nsecrets.generate = false\n[proxy]\nport = {}\nport_fallback = true\n",
        checkout.port
    );
    checkout.file("infra/env/local.toml", &text);
}

#[test]
fn a_save_point_is_made_before_the_newest_is_taken_back() {
    let checkout = saves(STATUS, done());
    let outcome = checkout.run(["migrate", "revert", "--yes"]).success();
    let mutations = outcome.mutations();
    let [status, save, revert] = mutations[..] else { panic!("{outcome}: {mutations:#?}") };
    assert!(status.ends_with(" migrate status --checksums") && save.contains("slipway.doing=snapshot save"), "{mutations:#?}");
    assert!(compose(revert) == REVERT, "{revert}");
    assert!(outcome.stderr.starts_with("`before-revert` is there, after "), "{outcome}");
    assert!(outcome.stderr.ends_with("\n`cargo xtask snapshot load before-revert` brings back all data as they were\n"), "{outcome}");
}

/// A call without the files and the project.
fn compose(call: &str) -> String {
    let rest = call.split_once(" run ").map_or(call, |(_, rest)| rest);
    format!("compose run {rest}")
}

#[test]
fn without_a_save_point_nothing_is_reverted() {
    let failed = Reply::says("{\"event\":\"failed\",\"message\":\"the disk is full\",\"details\":[],\"hints\":[]}\n");
    let checkout = saves(STATUS, failed);
    let outcome = checkout.run(["migrate", "revert", "--yes"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), "error: the disk is full\n"));
    assert!(!outcome.mutations().iter().any(|call| call.contains("migrate revert")), "{:#?}", outcome.log);
}

#[test]
fn where_secrets_are_not_made_here_there_are_backups_instead() {
    let checkout = stack(STATUS);
    without_save_points(&checkout);
    let outcome = checkout.run(["migrate", "revert", "--yes"]).success();
    assert_eq!(
        outcome.mutations().into_iter().map(compose).collect::<Vec<_>>(),
        ["compose run --rm --no-deps --no-TTY migrate migrate status --checksums", REVERT]
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn nobody_can_be_asked() {
    let checkout = stack(STATUS);
    let outcome = checkout.run(["migrate", "revert"]);
    assert_eq!(outcome.mutations().len(), 1, "it looked, and did nothing: {:#?}", outcome.log);
    assert_snapshot!(outcome);
}

#[test]
fn what_cannot_be_taken_back_is_refused_before_anybody_is_asked() {
    let changed = stack(CHANGED);
    without_save_points(&changed);
    let changed = changed.run(["migrate", "revert"]);
    assert_eq!(changed.mutations().len(), 1, "{:#?}", changed.log);
    assert_snapshot!("revert_changed", changed);
    assert_snapshot!("revert_unknown", stack("applied 20260101000000 begin\nunknown 20260102000000 \n").run(["migrate", "revert"]));
    let outcome = stack("pending 20260101000000 begin\n").run(["migrate", "revert"]).success();
    assert_eq!(outcome.stderr, "no migration is applied: there is nothing to revert\n");
    assert_snapshot!("revert_nothing_runs", Checkout::new().run(["migrate", "revert"]));
}

#[test]
fn one_that_was_changed_is_taken_back_where_all_data_are_saved_first() {
    let outcome = saves(CHANGED, done()).run(["migrate", "revert", "--yes"]).success();
    let mutations = outcome.mutations();
    let [_, save, revert] = mutations[..] else { panic!("{outcome}: {mutations:#?}") };
    assert!(save.contains("slipway.doing=snapshot save"), "{mutations:#?}");
    assert!(revert.ends_with("migrate migrate revert --changed 20260102000000"), "{revert}");
}

#[test]
fn a_failed_one_keeps_its_code() {
    let checkout = saves(STATUS, done()).docker("compose* run * migrate revert *", Reply::fails(4, "error: it cannot be reverted\n"));
    let outcome = checkout.run(["migrate", "revert", "--yes"]);
    assert_eq!(outcome.code, Some(4));
    assert!(outcome.stderr.ends_with("error: it cannot be reverted\n"), "{outcome}");
}

#[test]
fn dry_run_shows_both_steps() {
    let checkout = stack(STATUS);
    let outcome = checkout.run(["migrate", "revert", "--dry-run"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("slipway.doing=snapshot save"), "{outcome}");
    assert!(lines[1].ends_with("run --rm --no-deps --no-TTY --label slipway.doing=revert migrate migrate revert"), "{outcome}");
}
