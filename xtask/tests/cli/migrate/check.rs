//! `migrate check`: everything at once, with and without a database.

use insta::assert_snapshot;

use sha2::Digest as _;

use crate::harness::{Checkout, Reply};

const BEGIN: &str = "CREATE TABLE tasks (due date);\n";

/// What the program says of number 1, with the checksums of the text `applied`, and of others.
fn status(applied: &str, others: &str) -> Reply {
    let sum: String = sha2::Sha384::digest(applied).iter().map(|byte| format!("{byte:02x}")).collect();
    Reply::says(&format!("applied  20260101000000  begin  own=sha384:{sum}  recorded=sha384:{sum}\n{others}"))
}

const OTHERS: &str = "out-of-order  20260102000000  index  own=sha384:2\nunknown  20260103000000  gone  recorded=sha384:3\n";

/// What `migration-lint` says of each file that leads up, by name; of those that it does not get to, nothing.
fn judges(checkout: Checkout, verdict: &str) -> Checkout {
    checkout.built(&["migration-lint"]).program("cargo", &format!("read -r texts; echo '{verdict}'"))
}

/// One whose only migration is well.
fn checkout() -> Checkout {
    let checkout = judges(Checkout::new(), "[]");
    std::fs::remove_file(checkout.root().join("backend/migrations/20260101000000_begin.sql")).expect("removed");
    pair(&checkout, "20260101000000_begin", BEGIN);
    checkout
}

fn pair(checkout: &Checkout, stem: &str, up: &str) {
    checkout.file(&format!("backend/migrations/{stem}.up.sql"), up);
    checkout.file(&format!("backend/migrations/{stem}.down.sql"), "SELECT 1;\n");
}

/// The same with something of each kind.
fn faults() -> Checkout {
    let index = r#"{"line":3,"kind":"locks","text":"writes are blocked","table":"tasks"},{"line":4,"kind":"destructive","text":"all rows go","table":"old"}"#;
    let alone = r#"{"line":1,"kind":"sql","text":"is not SQL","table":null}"#;
    let checkout = judges(checkout(), &format!("[[],[{index}],[],[{alone}]]"));
    pair(&checkout, "20260102000000_index", "-- Why.\n\nCREATE INDEX tasks_due ON tasks (due);\nDROP TABLE old;\n");
    pair(&checkout, "20260102000000_other", "-- destructive: nothing has used it since 1.4\nDROP TABLE older;\n");
    checkout.file("backend/migrations/20260104000000_alone.up.sql", "SELECT 'no end;\n");
    checkout.file("backend/migrations/later.sql", "SELECT 1;\n");
    checkout.file("backend/migrations/README.md", "No migration.\n");
    checkout
}

#[test]
fn files_are_checked_while_nothing_runs() {
    let checkout = faults();
    let outcome = checkout.run(["migrate", "check"]);
    assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]));
    assert_snapshot!("check_files", outcome);
}

#[test]
fn they_are_checked_without_an_engine_too() {
    let checkout = checkout().docker("version *", Reply::fails(1, "Cannot connect to the Docker daemon\n"));
    let outcome = checkout.run(["migrate", "check"]).success();
    assert!(outcome.stderr.starts_with("only the files were checked: the Docker engine does not answer"), "{outcome}");
}

#[test]
fn what_is_well_is_said_in_one_line() {
    let checkout = checkout();
    checkout.run(["up"]).success();
    let checkout = checkout.docker("compose* run * migrate status*", status(BEGIN, ""));
    let outcome = checkout.run(["migrate", "check"]).success();
    assert_eq!((outcome.stdout.as_str(), outcome.mutations().len()), ("", 1));
    assert_eq!(
        outcome.stderr,
        "nothing is wrong with 2 files of migrations, and they are what the database and the program that runs have\n"
    );
}

