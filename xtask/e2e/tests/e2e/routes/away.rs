//! What visitors see while an application is away, and that nothing else falls over with it.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use super::headers::assert_protected;
use crate::harness::{Stack, alone, eventually};

/// How long something may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes again what a test removed, also when the test fails: the others need it.
struct Restored<'a>(&'a Stack);

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        let outcome = self.0.xtask(&["up"]);
        assert!(outcome.code == 0 || std::thread::panicking(), "the stack does not come back: {}", outcome.stderr);
    }
}

/// What changes when a container is restarted or made anew.
fn life(stack: &Stack, service: &str) -> [Value; 3] {
    let container = stack.inspect(service);
    [container["Id"].clone(), container["State"]["StartedAt"].clone(), container["RestartCount"].clone()]
}

/// Waits until a health check of `service` that began after `moment` has passed.
async fn passes_a_check(stack: &Stack, service: &str, moment: &str) {
    eventually(&format!("a later check of {service}"), PATIENCE, || async {
        let health = stack.inspect(service)["State"]["Health"].clone();
        let last = health["Log"].as_array().and_then(|log| log.last()).cloned().unwrap_or_default();
        ensure!(last["Start"].as_str().is_some_and(|start| start > moment), "the last one was before");
        assert_eq!((&last["ExitCode"], &health["Status"]), (&0.into(), &"healthy".into()), "{service}: {health}");
        Ok(())
    })
    .await;
}

/// Waits until `path` answers.
async fn answers(stack: &Stack, path: &str) {
    eventually(&format!("`{path}` answers"), PATIENCE, || async {
        let status = stack.get(path).await.status;
        ensure!(status == 200, "{status}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn without_the_backend_everybody_is_told_and_nothing_restarts() {
    let (stack, _turn) = alone().await;
    let before = ["proxy", "frontend"].map(|service| life(&stack, service));
    let backend = stack.stop("backend");
    let stopped = stack.inspect("backend")["State"]["FinishedAt"].as_str().unwrap().to_owned();

    let answer = stack.get("/api/v1/tasks").await.with(503).problem();
    assert_protected(&answer);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(answer.header("cache-control"), "no-store");
    let page = stack.get("/").await.with(503).page("Slipway");
    assert_protected(&page);
    assert!(page.header("retry-after").parse::<u32>().unwrap() > 0);
    let admin = stack.get("/admin/").await.with(503).page("away for a moment");
    assert_protected(&admin);
    let report = stack.get("/health/upstreams").await.with(503);
    assert_protected(&report);
    assert_eq!(report.json()["upstreams"], serde_json::json!({ "frontend": "ok", "backend": "away" }));
    stack.get("/health").await.with(200);

    for service in ["proxy", "frontend"] {
        passes_a_check(&stack, service, &stopped).await;
    }
    backend.start();
    answers(&stack, "/api/v1/tasks").await;
    assert_eq!(["proxy", "frontend"].map(|service| life(&stack, service)), before);
}

#[tokio::test]
async fn without_the_frontend_there_is_a_page_and_the_api_goes_on() {
    let (stack, _turn) = alone().await;
    let asset = stack.get("/").await.body.split('"').find(|word| word.starts_with("/static/")).unwrap().to_owned();
    stack.get(&asset).await.with(200);
    let frontend = stack.stop("frontend");
    let page = stack.get("/").await.with(503).page("Slipway is away for a moment");
    assert_protected(&page);
    assert_eq!(page.header("retry-after"), "5");
    assert_eq!(page.header("cache-control"), "no-store");
    // The page's own style comes from the proxy, and what was sent before from its cache.
    stack.get("/_pages/page.css").await.with(200);
    stack.get(&asset).await.with(200);
    stack.get("/api/v1/tasks").await.with(200);
    let report = stack.get("/health/upstreams").await.with(503);
    assert_eq!(report.json()["upstreams"], serde_json::json!({ "frontend": "away", "backend": "ok" }));
    frontend.start();
    answers(&stack, "/").await;
}

#[tokio::test]
async fn a_backend_without_its_database_is_unready_but_not_ill() {
    let (stack, _turn) = alone().await;
    let before = ["proxy", "frontend", "backend"].map(|service| life(&stack, service));
    let db = stack.stop("db");
    let stopped = stack.inspect("db")["State"]["FinishedAt"].as_str().unwrap().to_owned();
    let answer = stack.get("/api/v1/tasks").await.with(503).problem();
    assert!(answer.json()["detail"].as_str().unwrap().contains("database"), "{answer:#?}");
    let ready = stack.get("/api/v1/health/ready").await.with(503).json();
    assert_eq!((&ready["checks"]["database"]["ok"], &ready["checks"]["redis"]["ok"]), (&false.into(), &true.into()));
    assert_eq!(stack.get("/health/upstreams").await.with(503).json()["upstreams"]["backend"], "unready");
    for service in ["proxy", "frontend", "backend"] {
        passes_a_check(&stack, service, &stopped).await;
    }
    db.start();
    answers(&stack, "/api/v1/tasks").await;
    assert_eq!(["proxy", "frontend", "backend"].map(|service| life(&stack, service)), before);
}

/// A container that takes an address in the stack's network, so that the next one gets another.
struct Placeholder<'a>(&'a Stack, String);

impl Drop for Placeholder<'_> {
    fn drop(&mut self) {
        self.0.docker(&["rm", "--force", &self.1]);
    }
}

#[tokio::test]
async fn a_backend_with_another_address_gets_traffic_without_a_restart_of_the_proxy() {
    let (stack, _turn) = alone().await;
    let network = format!("{}_app", stack.project);
    let address = || stack.inspect("backend")["NetworkSettings"]["Networks"][&network]["IPAddress"].as_str().unwrap().to_owned();
    let (before, old) = (life(&stack, "proxy"), address());
    stack.get("/api/v1/tasks").await.with(200);
    let image = stack.inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned();
    let restored = Restored(&stack);
    stack.docker(&["rm", "--force", &stack.container("backend")]).good();
    let placeholder = Placeholder(&stack, format!("{}-placeholder", stack.project));
    let sleep = ["run", "--detach", "--name", &placeholder.1, "--network", &network, "--entrypoint", "sleep", &image, "600"];
    stack.docker(&sleep).good();
    drop(restored);
    assert_ne!(address(), old, "the test needs another address");
    answers(&stack, "/api/v1/tasks").await;
    assert_eq!(life(&stack, "proxy"), before);
}
