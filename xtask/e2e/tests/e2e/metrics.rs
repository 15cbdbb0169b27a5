//! Metrics: who can fetch them, what Prometheus makes of them, and whether somebody would notice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::browser::Scripts;
use crate::harness::checkout::Checkout;
use crate::harness::{Stack, alone, eventually, shared};
use crate::start::free_port;

/// Prometheus asks every 5 s, and a target that appears has to be found first.
const PATIENCE: Duration = Duration::from_secs(90);
/// The services that metrics are fetched of, as the jobs of Prometheus are called.
const JOBS: [&str; 3] = ["backend", "backups", "worker"];

impl Stack {
    /// What Prometheus answers at `path` of its API.
    async fn prometheus(&self, path: &str) -> anyhow::Result<Value> {
        let address = self.docker(&["port", &self.container("prometheus"), "9090"]).good().stdout;
        let address = address.lines().next().unwrap_or_default();
        let mut answer: Value = reqwest::get(format!("http://{address}/api/v1/{path}")).await?.json().await?;
        anyhow::ensure!(answer["status"] == "success", "{answer}");
        Ok(answer["data"].take())
    }

    /// The value of an expression of one series.
    async fn metric(&self, expression: &str) -> anyhow::Result<f64> {
        let query: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let data = self.prometheus(&format!("query?query={query}")).await?;
        let value = data["result"][0]["value"][1].as_str().and_then(|value| value.parse().ok());
        value.ok_or_else(|| anyhow::anyhow!("`{expression}` has no value: {data}"))
    }

