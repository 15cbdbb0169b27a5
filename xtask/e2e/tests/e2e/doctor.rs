//! `doctor` against the real engine: nothing wrong where nothing is, what breaks is found, and a file for a bug report has no secret in it (R9).

use serde_json::Value;

use crate::harness::{Stack, alone, shared};

fn checks(stack: &Stack) -> Vec<Value> {
    let outcome = stack.xtask(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("no report ({error}): {outcome:?}"));
    let checks = report["checks"].as_array().unwrap().clone();
    assert_eq!(outcome.code, i32::from(checks.iter().any(|check| check["ok"] == false)), "{outcome:?}");
    checks
}

/// What is wrong, and how it is mended.
fn failures(checks: &[Value]) -> Vec<String> {
    let failed = checks.iter().filter(|check| check["ok"] == false);
    failed.map(|check| format!("{}: {} ({})", check["name"], check["detail"], check["fix"])).collect()
}

#[tokio::test]
async fn nothing_is_wrong_where_nothing_is() {
    let (mut stack, _turn) = alone().await;
    // Tests before this one ended services; a start by hand counts restarts anew.
    stack.xtask(&["restart"]).good();
    stack.find_again();
    let checks = checks(&stack);
    assert_eq!(failures(&checks), [""; 0]);
    assert!(checks.len() >= 25, "{}", checks.len());
    for name in ["clock", "outdated-images", "migrations", "container-dns", "restarts"] {
        assert!(checks.iter().any(|check| check["name"] == name && check["known"] == true), "{name} in {checks:?}");
    }
}

#[tokio::test]
async fn what_breaks_is_found() {
    let (stack, _turn) = alone().await;
    stack.docker(&["pause", &stack.container("worker")]).good();
    stack.query("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations) RETURNING version");
    let broken = checks(&stack);
    stack.docker(&["unpause", &stack.container("worker")]).good();
    // What is applied twice does nothing where it was written so; the row is what was taken.
    stack.xtask(&["migrate", "status"]);
    let names: Vec<&str> = broken.iter().filter(|check| check["ok"] == false).filter_map(|check| check["name"].as_str()).collect();
    assert!(names.contains(&"stack") && names.contains(&"migrations"), "{:?}", failures(&broken));
}
