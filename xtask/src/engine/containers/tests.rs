//! Containers as the engine describes them, and one to try other things with.

use super::*;

/// A container of `service` in `status` with `health`.
pub(crate) fn sample(service: &str, status: &str, health: Option<&str>) -> Container {
    let health = health.map(|health| serde_json::json!({ "Status": health, "Log": [{ "Start": "2026-01-01T00:00:00Z", "End": "2026-01-01T00:00:01.5Z", "ExitCode": 0, "Output": "ok\n" }] }));
    let json = serde_json::json!([{
        "Id": format!("id-{service}"), "Name": format!("/slipway-{service}-1"), "Image": "sha256:1", "Created": "2026-01-01T00:00:00Z", "RestartCount": 2,
        "State": { "Status": status, "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00.25Z", "FinishedAt": "0001-01-01T00:00:00Z", "Health": health },
        "Config": { "Image": format!("image-{service}"), "Labels": { "com.docker.compose.service": service, "com.docker.compose.config-hash": "h" } },
        "HostConfig": { "Memory": 1024, "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8080" }] } },
        "NetworkSettings": { "Ports": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "8080" }], "443/tcp": null } }
    }]);
    parse(&json.to_string()).expect("valid").remove(0)
}

impl Container {
    /// The same as number `number` of its service.
    pub(crate) fn numbered(mut self, number: u32) -> Self {
        let labels = self.config.labels.get_or_insert_default();
        labels.insert("com.docker.compose.container-number".to_owned(), number.to_string());
        let service = self.service().to_owned();
        (self.id, self.name) = (format!("id-{service}-{number}"), format!("/slipway-{service}-{number}"));
        self
    }

    /// The same with this restart policy.
    pub(crate) fn with_restart(mut self, policy: &str) -> Self {
        policy.clone_into(&mut self.host_config.restart_policy.name);
        self
    }

    /// The same from an image that checks its health.
    pub(crate) fn with_check(mut self) -> Self {
        self.config.healthcheck = Some(Healthcheck { test: Some(vec!["CMD".to_owned(), "true".to_owned()]) });
        self
    }

    /// The same in these networks.
    pub(crate) fn with_networks(mut self, names: &[&str]) -> Self {
        self.network_settings.networks = Some(names.iter().map(|name| ((*name).to_owned(), serde::de::IgnoredAny)).collect());
        self
    }
}

#[test]
fn inspect_is_read() {
    let container = sample("proxy", "running", Some("healthy"));
    assert_eq!((container.name(), container.service(), container.health()), ("slipway-proxy-1", "proxy", Some("healthy")));
    assert_eq!((container.host_ports(), container.configured_port(80), container.configured_port(443)), (vec![8080], Some(8080), None));
    assert_eq!(container.published().into_iter().collect::<Vec<_>>(), [(8080, "80/tcp")]);
    assert_eq!(container.last_check().map(|check| check.output.as_str()), Some("ok\n"));
}

#[test]
fn a_health_check_that_is_turned_off_is_none() {
    let check = |test: &str| {
        let mut container = sample("db", "running", None);
        container.config.healthcheck = serde_json::from_str(test).expect("valid");
        container.checked()
    };
    let tests = [r#"{"Test":["CMD-SHELL","true"]}"#, r#"{"Test":["NONE"]}"#, r#"{"Test":null,"Interval":5}"#, r#"{"Test":[]}"#, "null"];
    assert_eq!(tests.map(check), [true, false, false, false, false]);
}

#[test]
fn health_is_of_running_containers_only() {
    assert_eq!(sample("db", "exited", Some("healthy")).health(), None);
    assert!(sample("migrate", "exited", None).completed());
}

#[test]
fn a_container_that_somebody_runs_from_an_image_of_ours_is_no_service() {
    let mut container = sample("proxy", "running", None);
    assert!(container.of_service());
    // The image brings the labels for project and service, but nothing that Compose says about a container.
    container.config.labels.as_mut().and_then(|labels| labels.remove("com.docker.compose.config-hash"));
    assert!(!container.of_service());
}
