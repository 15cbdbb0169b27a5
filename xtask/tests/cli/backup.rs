//! `backup`, `restore`, `snapshot`: what is refused before anything begins, what the agent is told and what becomes of its answers.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::harness::{Checkout, Outcome, Reply};

/// A stack with a database and files that does not run.
fn checkout() -> Checkout {
    with_data(Checkout::new(), Reply::fails(1, "no such container\n"))
}

/// The same, running.
pub(crate) fn running() -> Checkout {
    with_data(up(), Reply::fails(1, "no such container\n"))
}

fn up() -> Checkout {
    let checkout = Checkout::new();
    // The engine of the tests knows no profiles: it would start the agent.
    checkout.run(["up"]).success();
    checkout
}

/// With data, and this answer to the question who is at it.
fn with_data(mut checkout: Checkout, busy: Reply) -> Checkout {
    checkout.model["volumes"] = json!({ "media": { "name": "slipway_media" }, "postgres-data": { "name": "slipway_postgres-data" } });
    checkout.model["x-backup"] = json!({
        "db": { "kind": "postgres", "volume": "postgres-data" },
        "media": { "kind": "files" },
    });
    checkout.model["services"]["db"]["volumes"] =
        json!([{ "type": "volume", "source": "postgres-data", "target": "/var/lib/postgresql/data" }]);
    checkout.model["services"]["backup"] = json!({ "image": "slipway/backup:main", "build": {}, "profiles": ["backup"] });
    checkout.idle_service("backup");
    checkout.image("slipway/backup:main");
    checkout.docker("container inspect --format {{.State.Running}}*", busy)
}

pub(crate) fn manifest(id: &str) -> Value {
    let part = |name: &str, kind: &str, bytes: u64| json!({ "name": name, "kind": kind, "bytes": bytes, "entries": 3, "digest": "abc", "stored": { "offset": 0, "bytes": bytes / 4, "sha256": "def" } });
    json!({
        "schema": 1, "id": id, "created_at": format!("{}-{}-{}T{}:{}:{}Z", &id[..4], &id[4..6], &id[6..8], &id[9..11], &id[11..13], &id[13..15]),
        "project": "slipway", "environment": "local", "revision": "0123456789abcdef", "images": { "db": "sha256:postgres:17" },
        "postgres": "17.6", "migration": "20260101000000", "quiesced": false, "seconds": 1.5,
        "parts": [part("db", "postgres", 40_000_000), part("media", "files", 2_000_000_000)],
        "archive": { "bytes": 510_000_000, "sha256": "0123" },
    })
}

/// Backups that are there.
fn with_backups(ids: &[&str]) -> Checkout {
    let checkout = running();
    for id in ids {
        checkout.file(&format!("backups/slipway/{id}.json"), &manifest(id).to_string());
        checkout.file(&format!("backups/slipway/{id}.tar.zst"), "");
    }
    checkout
}

pub(crate) fn says(events: &[Value]) -> Reply {
    Reply::says(&events.iter().map(|event| format!("{event}\n")).collect::<String>())
}

pub(crate) const AGENT: &str = "compose * run --rm --no-deps --no-TTY *";

#[test]
fn a_backup_is_made_and_named() {
    let checkout = running();
    let events = [
        json!({ "event": "step", "text": "dumping db" }),
        json!({ "event": "progress", "part": "media", "bytes": 5, "total": null }),
        json!({ "event": "warning", "text": "media: volumes/media/a: file changed as we read it" }),
        json!({ "event": "backup", "manifest": manifest("20261121T224501Z") }),
    ];
    let checkout = checkout.docker(AGENT, says(&events));
    assert_snapshot!("made", checkout.run(["backup"]).success());
    assert_snapshot!("made_json", checkout.run(["backup", "create", "--json", "--quiet"]).success().stdout);
}

