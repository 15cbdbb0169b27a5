//! `status` and `top`: what runs, for people and for programs.

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::{Checkout, Outcome, Reply, Target};

fn running() -> Checkout {
    let checkout = Checkout::new().check("db", "127.0.0.1:5432 - accepting connections\n");
    checkout.run(["up"]).success();
    checkout
}

/// The text without ages, which the clock decides.
fn timeless(outcome: &Outcome) -> String {
    let age = regex_lite::Regex::new(r"\b\d+d +").expect("a rule");
    age.replace_all(&outcome.to_string(), "[AGE]  ").into_owned()
}

fn service<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["services"].as_array().and_then(|all| all.iter().find(|service| service["name"] == name)).expect("a service")
}

fn json(outcome: &Outcome) -> Value {
    parse(&outcome.stdout)
}

/// The text has a name in the place of a port.
fn parse(text: &str) -> Value {
    serde_json::from_str(&text.replace("[PORT]", "8080")).expect("JSON")
}

#[test]
fn json_is_the_whole_product() {
    let outcome = running().run(["status", "--json"]).success();
    let report = json(&outcome);
    assert_eq!((&report["schema"], report["services"].as_array().map(Vec::len)), (&1.into(), Some(6)));
    assert_eq!((&report["well"], &report["guard"]), (&true.into(), &"off".into()));
    let db = service(&report, "db");
    assert_eq!((&db["cpu_percent"], &db["memory_bytes"]), (&1.5.into(), &30_932_992.into()));
    assert_eq!(outcome.stderr, "");
}

#[test]
fn every_service_has_a_line() {
    let outcome = running().run(["status"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(timeless(&outcome));
}

#[test]
fn what_is_not_well_comes_with_the_next_command() {
    let checkout = running();
    checkout.kill("redis");
    let containers = checkout.run(["status", "--json"]);
    assert_eq!((containers.code, &json(&containers)["well"]), (Some(0), &false.into()));
    let redis = json(&containers);
    let redis = service(&redis, "redis");
    assert_eq!(
        (&redis["exit_code"], &redis["next"]),
        (&137.into(), &"`cargo xtask logs redis --tail 50` says why; `cargo xtask up` starts it".into())
    );
    assert_snapshot!(timeless(&checkout.run(["status"])));
}

#[test]
fn the_guard_is_missed_where_it_is_wanted_and_its_restarts_are_told() {
    let checkout = running();
    checkout.file("infra/env/local.override.toml", "guard.enabled = true\n");
    checkout.file("target/slipway.guard.log", "2026-01-01T00:00:05Z backend is unhealthy and is restarted: no answer\n");
    let report = json(&checkout.run(["status", "--json"]).success());
    assert_eq!(report["guard"], "missing");
    let backend = service(&report, "backend");
    assert_eq!((&backend["restarts"], &backend["guard_restarts"]), (&0.into(), &1.into()));
    assert_eq!(backend["last_restart"]["why"], "its health check failed: no answer");
    let text = checkout.run(["status"]).success().stdout;
    assert!(text.contains("guard: it does not run") && text.contains("  `cargo xtask up` starts it"), "{text}");
}

#[test]
fn a_service_without_a_container_is_named() {
    let mut checkout = running();
    checkout.model["services"]["extra"] = serde_json::json!({ "image": "extra:1" });
    checkout.idle_service("extra");
    let report = json(&checkout.run(["status", "--json"]).success());
    let extra = service(&report, "extra");
    assert_eq!((&extra["state"], &extra["problem"]), (&"absent".into(), &"it was never started".into()));
}

#[test]
fn files_that_cannot_be_read_do_not_hide_what_runs() {
    let checkout = running().docker("*config --format json", Reply::fails(15, "yaml: line 3: mapping values are not allowed here\n"));
    let outcome = checkout.run(["status", "--json"]).success();
    assert_eq!(json(&outcome)["services"].as_array().map(Vec::len), Some(6));
    assert_snapshot!(outcome.stderr);
}

#[test]
fn watching_shows_each_change_and_ends_with_ctrl_c() {
    let checkout = running().behaves("redis", "healthy");
    let watch = checkout.start(["status", "--watch", "--json"]).until_output("\"schema\":1");
    checkout.start(["restart", "redis"]).finish().success();
    // Whatever was seen in between, its second run is a change.
    let outcome = watch.until_output("00:00:02Z").signal("INT", Target::Group).finish().success();
    assert_eq!(outcome.stderr, "");
    let reports: Vec<Value> = outcome.stdout.lines().map(parse).collect();
    let since = |report: &Value| service(report, "redis")["since"].clone();
    assert_eq!(reports.first().map(since), Some("2026-01-01T00:00:01Z".into()));
    assert_eq!(reports.last().map(since), Some("2026-01-01T00:00:02Z".into()));
    assert!(reports.iter().all(|report| report["schema"] == 1), "{outcome}");
}

#[test]
fn watching_without_a_terminal_prints_a_block_for_each_change() {
    let checkout = Checkout::new();
    let watch = checkout.start(["status", "--watch"]).until_output("slipway is not running");
    checkout.start(["up"]).finish().success();
    let outcome = watch.until_output("proxy     healthy").signal("INT", Target::Process).finish().success();
    assert!(outcome.stdout.contains("\n\nslipway, environment local\n") && !outcome.stdout.contains('\u{1b}'), "{outcome}");
}

#[test]
fn an_engine_that_does_not_answer_is_the_reason() {
    let checkout = running().docker("version *", Reply::fails(1, "Cannot connect to the Docker daemon\n"));
    let checkout = checkout.docker("ps *", Reply::fails(1, "Cannot connect to the Docker daemon\n"));
    let outcome = checkout.run(["status"]);
    assert!(outcome.code == Some(1) && outcome.stderr.starts_with("error: the Docker engine does not answer"), "{outcome}");
}

#[test]
fn top_shows_it_once_where_there_is_no_terminal() {
    let checkout = running().docker("stats *", Reply::says("backend\n"));
    let outcome = checkout.run(["top"]).success();
    assert_eq!(outcome.stdout, "backend\n");
    assert!(outcome.log.iter().any(|line| line.starts_with("call stats") && line.contains(" --no-stream")), "{:?}", outcome.log);
}

#[test]
fn nothing_runs() {
    assert_snapshot!(Checkout::new().run(["status"]));
    assert_snapshot!("nothing_runs_for_top", Checkout::new().run(["top"]));
}