#[test]
fn the_database_is_asked_where_it_runs() {
    let checkout = faults();
    checkout.run(["up"]).success();
    let checkout = checkout
        .docker("compose* run * migrate status*", status(BEGIN, OTHERS))
        .docker("container exec * psql --command=sizes", Reply::says("tasks|120000\nold|-1\n\n"));
    assert_snapshot!("check_database", checkout.run(["migrate", "check"]));
    let outcome = checkout.run(["migrate", "check", "--json"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
    assert_snapshot!("check_json", outcome.stdout);
}

#[test]
fn files_are_judged_whatever_the_database_says() {
    let checkout = faults();
    checkout.run(["up"]).success();
    let checkout = checkout.docker("compose* run * migrate status*", Reply::fails(1, "error: the database refuses us\n"));
    let outcome = checkout.run(["migrate", "check"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stdout.contains("all rows go"), "{outcome}");
    assert!(outcome.stderr.contains("the database refuses us"), "{outcome}");
}

#[test]
fn a_database_that_says_nothing_is_not_taken_for_a_good_one() {
    let checkout = checkout();
    checkout.run(["up"]).success();
    let outcome = checkout.docker("compose* run * migrate status*", Reply::says("")).run(["migrate", "check"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("migrate status` says nothing of any migration"), "{outcome}");
}

#[test]
fn files_are_compared_with_what_was_applied() {
    let checkout = checkout();
    checkout.run(["up"]).success();
    pair(&checkout, "20260102000000_later", "SELECT 2;\n");
    pair(&checkout, "20260104000000_moved", "SELECT 3;\n");
    let moved: String = sha2::Sha384::digest("SELECT 3;\n").iter().map(|byte| format!("{byte:02x}")).collect();
    let others = format!("applied  20260103000000  moved  own=sha384:{moved}  recorded=sha384:{moved}\n");
    let checkout = checkout.docker("compose* run * migrate status --checksums", status("CREATE TABLE tasks (due date) ;\n", &others));
    let outcome = checkout.run(["migrate", "check"]);
    assert_snapshot!("check_changed", outcome);
}

#[test]
fn a_program_without_checksums_is_not_taken_for_one_that_has_the_same_texts() {
    let checkout = checkout();
    checkout.run(["up"]).success();
    let checkout = checkout
        .docker("compose* run * migrate status --checksums", Reply::fails(2, "error: unexpected argument '--checksums' found\n"))
        .docker("compose* run * migrate status", Reply::says("applied  20260101000000  begin\n"));
    let outcome = checkout.run(["migrate", "check"]).success();
    assert_eq!(
        outcome.stderr,
        "the texts of the files were not compared with what was applied: the program that runs says no checksums\n\
         nothing is wrong with 2 files of migrations\n"
    );
}

#[test]
fn a_rehearsal_of_files_that_the_program_lacks_does_not_begin() {
    let checkout = checkout();
    checkout.run(["up"]).success();
    pair(&checkout, "20260102000000_later", "SELECT 2;\n");
    let checkout = checkout.docker("compose* run * migrate status*", status(BEGIN, ""));
    let outcome = checkout.run(["migrate", "check", "--rehearse"]);
    assert_eq!((outcome.code, outcome.mutations().len()), (Some(1), 1), "{outcome}");
    assert!(outcome.stdout.contains("_later.up.sql: unbuilt: "), "{outcome}");
}

#[test]
fn sizes_that_are_not_known_change_nothing() {
    let checkout = faults();
    checkout.run(["up"]).success();
    let checkout = checkout
        .docker("compose* run * migrate status*", status(BEGIN, ""))
        .docker("container exec *", Reply::fails(2, "psql: error: no\n"));
    let outcome = checkout.run(["migrate", "check"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.starts_with("the sizes of the tables are not known: "), "{outcome}");
    assert!(outcome.stdout.contains("locks: writes are blocked (`tasks`)\n"), "{outcome}");
}

#[test]
fn dry_run_asks_no_database() {
    let checkout = checkout();
    checkout.run(["up"]).success();
    let outcome = checkout.run(["migrate", "check", "--dry-run"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    assert!(outcome.stderr.contains("run --rm --no-deps --no-TTY migrate migrate status"), "{outcome}");
}

#[test]
fn a_check_that_cannot_judge_says_so() {
    let failing = Checkout::new().built(&["migration-lint"]).program("cargo", "read -r texts; echo 'error: no network' >&2; exit 101");
    let outcome = failing.run(["migrate", "check"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("error: no network") && !outcome.stderr.contains("nothing is wrong"), "{outcome}");
    let strange = judges(Checkout::new(), "what");
    assert!(strange.run(["migrate", "check"]).stderr.contains("says what is not known here"));
    let first = Checkout::new().built(&[]).program("cargo", "read -r texts; echo '[]'");
    assert!(first.run(["migrate", "check"]).stderr.starts_with("compiling the check of SQL: the first time takes a minute\n"));
    let dry = checkout().run(["migrate", "check", "--dry-run"]).success();
    assert!(dry.stderr.contains("`--dry-run` judges no statement, this would:"), "{dry}");
}