#[test]
fn what_the_agent_fails_at_is_told() {
    let checkout = running();
    let failed = json!({ "event": "failed", "message": "the part `media` is damaged: its SHA-256 is 1, it was 2", "details": ["one"], "hints": ["two"] });
    let checkout = checkout.docker(AGENT, says(&[failed]));
    assert_snapshot!("failed", checkout.run(["backup"]));
    let checkout = running().docker(AGENT, Reply::fails(137, "Error response from daemon: no such volume\n"));
    assert_snapshot!("ended", checkout.run(["backup"]));
}

#[test]
fn what_cannot_begin_says_why() {
    let checkout = checkout();
    assert_snapshot!("database_does_not_run", checkout.run(["backup"]));
    let mut undecided = self::checkout();
    undecided.model["volumes"]["uploads"] = json!({ "name": "slipway_uploads" });
    assert_snapshot!("undecided_volume", undecided.run(["backup"]));
    let checkout = with_data(up(), Reply::says("true 2026-11-21T22:45:01.5Z restore\n"));
    assert_snapshot!("somebody_else", checkout.run(["backup"]));
}

#[test]
fn nothing_to_restore_or_to_load_is_said() {
    let checkout = checkout();
    assert_snapshot!("no_backup", checkout.run(["restore"]));
    assert_snapshot!("no_such_file", checkout.run(["restore", "--at", "nowhere.tar.zst"]));
    assert_snapshot!("no_savepoint", checkout.run(["snapshot", "load", "one"]));
    assert_snapshot!("bad_name", checkout.run(["snapshot", "save", "Before Import"]));
    assert_snapshot!("nothing_listed", checkout.run(["backup", "list"]));
    let checkout = with_backups(&["20261121T224501Z"]);
    assert_snapshot!("unknown_backup", checkout.run(["restore", "2025"]));
    assert_snapshot!("unknown_part", checkout.run(["restore", "--only", "redis"]));
    assert_snapshot!("empty_part", checkout.run(["restore", "--only", ","]));
    assert_snapshot!("data_of_a_file", checkout.run(["backup", "verify", "--read-data"]));
    assert_snapshot!("nobody_to_ask", checkout.run(["restore"]));
    assert_eq!(checkout.run(["restore"]).mutations(), [""; 0]);
}

#[test]
fn a_file_from_elsewhere_that_is_damaged_is_not_one_of_those_here() {
    let hints = ["`cargo xtask backup verify --all` tells which backups are whole"];
    let failed = json!({ "event": "failed", "message": "the part `media` is damaged: it is cut off", "details": ["nothing was changed"], "hints": hints });
    let checkout = running();
    checkout.file("usb/some.tar.zst", "cut off");
    let checkout = checkout.docker(AGENT, says(&[failed]));
    assert_snapshot!(checkout.run(["restore", "--at", "usb/some.tar.zst"]));
}

#[test]
fn save_points_are_listed() {
    let checkout = running();
    let note =
        |name: &str, schema: u32| json!({ "schema": schema, "name": name, "created_at": "2026-11-21T22:45:01Z", "parts": ["db", "media"] });
    for (file, note) in [("one", note("one", 1)), ("newer", note("newer", 2)), ("other", note("one", 1)), ("bell", note("\u{7}", 1))] {
        checkout.file(&format!("backups/slipway/snapshots/{file}.json"), &note.to_string());
    }
    assert_snapshot!("savepoints", checkout.run(["snapshot", "list"]).success());
    assert_snapshot!("savepoints_json", checkout.run(["snapshot", "list", "--json"]).success().stdout);
}

#[test]
fn backups_are_listed_and_shown() {
    let checkout = with_backups(&["20261121T224501Z", "20261120T224501Z"]);
    checkout.file("backups/slipway/20261120T224501Z.verified", "2026-11-20T23:00:00Z\n");
    checkout.file("backups/slipway/20261122T000000Z.tar.zst", "cut off");
    assert_snapshot!("list", checkout.run(["backup", "list"]).success().stdout);
    assert_snapshot!("list_json", checkout.run(["backup", "list", "--json"]).success().stdout);
    assert_snapshot!(
        "show",
        checkout.run(["backup", "show", "20261120"]).success().stdout.replace(&checkout.root().display().to_string(), "ROOT")
    );
}