    /// All rules.
    async fn rules(&self) -> anyhow::Result<Vec<Value>> {
        let data = self.prometheus("rules").await?;
        Ok(data["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
            .collect())
    }

    /// The state of the alert `name`: `inactive`, `pending` where its time is not over yet, or `firing`.
    async fn alert(&self, name: &str) -> anyhow::Result<String> {
        let rules = self.rules().await?;
        let rule = rules.iter().find(|rule| rule["name"] == name).ok_or_else(|| anyhow::anyhow!("no rule {name}"))?;
        Ok(rule["state"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the alert `name` is up, or is not any more.
    async fn alerts(&self, name: &str, up: bool) {
        eventually(&format!("{name}: {up}"), PATIENCE, || async {
            let state = self.alert(name).await?;
            anyhow::ensure!((state != "inactive") == up, "{name} is {state}");
            anyhow::Ok(())
        })
        .await;
    }

    /// Runs promtool on the files of Prometheus. Not in its container: tests of rules write more than that may have in memory.
    fn promtool(&self, args: &[&str]) -> String {
        let (image, container) = (self.inspect("prometheus")["Config"]["Image"].as_str().unwrap().to_owned(), self.container("prometheus"));
        let from = format!("{container}:ro");
        let helper = ["run", "--rm", "--network", "none", "--volumes-from", &from, "--entrypoint", "promtool", &image];
        self.docker(&[&helper[..], args].concat()).good().stdout
    }
}

#[tokio::test]
async fn nobody_outside_can_fetch_metrics() {
    let (stack, _turn) = shared().await;
    let host = stack.authority();
    let paths = [
        "/metrics",
        "//metrics",
        "/api/metrics",
        "/api/v1/metrics",
        "/admin/metrics",
        "/ws/metrics",
        "/media/metrics",
        "/_dev/metrics",
        "/api/../metrics",
        "/api/..%2fmetrics",
        "/api/%2e%2e/metrics",
        "/metrics/../metrics",
        "http://backend:9000/metrics",
    ];
    for path in paths {
        for host in [host, "backend:9000", "localhost:9000"] {
            let answer = stack.raw(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes());
            assert!(!answer.status.is_success(), "{path} for {host}: {answer:#?}");
            assert!(!answer.body.contains("slipway_"), "{path} for {host}: {answer:#?}");
        }
    }
    // They are there, for whoever is inside.
    let page = stack.beside("backend", "curl --silent --fail http://127.0.0.1:9000/metrics", &[]).good().stdout;
    assert!(page.contains("slipway_http_requests_in_flight") && page.ends_with("# EOF\n"), "{page}");
    let elsewhere = stack.beside("backend", "curl --silent http://127.0.0.1:8000/metrics", &[]).good().stdout;
    assert!(elsewhere.contains("Not Found"), "{elsewhere}");
}

#[tokio::test]
async fn prometheus_has_every_target_and_counts_requests() {
    let (stack, _turn) = shared().await;
    eventually("every target is up", PATIENCE, || async {
        let data = stack.prometheus("targets?state=active").await?;
        let targets = data["activeTargets"].as_array().cloned().unwrap_or_default();
        let up = targets.iter().filter(|target| target["health"] == "up");
        let up: BTreeSet<&str> = up.filter_map(|target| target["labels"]["job"].as_str()).collect();
        anyhow::ensure!(up == BTreeSet::from(JOBS) && targets.len() == JOBS.len(), "{targets:#?}");
        anyhow::Ok(())
    })
    .await;
    let answered = r#"sum(slipway_http_requests_total{method="GET",route="/api/v1/docs",status="2xx"}) or vector(0)"#;
    let before = stack.metric(answered).await.unwrap();
    stack.get("/api/v1/docs").await.with(200);
    eventually("the request is counted", PATIENCE, || async {
        let now = stack.metric(answered).await?;
        anyhow::ensure!(now > before, "{now} after {before}");
        anyhow::Ok(())
    })
    .await;
    // What stands in the queue is the same whoever is asked, and jobs that were done are the worker's to tell.
    assert!(stack.metric("count(slipway_queue_oldest_ready_seconds)").await.unwrap() >= 1.0);
    stack.create_task("Count the anchors").await.with(201);
    eventually("a job is counted", PATIENCE, || async {
        let done = stack.metric(r#"sum(slipway_job_attempts_total{job="worker",outcome="done"})"#).await?;
        anyhow::ensure!(done >= 1.0, "{done}");
        anyhow::Ok(())
    })
    .await;
}

#[tokio::test]
async fn every_rule_fires_when_it_should_and_only_then() {
    let (stack, _turn) = shared().await;
    assert!(stack.promtool(&["check", "config", "/etc/prometheus/prometheus.yaml"]).contains("SUCCESS"));
    assert!(stack.promtool(&["test", "rules", "/etc/prometheus/alerts.test.yaml"]).contains("SUCCESS"));
    let tests = std::fs::read_to_string(Path::new(&stack.root).join("infra/observability/alerts.test.yaml")).unwrap();
    let cases: Vec<&str> = tests.split("alertname: ").skip(1).collect();
    let rules = stack.rules().await.unwrap();
    assert!(rules.len() >= 7, "{rules:#?}");
    for rule in rules {
        let name = rule["name"].as_str().unwrap();
        assert!(rule["duration"].as_f64().is_some_and(|seconds| seconds >= 60.0), "{name} fires at once");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()), "{name}");
        assert!(rule["annotations"]["command"].as_str().is_some_and(|command| command.starts_with("cargo xtask ")), "{name}");
        assert_eq!(rule["health"], "ok", "{rule:#}");
        // A case in which it fires, and two in which it does not: when all is well, and before its time.
        let own = cases.iter().filter(|case| case.split([' ', '\n', '}']).next() == Some(name));
        let (fires, silent): (Vec<&str>, Vec<&str>) = own.partition(|case| {
            let mut lines = case.lines();
            let first = lines.next().unwrap_or_default();
            !first.contains('}') && lines.next().is_some_and(|line| line.trim() == "exp_alerts:")
        });
        assert!(!fires.is_empty() && silent.len() >= 2, "{name} fires in {} cases and not in {}", fires.len(), silent.len());
    }
}

#[tokio::test]
async fn a_worker_that_is_gone_and_a_queue_that_stands_still_are_noticed() {
    let (stack, _turn) = alone().await;
    stack.alerts("ServiceDown", false).await;
    let worker = stack.stop("worker");
    stack.create_task("Wait for the worker").await.with(201);
    stack.query("UPDATE jobs SET claimable_at = now() - interval '10 minutes' WHERE state = 'queued'");
    stack.alerts("ServiceDown", true).await;
    stack.alerts("QueueStuck", true).await;
    assert!(stack.metric("max(slipway_queue_oldest_ready_seconds)").await.unwrap() > 600.0);
    worker.start();
    stack.alerts("ServiceDown", false).await;
    stack.alerts("QueueStuck", false).await;
}

#[tokio::test]
async fn the_age_of_backups_is_known() {
    let (shared, _turn) = shared().await;
    shared.xtask(&["images", "build", "backup"]).good();
    let checkout = Checkout::new(&shared, "metrics", &["observability"], free_port());
    let stack = &checkout.stack;
    let _ = std::fs::remove_dir_all(checkout.path("backups"));
    stack.xtask(&["up"]).good();
    // What the exporter serves, which has the directory of the metrics mounted and nothing else.
    let served = || -> Vec<(String, f64)> {
        let page = stack.beside("node-exporter", "curl --silent --fail http://127.0.0.1:9100/metrics", &[]).good().stdout;
        let lines = page.lines().filter_map(|line| line.strip_prefix("slipway_backup_")?.split_once(' '));
        lines.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
    };
    let value = |name: &str| served().into_iter().find_map(|(other, value)| (other == name).then_some(value));
    assert_eq!(served(), [("count".to_owned(), 0.0)]);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let before = now().floor();
    let id = stack.xtask(&["backup"]).good().stdout.trim().to_owned();
    let between = before..=now();
    assert_eq!(value("count"), Some(1.0));
    assert!(between.contains(&value("last_success_timestamp_seconds").unwrap()), "{:?} in {between:?}", served());
    let verified = value("last_verified_timestamp_seconds").unwrap();
    let size = std::fs::metadata(checkout.path("backups").join(&stack.project).join(format!("{id}.tar.zst"))).unwrap().len();
    assert_eq!(value("last_bytes"), Some(size as f64));
    // It is no backup itself, and is kept up to date by everything that changes what there is.
    stack.xtask(&["backup"]).good();
    stack.xtask(&["backup", "verify", &id]).good();
    assert!(value("last_verified_timestamp_seconds").unwrap() > verified);
    let listed: Value = serde_json::from_str(&stack.xtask(&["backup", "list", "--json"]).good().stdout).unwrap();
    assert_eq!((listed["backups"].as_array().unwrap().len(), value("count")), (2, Some(2.0)));
    stack.xtask(&["backup", "prune", "--keep-last", "1", "--yes"]).good();
    assert_eq!(value("count"), Some(1.0));
}

#[tokio::test]
async fn the_dashboard_shows_what_there_is() {
    let (stack, _turn) = shared().await;
    let browser = stack.strange_browser(Scripts::On).await;
    browser.resize(1280, 1000).await;
    browser.client().goto("http://prometheus:9090/consoles/index.html").await.unwrap();
    browser.until("the charts are drawn", "return document.body.dataset.drawn").await;
    for title in [
        "Requests per second",
        "Duration of requests",
        "Database connections in use",
        "Jobs in the queue",
        "Age of the oldest job that is ready",
    ] {
        let section =
            format!("[...document.querySelectorAll('section')].find(section => section.querySelector('h2').textContent === '{title}')");
        // The page asks again by itself; a rate needs two answers of the backend, and a duration requests between them, which no other test may send.
        eventually(title, PATIENCE, || async {
            stack.get("/api/v1/docs").await.with(200);
            let lines = browser.script(&format!("return {section}.querySelectorAll('path').length")).await;
            anyhow::ensure!(lines.as_u64() >= Some(1), "no line: {:?}", browser.texts("section").await);
            anyhow::Ok(())
        })
        .await;
    }
    assert_eq!(browser.texts("section .bad").await.unwrap(), Vec::<String>::new());
    browser.see("ul", "backend up").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
    assert_eq!(browser.script("return document.documentElement.scrollWidth <= innerWidth").await, true);
    // Nothing is fetched from anywhere else.
    let strangers = "return performance.getEntriesByType('resource').filter(entry => !entry.name.startsWith(location.origin)).length";
    assert_eq!(browser.script(strangers).await, 0);
    let directory = Path::new(&stack.root).join("target/screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("metrics.png"), browser.picture().await.unwrap()).unwrap();
}
