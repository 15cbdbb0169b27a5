//! `up` that fails: who, why, who waited and since when, the last words, and the next command.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::{Checkout, Reply};

#[test]
fn a_failed_migration_starts_nothing_that_uses_the_schema() {
    let log = "applying 20260101000000_begin\nerror: relation \"tasks\" already exists\n";
    let checkout = Checkout::new().behaves("migrate", "after redis health_status: healthy\nexit 1").logs("migrate", log);
    let outcome = checkout.run(["up"]);
    let mut starts = outcome.starts();
    starts.sort_unstable();
    assert_eq!(starts, ["db", "frontend", "migrate", "redis"], "neither backend nor proxy");
    assert_snapshot!(outcome);
}

#[test]
fn an_unhealthy_database_shows_its_last_check() {
    let checkout = Checkout::new()
        .behaves("frontend", "healthy")
        .behaves("db", "after redis health_status: healthy\nunhealthy")
        .check("db", "127.0.0.1:5432 - no response\n")
        .logs("db", "FATAL: data directory has wrong ownership\n");
    assert_snapshot!(checkout.behaves("redis", "after frontend health_status: healthy\nhealthy").run(["up"]));
}

#[test]
fn a_service_that_exits_is_named_with_its_code() {
    let checkout = Checkout::new().behaves("redis", "after frontend health_status: healthy\nexit 137");
    assert_snapshot!(checkout.run(["up"]));
}

/// What it wrote and its name are others' words: no terminal obeys them.
#[test]
fn what_a_failed_service_wrote_is_harmless() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m \u{202e}txt\rx \u{1b}[31mred";
    let checkout = Checkout::new().only(&["db"]).behaves("db", "unhealthy").logs("db", &format!("{evil}\n")).check("db", evil);
    let outcome = checkout.run(["up"]);
    assert!(!outcome.stderr.contains(|c: char| c.is_control() && c != '\n') && !outcome.stderr.contains('\u{202e}'), "{outcome}");
    assert_eq!(outcome.stderr.matches(r"\x1b]0;owned\x07\x1b[2J\u009b31m \u202etxt\rx red").count(), 2, "{outcome}");
    let status = checkout.run(["status"]).success().stdout;
    assert!(status.contains(r"\x1b]0;owned") && !status.contains(|c: char| c.is_control() && c != '\n'), "{status}");
    let json = checkout.run(["status", "--json"]).success().stdout;
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["services"][0]["last_check"]["output"], evil);
}

#[test]
fn a_log_that_is_elsewhere_is_no_evidence() {
    let checkout = Checkout::new().only(&["db"]).behaves("db", "exit 1").logs_elsewhere("db", "none");
    assert_snapshot!(checkout.run(["up"]));
}

#[test]
fn a_refusal_of_the_engine_is_shown() {
    let reason = "Error response from daemon: driver failed programming external connectivity: Bind for 127.0.0.1:8080 failed: port is already allocated";
    // The client ends with a line of its own that says nothing.
    let checkout = Checkout::new().behaves("proxy", &format!("refuse {reason}\\nError: failed to start containers: c-slipway-proxy"));
    let outcome = checkout.run(["up"]);
    assert_eq!(outcome.starts().last(), Some(&"proxy"));
    assert_snapshot!(outcome);
}

#[test]
fn a_late_start_names_what_is_not_ready() {
    let checkout = Checkout::new()
        .behaves("frontend", "healthy")
        .behaves("redis", "after frontend health_status: healthy\nhealthy")
        .behaves("db", "after redis health_status: healthy\nstarting")
        .check("db", "127.0.0.1:5432 - no response\n")
        .logs("db", "LOG: database system is starting up\n");
    assert_snapshot!(checkout.run(["up", "--timeout", "1"]));
}

#[test]
fn compose_that_cannot_create_is_shown() {
    let reason = "Error response from daemon: No such image: postgres:17\n";
    let checkout = Checkout::new().docker("compose* create *", Reply::fails(1, reason));
    let outcome = checkout.run(["up"]);
    assert_eq!(outcome.starts(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn addresses_that_another_network_has_are_named() {
    let reason = "failed to create network slipway_edge: Error response from daemon: Pool overlaps with other one on this address space\n";
    let outcome = Checkout::new().docker("compose* create *", Reply::fails(1, reason)).run(["up"]);
    assert!(outcome.stderr.contains("hint: another network has addresses of `networks.*.ipam`"), "{outcome}");
}

#[test]
fn an_orchestration_file_that_compose_refuses_is_shown() {
    let reason = "validating infra/compose.yaml: services.db Additional property imgae is not allowed\n";
    let outcome = Checkout::new().docker("compose* config *", Reply::fails(15, reason)).run(["up"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn a_start_goes_on_where_it_failed() {
    let checkout = Checkout::new().behaves("migrate", "after redis health_status: healthy\nexit 1");
    assert_eq!(checkout.run(["up"]).code, Some(1));
    let outcome = checkout.behaves("migrate", "exit 0").run(["up"]).success();
    assert!(!outcome.starts().contains(&"db"), "what ran went on running: {:?}", outcome.starts());
    assert_eq!(outcome.starts().last(), Some(&"proxy"));
}

#[test]
fn a_volume_that_was_removed_is_named_before_an_empty_one_takes_its_place() {
    let mut checkout = Checkout::new();
    checkout.model["volumes"] = json!({ "data": { "name": "slipway_data" } });
    checkout.run(["up"]).success();
    checkout.run(["down"]).success();
    checkout.lose_volume("slipway_data");
    let said = checkout.run(["up"]).success().stderr;
    assert!(said.starts_with("warning: removed since the last start, with their data: slipway_data; they begin empty"), "{said}");
    checkout.run(["down"]).success();
    assert!(!checkout.run(["up"]).success().stderr.contains("warning"), "it is there again");

    // Where people have their data a start with an empty volume has to be asked for.
    checkout.run(["down"]).success();
    checkout.lose_volume("slipway_data");
    let text = "compose.profiles = []\nbuild.profile = \"dev\"\nsecrets.generate = false\nguard.enabled = false\n";
    checkout.file("infra/env/local.toml", &format!("{text}[proxy]\nport = {}\nport_fallback = true\n", checkout.port));
    assert_snapshot!("removed_volume", checkout.run(["up"]));
    std::fs::remove_file(checkout.root().join("target/slipway.volumes")).expect("removed");
    checkout.run(["up"]).success();
    // Removed on purpose.
    checkout.run(["clean", "--yes"]).success();
    assert!(!checkout.run(["up"]).success().stderr.contains("removed since"));
}
