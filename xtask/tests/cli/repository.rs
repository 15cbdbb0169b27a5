//! `backup` and `restore` with a repository: what the agent is given, what is said, what is refused before anything begins.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::backup::{AGENT, manifest, running, says};
use crate::harness::Checkout;

const ID: &str = "20261121T224501Z";

/// A running stack whose backups go into `repository`.
fn with_repository(repository: &str) -> Checkout {
    let mut checkout = running();
    checkout.file("infra/env/local.override.toml", &format!("backup.repository = {repository:?}\n"));
    for kind in ["repository", "remote", "s3", "rest", "sftp"] {
        checkout.file(&format!("infra/compose.backup-{kind}.yaml"), "");
    }
    let key = checkout.root().join("infra/secrets/local/backup_key");
    checkout.model["secrets"]["backup_key"] = json!({ "file": key });
    checkout.model["x-secrets"]["backup_key"] = json!({ "kind": "passphrase" });
    checkout
}

fn stored(id: &str, address: &str) -> Value {
    let mut manifest = manifest(id);
    manifest["archive"] = Value::Null;
    manifest["repository"] = json!({ "address": address, "id": "44cb5d6ada47", "added": 1_500_000 });
    for part in manifest["parts"].as_array_mut().expect("parts") {
        part["stored"] = Value::Null;
    }
    manifest
}

/// With a backup in the repository `address`.
fn with_snapshot(checkout: Checkout, address: &str) -> Checkout {
    checkout.file(&format!("backups/slipway/{ID}.json"), &stored(ID, address).to_string());
    checkout
}

#[test]
fn a_snapshot_is_made_with_a_key_of_its_own() {
    let checkout = with_repository("vault");
    let events = [json!({ "event": "step", "text": "storing in vault" }), json!({ "event": "backup", "manifest": stored(ID, "vault") })];
    let checkout = checkout.docker(AGENT, says(&events));
    assert_snapshot!("made", checkout.run(["backup"]).success());
    let key = std::fs::read_to_string(checkout.root().join("infra/secrets/local/backup_key")).expect("made");
    assert_eq!(key.trim().len(), 48);
    assert!(checkout.root().join("vault").is_dir());
    let made: Value = serde_json::from_str(&checkout.run(["backup", "--json"]).success().stdout).expect("JSON");
    assert_eq!((&made["repository"], &made["snapshot"], &made["bytes"]), (&json!("vault"), &json!("44cb5d6ada47"), &json!(1_500_000)));
    // It was not read again.
    assert!(!checkout.root().join(format!("backups/slipway/{ID}.verified")).exists());
}

#[test]
fn a_directory_is_mounted_and_an_address_is_not() {
    for (repository, mounted) in [("vault", true), ("/srv/vault", true), ("s3:https://s3.example.com/bucket", false)] {
        let checkout = with_repository(repository);
        let outcome = checkout.run(["backup", "--dry-run"]).success();
        assert_eq!(outcome.mutations(), [""; 0]);
        let mount = outcome.stdout.contains(":/repository ");
        let files =
            ["repository", "remote", "s3", "sftp"].map(|kind| outcome.stdout.contains(&format!("infra/compose.backup-{kind}.yaml")));
        assert_eq!((mount, files), (mounted, [true, !mounted, !mounted, false]), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("bucket"), "{}", outcome.stdout);
        assert!(!checkout.root().join("vault").exists(), "nothing is made");
    }
}

#[test]
fn a_wrong_repository_is_refused_with_its_line() {
    assert_snapshot!("unknown_kind", with_repository("b2:bucket").run(["backup"]));
    assert_snapshot!("password", with_repository("rest:https://user:hunter2@host/").run(["backup"]));
}

#[test]
fn snapshots_are_listed_and_shown() {
    let checkout = with_snapshot(with_repository("vault"), "vault");
    checkout.file("infra/secrets/local/backup_key", "anchor chain anchor chain anchor chain anchor 1\n");
    assert_snapshot!("list", checkout.run(["backup", "list"]).success().stdout);
    assert_snapshot!("list_json", checkout.run(["backup", "list", "--json"]).success().stdout);
    assert_snapshot!("show", checkout.run(["backup", "show"]).success().stdout);
    let checkout = checkout.docker(AGENT, says(&[json!({ "event": "done", "parts": [] })]));
    assert_snapshot!("list_remote", checkout.run(["backup", "list", "--remote"]).success());
    assert_snapshot!("nothing_to_ask", running().run(["backup", "list", "--remote"]));
}

#[test]
fn a_snapshot_of_another_repository_is_out_of_reach() {
    let checkout = with_snapshot(with_repository("vault"), "/mnt/old");
    assert_snapshot!("elsewhere", checkout.run(["restore", "--yes"]));
    assert_snapshot!("verify_elsewhere", checkout.run(["backup", "verify"]));
    assert_snapshot!("nowhere", with_snapshot(running(), "/mnt/old").run(["restore", "--yes"]));
    checkout.file("backups/slipway/20261122T000000Z.json", &stored("20261122T000000Z", "vault").to_string());
    assert_snapshot!("prune_elsewhere", checkout.run(["backup", "prune", "--keep-last", "1", "--yes"]));
    assert_eq!(std::fs::read_dir(checkout.root().join("backups/slipway")).expect("there").count(), 2);
}

#[test]
fn the_key_is_kept_when_others_are_rotated() {
    let checkout = with_repository("vault");
    assert_snapshot!("init", checkout.run(["secrets", "init"]).success().stdout);
    let key = || std::fs::read_to_string(checkout.root().join("infra/secrets/local/backup_key")).expect("there");
    let before = key();
    assert_snapshot!("rotate_without_a_value", checkout.run(["secrets", "rotate", "backup_key", "--yes"]));
    assert_eq!(key(), before);
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    for (repository, said) in [
        ("other", "which is not empty, and no repository"),
        ("other/note", "which is no directory"),
        (".", "which has the directory of backups in it"),
        ("backups", "which has the directory of backups in it"),
        ("/", "which has the directory of backups in it"),
        ("/usr", "which is not empty, and no repository"),
    ] {
        let checkout = with_repository(repository);
        checkout.file("other/note", "mine");
        let outcome = checkout.run(["backup"]);
        assert_eq!((outcome.code, outcome.mutations().len()), (Some(1), 0), "{repository}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(said) && outcome.stderr.contains("name an empty directory"), "{repository}: {}", outcome.stderr);
    }
    // One that is a repository is used.
    let checkout = with_repository("other");
    checkout.file("other/config", "");
    checkout.file("other/keys/1", "");
    checkout.run(["backup", "--dry-run"]).success();
}

#[test]
fn a_lost_key_is_not_replaced_by_another() {
    let checkout = with_snapshot(with_repository("vault"), "vault");
    for command in [["backup", "verify"], ["secrets", "init"]] {
        assert_snapshot!("lost_key", checkout.run(command));
    }
    assert!(!checkout.root().join("infra/secrets/local/backup_key").exists());
}
