//! `migrate`: one-off containers, files of new migrations, what is wrong with them, and the way back.

mod check;
mod revert;

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply};

fn files(checkout: &Checkout) -> Vec<String> {
    let entries = std::fs::read_dir(checkout.root().join("backend/migrations")).expect("readable").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_sorts_last_and_says_what_it_is_for() {
    let checkout = Checkout::new();
    let outcome = checkout.run(["migrate", "new", "add_due_date"]).success();
    let files = files(&checkout);
    assert_eq!(files.len(), 3, "{files:?}");
    for (name, direction) in files[1..].iter().zip(["down", "up"]) {
        assert!(name.ends_with(&format!("_add_due_date.{direction}.sql")), "{files:?}");
        let text = std::fs::read_to_string(checkout.root().join("backend/migrations").join(name)).expect("readable");
        assert!(text.starts_with("-- "), "{text}");
    }
    assert_snapshot!(outcome);
}

#[test]
fn a_bad_name_makes_no_file() {
    let checkout = Checkout::new();
    let long = "a".repeat(300);
    for name in ["Add Due", "", "../up", "a/b", "add-due", "fällig", "ADD", "-x", "a\nb", &long] {
        let outcome = checkout.run(["migrate", "new", "--", name]);
        assert_eq!(outcome.code, Some(1), "`{name}`: {outcome}");
    }
    assert_eq!(files(&checkout).len(), 1);
    assert_snapshot!(checkout.run(["migrate", "new", "Add Due"]));
}

#[test]
fn two_at_once_have_numbers_of_their_own() {
    let checkout = Checkout::new();
    for name in ["first", "second", "first"] {
        checkout.run(["migrate", "new", name]).success();
    }
    let numbers: std::collections::BTreeSet<String> = files(&checkout).iter().map(|name| name[..14].to_owned()).collect();
    assert_eq!((numbers.len(), files(&checkout).len()), (4, 7), "{:?}", files(&checkout));
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let checkout = Checkout::new();
    std::fs::remove_dir_all(checkout.root().join("backend/migrations")).expect("removed");
    assert_snapshot!(checkout.run(["migrate", "new", "add_due_date"]));
}

#[test]
fn dry_run_makes_no_file() {
    let checkout = Checkout::new();
    checkout.run(["migrate", "new", "add_due_date", "--dry-run"]).success();
    assert_eq!(files(&checkout).len(), 1);
}

#[test]
fn the_service_of_the_migrations_runs_them() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let run = |what: &str| format!("compose run --rm --no-deps --no-TTY migrate migrate {what}");
    assert_eq!(checkout.run(["migrate"]).success().mutations(), [run("status --checksums"), run("up")]);
    assert_eq!(checkout.run(["migrate", "status"]).success().mutations(), [run("status --checksums")]);
    let dry = checkout.run(["migrate", "up", "--dry-run"]).success();
    assert_eq!(dry.mutations(), [""; 0]);
    assert!(dry.stdout.ends_with("run --rm --no-deps --no-TTY migrate migrate up\n"), "{dry}");
}

#[test]
fn a_failed_migration_keeps_its_code() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    let checkout = checkout.docker("compose* run *", Reply::fails(3, "error: syntax error at line 1\n"));
    let outcome = checkout.run(["migrate", "up"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(3), "error: syntax error at line 1\n"));
}

#[test]
fn what_the_program_was_built_without_is_named_and_nothing_is_applied() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.run(["migrate", "new", "add_due_date"]).success();
    checkout.file("backend/migrations/20990101000000_later.up.sql", "SELECT 1;\n");
    let checkout = checkout.docker("compose* run * migrate status*", Reply::says("applied  20260101000000  begin\n"));
    let outcome = checkout.run(["migrate", "up"]);
    assert!(!outcome.mutations().iter().any(|command| command.ends_with(" up")), "{outcome}");
    assert_snapshot!(outcome);
}

#[test]
fn what_was_changed_after_it_was_applied_is_named_and_nothing_is_applied() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.file("backend/migrations/20260102000000_add_due_date.up.sql", "SELECT 2;\n");
    let status = "applied  20260102000000  add due date  own=sha384:1  recorded=sha384:1\n";
    let checkout = checkout.docker("compose* run * migrate status --checksums", Reply::says(status));
    let outcome = checkout.run(["migrate", "up"]);
    assert!(!outcome.mutations().iter().any(|command| command.ends_with(" up")), "{outcome}");
    assert_snapshot!(outcome);
    // It is shown beside what the program says, which has no checksums then.
    let outcome = checkout.run(["migrate", "status"]).success();
    assert_eq!(outcome.stdout, "applied  20260102000000  add due date\n");
    assert!(outcome.stderr.starts_with("warning: [TIME]_add_due_date.up.sql was changed after it was applied; "), "{outcome}");
}

#[test]
fn a_stub_holds_nothing_back() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.run(["migrate", "new", "add_due_date"]).success();
    let outcome = checkout.run(["migrate", "up"]).success();
    assert!(outcome.mutations().iter().any(|command| command.ends_with("migrate up")), "{outcome}");
}

#[test]
fn without_a_database_it_is_refused() {
    assert_snapshot!(Checkout::new().run(["migrate", "up"]));
}
