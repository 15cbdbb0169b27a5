//! Who can reach what, and what a container may do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Stack, eventually, shared};

/// Those that keep running in every environment.
const LONG_RUNNING: [&str; 6] = ["proxy", "frontend", "backend", "worker", "db", "redis"];

/// Those of the profile `observability`.
const OBSERVING: [&str; 2] = ["prometheus", "node-exporter"];

/// What listens in the stack, with the port.
const LISTENERS: [(&str, u16); 9] = [
    ("proxy", 80),
    ("frontend", 3000),
    ("backend", 8000),
    ("worker", 9000),
    ("db", 5432),
    ("redis", 6379),
    ("mail", 1025),
    ("prometheus", 9090),
    ("node-exporter", 9100),
];

/// How long the engine may take to have its rules in order.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The services that a program in the container of `from` can open a TCP connection to. Each is tried by name and by every address that it has in any
/// network, so that nothing but the networks keeps them apart; where one way works, it is reached. Nothing in the stack takes two seconds to accept.
fn reached(stack: &Stack, from: &str) -> BTreeSet<String> {
    let targets = LISTENERS.iter().filter(|(service, _)| *service != from).flat_map(|(service, port)| {
        let hosts = addresses(stack, service).into_iter().chain([(*service).to_owned()]);
        hosts.map(move |host| format!("{service} {host} {port}"))
    });
    let targets: Vec<String> = targets.collect();
    let script = r#"for target; do set -- $target; (timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null && echo "$1") & done; wait"#;
    let outcome = stack.beside(from, script, &targets.iter().map(String::as_str).collect::<Vec<_>>()).good();
    outcome.stdout.lines().map(str::to_owned).collect()
}

