//! What is refused, in its words, and what is not.

use serde_json::json;

use super::*;

/// One problem of each kind.
pub(in crate::model) fn refused() -> Vec<Problem> {
    problems(&serde_json::from_str(include_str!("refused.json")).expect("JSON"), |_| false)
}

fn of_service(service: Value) -> Vec<String> {
    let model = json!({ "name": "slipway", "services": { "web": service } });
    problems(&model, |image| image == "here:1").into_iter().map(|problem| problem.path).collect()
}

#[test]
fn each_refusal_names_attribute_reason_and_fix() {
    let lines: Vec<String> = refused().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_compose_prints_for_an_attribute_without_a_value_is_not_refused() {
    let service = json!({ "image": "here:1", "container_name": "", "models": {},
        "post_start": [], "pre_stop": null, "use_api_socket": false, "network_mode": "host", "ports": [], "pull_policy": "missing" });
    assert_eq!(of_service(service), [""; 0]);
}

#[test]
fn an_image_on_the_engine_needs_no_pull() {
    for (image, expected) in [("here:1", vec![]), ("away:1", vec!["services.web.platform", "services.web.pull_policy"])] {
        assert_eq!(of_service(json!({ "image": image, "platform": "linux/arm64", "pull_policy": "never" })), expected, "{image}");
    }
    assert_eq!(problems(&json!({ "services": { "web": { "image": "a", "pull_policy": "never" } } }), |image| image == "a:latest"), []);
    let built = json!({ "image": "away:1", "build": { "context": "." }, "platform": "linux/arm64", "pull_policy": "never" });
    assert_eq!(of_service(built), [""; 0], "it is built here");
    for policy in ["daily", "every_12h", "refresh", "weekly"] {
        assert_eq!(of_service(json!({ "image": "here:1", "pull_policy": policy })), ["services.web.pull_policy"], "{policy}");
    }
}

#[test]
fn volumes_and_networks_of_others_are_used_where_no_restore_writes_to_them() {
    let model = |kind: &str| {
        json!({ "name": "slipway", "services": {},
            "networks": { "edge": { "name": "slipway_edge" }, "office": { "name": "office", "external": true } },
            "volumes": { "data": { "name": "slipway_data" }, "maps": { "name": "maps", "external": true } },
            "x-backup": { "geography": { "kind": kind, "volume": "maps" } } })
    };
    assert_eq!(problems(&model("none"), |_| true), []);
    let paths: Vec<String> = problems(&model("files"), |_| true).into_iter().map(|problem| problem.path).collect();
    assert_eq!(paths, ["volumes.maps.external"]);
}

#[test]
fn a_secret_and_a_config_are_files() {
    let model = json!({ "name": "slipway", "services": {}, "secrets": { "a": { "name": "slipway_a", "file": "/a" } }, "configs": { "b": { "file": "/b" } } });
    assert_eq!(problems(&model, |_| true), []);
}

#[test]
fn the_name_of_another_instance_is_not_ours() {
    let ours = |name: &str| has_word(name, "slipway-a");
    assert!(["slipway-a_data", "slipway-a", "backup.slipway-a-data"].into_iter().all(ours));
    assert!(!["slipway-ab_data", "slipway-a2", "myslipway-a", "data"].into_iter().any(ours));
}