#[test]
fn old_backups_go_only_when_the_newest_is_whole() {
    let ids = ["20261119T224501Z", "20261120T224501Z", "20261121T224501Z"];
    let there = |checkout: &Checkout| std::fs::read_dir(checkout.root().join("backups/slipway")).expect("there").count();
    let checkout = with_backups(&ids);
    assert_snapshot!("prune_without_a_rule", checkout.run(["backup", "prune"]));
    let none = checkout.run(["backup", "prune", "--keep-last", "0", "--keep-daily", "0", "--yes"]);
    assert_eq!(none.stderr, checkout.run(["backup", "prune"]).stderr);
    assert_snapshot!("prune_dry_run", checkout.run(["backup", "prune", "--keep-daily", "2", "--dry-run"]).success());
    let failed =
        json!({ "event": "failed", "message": "the part `db` is damaged: its SHA-256 is 1, it was 2", "details": [], "hints": [] });
    let checkout = checkout.docker(AGENT, says(&[failed]));
    assert_snapshot!("prune_refused", checkout.run(["backup", "prune", "--keep-last", "1", "--yes"]));
    assert_eq!(there(&checkout), 6);
    let checkout = with_backups(&ids).docker(AGENT, says(&[json!({ "event": "backup", "manifest": manifest(ids[2]) })]));
    assert_snapshot!("prune", checkout.run(["backup", "prune", "--keep-last", "1", "--yes"]).success());
    // The one that is left, that it was verified, and what Prometheus is told.
    assert_eq!(there(&checkout), 4);
    let metrics = std::fs::read_to_string(checkout.root().join("backups/slipway/metrics/backup.prom")).expect("written");
    assert!(
        metrics.contains("slipway_backup_count 1\n") && metrics.contains("slipway_backup_last_verified_timestamp_seconds "),
        "{metrics}"
    );
}

#[test]
fn dry_runs_show_the_agent_and_change_nothing() {
    let checkout = with_backups(&["20261121T224501Z"]);
    let shown = |outcome: Outcome| {
        let outcome = outcome.success();
        assert_eq!(outcome.mutations(), [""; 0]);
        outcome.stdout.split(" run --rm ").nth(1).expect("a command").to_owned()
    };
    assert_snapshot!("dry_backup", shown(checkout.run(["backup", "--dry-run"])));
    assert_snapshot!("dry_restore", shown(checkout.run(["restore", "--dry-run", "--only", "media"])));
    assert_snapshot!("dry_save", shown(checkout.run(["snapshot", "save", "one", "--dry-run"])));
}

#[test]
fn what_is_said_beside_a_backup_is_not_believed() {
    let checkout = with_backups(&["20261120T031500Z", "20261121T031500Z"]);
    let mut huge = manifest("20261121T031500Z");
    huge["parts"][0]["bytes"] = json!(u64::MAX);
    huge["parts"][1]["bytes"] = json!(u64::MAX);
    huge["parts"][0]["rows"] = json!({ "a": u64::MAX, "b": u64::MAX });
    checkout.file("backups/slipway/20261121T031500Z.json", &huge.to_string());
    checkout.run(["backup", "list"]).success();
    checkout.run(["backup", "show"]).success();
    let mut endless = manifest("20261121T031500Z");
    endless["seconds"] = json!(1e308);
    let mut obeyed = manifest("20261121T031500Z");
    obeyed["project"] = json!("\u{1b}[2Jslipway");
    for text in ["{".to_owned(), endless.to_string(), obeyed.to_string()] {
        checkout.file("backups/slipway/20261121T031500Z.json", &text);
        let listed = checkout.run(["backup", "list"]).success();
        assert!(!listed.stdout.contains("20261121"), "{}", listed.stdout);
        assert!(listed.stderr.contains("20261121T031500Z.json is damaged, so its backup is left out"), "{}", listed.stderr);
    }
}