/// The addresses of `service` in all its networks.
fn addresses(stack: &Stack, service: &str) -> Vec<String> {
    let networks = stack.inspect(service)["NetworkSettings"]["Networks"].as_object().unwrap().clone();
    networks.values().map(|network| network["IPAddress"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_container_reaches_what_it_needs_and_nothing_else() {
    let (stack, _turn) = shared().await;
    let expected = [
        // The pages of Prometheus are shown to the browser of the tests, which is where the proxy is.
        ("proxy", &["backend", "frontend", "mail", "prometheus"][..]),
        ("frontend", &["backend", "mail", "proxy"]),
        ("backend", &["db", "frontend", "mail", "node-exporter", "prometheus", "proxy", "redis", "worker"]),
        ("worker", &["backend", "db", "mail", "node-exporter", "prometheus", "redis"]),
        ("db", &["backend", "mail", "node-exporter", "prometheus", "redis", "worker"]),
        ("redis", &["backend", "db", "mail", "node-exporter", "prometheus", "worker"]),
        ("prometheus", &["backend", "db", "mail", "node-exporter", "proxy", "redis", "worker"]),
    ];
    let stack = &stack;
    let expected: Vec<_> = expected.iter().map(|(from, names)| (*from, names.iter().map(ToString::to_string).collect())).collect();
    // While networks of other tests come and go, the engine arranges its rules anew, and for a moment there are none.
    eventually("the networks keep apart what they should", PATIENCE, || async {
        let found: Vec<(&str, BTreeSet<String>)> = std::thread::scope(|scope| {
            let asked: Vec<_> = expected.iter().map(|(from, _)| (*from, scope.spawn(move || reached(stack, from)))).collect();
            asked.into_iter().map(|(from, found)| (from, found.join().unwrap())).collect()
        });
        anyhow::ensure!(found == expected, "{found:?}, and not {expected:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn each_service_is_in_the_networks_it_needs_and_the_data_has_no_way_out() {
    let (stack, _turn) = shared().await;
    let networks = |service: &str| -> BTreeSet<String> {
        let networks = stack.inspect(service)["NetworkSettings"]["Networks"].as_object().unwrap().clone();
        networks.keys().map(|name| name.trim_start_matches(&format!("{}_", stack.project)).to_owned()).collect()
    };
    let expected = [
        ("proxy", &["app", "edge"][..]),
        ("frontend", &["app"]),
        ("backend", &["app", "data"]),
        ("worker", &["data"]),
        // The tests on the host reach these through a network that only the test environment has.
        ("db", &["data", "test-access"]),
        ("redis", &["data", "test-access"]),
        // The worker sends to it, the proxy shows it where there are developers.
        ("mail", &["app", "data"]),
        // The browser looks at its pages.
        ("prometheus", &["data", "edge"]),
        ("node-exporter", &["data"]),
        ("checks", &["edge"]),
    ];
    for (service, names) in expected {
        assert_eq!(networks(service), names.iter().map(ToString::to_string).collect(), "{service}");
    }
    let internal = stack.docker(&["network", "inspect", "--format", "{{.Internal}}", &format!("{}_data", stack.project)]);
    assert_eq!(internal.good().stdout.trim(), "true");
    let routes = stack.beside("worker", "echo \"$(</proc/net/route)\"", &[]).good().stdout;
    let destinations: Vec<&str> = routes.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(!destinations.is_empty() && !destinations.contains(&"00000000"), "the worker has a way out:\n{routes}");
}

#[tokio::test]
async fn in_local_nothing_but_the_proxy_publishes_a_port() {
    let (stack, _turn) = shared().await;
    let files = ["compose", "--file", "infra/compose.yaml", "--file", "infra/compose.dev.yaml", "--profile", "*"];
    let outcome = stack.docker(&[&files[..], &["config", "--format", "json"]].concat()).good();
    let model: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let services = model["services"].as_object().unwrap();
    for (name, service) in services {
        let ports = service["ports"].as_array().cloned().unwrap_or_default();
        // What nothing turns on but a person who asks for it.
        let asked = service["profiles"]
            .as_array()
            .is_some_and(|profiles| profiles.iter().any(|name| name.as_str().unwrap().starts_with("expose-")));
        // The exporter comes with Prometheus, and is its alone.
        let published = name == "proxy" || asked && name != "node-exporter";
        assert_eq!(ports.len(), usize::from(published), "{name} publishes {ports:?}");
        assert!(ports.iter().all(|port| port["host_ip"] == "127.0.0.1"), "{name} is reachable from outside: {ports:?}");
        assert!(service["network_mode"].is_null(), "{name} leaves the networks of the stack");
    }
    assert!(services.len() >= 7, "{services:?}");
}

#[tokio::test]
async fn in_test_only_what_tests_need_is_published_and_to_this_machine_alone() {
    let (stack, _turn) = shared().await;
    let names = stack.docker(&["ps", "--filter", &format!("label=com.docker.compose.project={}", stack.project), "--format", "{{.Names}}"]);
    let mut published = BTreeMap::new();
    for name in names.good().stdout.lines() {
        let service = name.trim_start_matches(&format!("{}-", stack.project)).trim_end_matches("-1");
        let ports = stack.inspect(service)["NetworkSettings"]["Ports"].as_object().cloned().unwrap_or_default();
        for (port, bindings) in ports {
            for binding in bindings.as_array().into_iter().flatten() {
                assert_eq!(binding["HostIp"], "127.0.0.1", "{service} {port}");
                published.insert(service.to_owned(), port.clone());
            }
        }
    }
    let expected = [
        ("browser", "4444/tcp"),
        ("checks", "8080/tcp"),
        ("db", "5432/tcp"),
        ("mail", "8025/tcp"),
        ("prometheus", "9090/tcp"),
        ("proxy", "80/tcp"),
        ("redis", "6379/tcp"),
    ];
    assert_eq!(published, expected.map(|(service, port)| (service.to_owned(), port.to_owned())).into());
}

#[tokio::test]
async fn nothing_runs_with_more_rights_than_it_needs() {
    let (stack, _turn) = shared().await;
    for service in LONG_RUNNING.into_iter().chain(["migrate", "mail", "checks"]).chain(OBSERVING) {
        let container = stack.inspect(service);
        let (config, host) = (&container["Config"], &container["HostConfig"]);
        let user = config["User"].as_str().unwrap();
        assert!(!["", "0", "root"].contains(&user.split(':').next().unwrap()), "{service} runs as `{user}`");
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]), "{service}");
        assert!(host["CapAdd"].as_array().is_none_or(Vec::is_empty), "{service}: {}", host["CapAdd"]);
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges:true"]), "{service}");
        assert_eq!(host["Privileged"], false, "{service}");
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        let mounts = container["Mounts"].as_array().unwrap();
        assert!(mounts.iter().all(|mount| !mount["Source"].as_str().unwrap_or_default().ends_with("docker.sock")), "{service}");
    }
    // What the kernel says about the processes that run, not what was asked for.
    for service in LONG_RUNNING {
        let script = "while read -r key value _; do case $key in Uid:|CapEff:|NoNewPrivs:) echo $key $value;; esac; done </proc/1/status";
        let status = stack.beside(service, script, &[]).good().stdout;
        assert!(status.contains("CapEff: 0000000000000000") && status.contains("NoNewPrivs: 1"), "{service}:\n{status}");
        assert!(!status.contains("Uid: 0\n"), "{service} runs as root:\n{status}");
    }
    for service in LONG_RUNNING {
        let write = stack.docker(&["cp", "README.md", &format!("{}:/usr/local/bin/x", stack.container(service))]);
        assert!(write.code != 0 && write.stderr.contains("read-only"), "{service}: {write:?}");
    }
}

#[tokio::test]
async fn nothing_takes_more_than_its_share() {
    let (stack, _turn) = shared().await;
    let limits = [("proxy", 0.5, 256), ("frontend", 2.0, 512), ("backend", 2.0, 1024), ("worker", 1.0, 512), ("migrate", 1.0, 256)];
    for (service, processors, megabytes) in limits.into_iter().chain([
        ("db", 1.0, 1024),
        ("redis", 0.5, 256),
        ("mail", 0.5, 128),
        ("prometheus", 1.0, 512),
        ("node-exporter", 0.2, 64),
    ]) {
        let host = &stack.inspect(service)["HostConfig"];
        assert_eq!(host["NanoCpus"].as_f64(), Some(processors * 1e9), "{service}");
        assert_eq!(host["Memory"].as_u64(), Some(megabytes << 20), "{service}");
        assert_eq!(host["LogConfig"]["Type"], "json-file", "{service}");
        assert_eq!(host["LogConfig"]["Config"], serde_json::json!({ "max-size": "10m", "max-file": "3" }), "{service}");
    }
}

#[tokio::test]
async fn every_service_comes_back_by_itself_and_is_probed_often_while_it_starts() {
    let (stack, _turn) = shared().await;
    for service in LONG_RUNNING {
        let container = stack.inspect(service);
        assert_eq!(container["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped", "{service}");
    }
    assert_eq!(stack.inspect("migrate")["HostConfig"]["RestartPolicy"]["Name"], "no");
    for service in LONG_RUNNING.into_iter().chain(["mail", "browser", "checks"]).chain(OBSERVING) {
        let check = stack.inspect(service)["Config"]["Healthcheck"].clone();
        // Nanoseconds. Without a start period the engine does not look at the start interval.
        assert!(check["StartPeriod"].as_u64().is_some_and(|period| period > 0), "{service}: {check}");
        assert!(check["StartInterval"].as_u64().is_some_and(|interval| (1..=250_000_000).contains(&interval)), "{service}: {check}");
        assert!(check["Timeout"].as_u64().is_some_and(|timeout| timeout > 0), "{service}: {check}");
    }
}
