//! Starting and stopping whole stacks: from nothing, interrupted, with something wrong, and two at once.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::harness::checkout::{Checkout, Left};
use crate::harness::{eventually, shared};

/// How long a step of a start may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How far apart the ports of tests are: a stack looks for a free one among the hundred after the one it wants.
const STEP: u16 = 100;

/// A port for one test, free with some after it. All are below the range from which the system serves whoever asks for any port.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Another run of these tests on this machine begins elsewhere.
    let first = u16::try_from(std::process::id() % 100).unwrap();
    let free = |port: u16| (port..port + 3).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    let ports = std::iter::repeat_with(|| 20_000 + (first + TAKEN.fetch_add(1, Ordering::Relaxed)) % 120 * STEP);
    ports.take(120).find(|port| free(*port)).expect("some ports of this machine are free")
}

fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or_else(|| panic!("no port in {url}"))
}

/// What a change of tasks asks the worker for. (Workers also have work that recurs.)
const OWED: &str = "SELECT state FROM jobs WHERE kind = 'refresh_board_stats'";

#[tokio::test]
async fn from_nothing_to_ready_and_down_to_nothing() {
    let (shared, _turn) = shared().await;
    let port = free_port();
    let checkout = Checkout::new(&shared, "whole", &[], port);
    let mut stack = checkout.stack.clone();
    let label = format!("label=com.docker.compose.project={}", stack.project);
    let format = "{{.Action}} {{index .Actor.Attributes \"com.docker.compose.service\"}}";
    let mut events = stack.docker_start(&["events", "--filter", "type=container", "--filter", &label, "--format", format, "--since", "0s"]);
    let up = stack.xtask(&["up"]).good();
    // Beside the main instance, another one has a port of its own among those after the environment's.
    stack.url = up.stdout.trim().to_owned();
    let chosen = port_of(&stack.url);
    assert!((port + 1..port + 100).contains(&chosen), "{up:?}");
    let stack = &stack;
    assert!(up.stderr.contains("critical path") && up.stderr.contains("ready in"), "{}", up.stderr);

    // Data services, then migrations, then the backend, and the proxy at the end.
    events.see("start proxy", PATIENCE);
    let seen = events.said();
    let position = |event: &str| seen.iter().position(|line| line == event).unwrap_or_else(|| panic!("no `{event}`"));
    let [db, migrate, migrated, redis, backend, ready, frontend, proxy] = [
        "health_status: healthy db",
        "start migrate",
        "die migrate",
        "health_status: healthy redis",
        "start backend",
        "health_status: healthy backend",
        "health_status: healthy frontend",
        "start proxy",
    ]
    .map(position);
    let order = [db, migrate, migrated, backend, ready, proxy];
    assert!(order.is_sorted() && redis < backend && frontend < proxy, "{seen:#?}");

    // Without a worker everything works, jobs wait.
    let names: Vec<Value> = stack.status()["services"].as_array().unwrap().iter().map(|service| service["name"].clone()).collect();
    assert_eq!(names, ["backend", "db", "frontend", "migrate", "proxy", "redis"]);
    stack.skipper().await;
    stack.get("/").await.with(200);
    let task = stack.create_task("Step the mast").await.with(201).json();
    assert_eq!(stack.query(OWED), ["queued"]);

    stack.xtask(&["down"]).good();
    let left = checkout.left();
    assert_eq!((left.containers.len(), left.networks.len(), left.volumes.len()), (0, 0, 3), "{left:?}");
    TcpListener::bind((Ipv4Addr::LOCALHOST, chosen)).expect("the port is free again");
    assert!(stack.xtask(&["down"]).good().stderr.contains("is not running"));

    // The data is still there, and a worker that comes later does what waited.
    checkout.edit("infra/env/test.toml", "profiles = []", "profiles = [\"worker\"]");
    let again = stack.xtask(&["up"]).good();
    assert_eq!(again.stdout.trim(), stack.url, "bookmarks hold over `down`");
    assert_eq!(stack.get("/api/v1/tasks").await.with(200).json()["tasks"][0], task);
    eventually("the job that waited is done", PATIENCE, || async {
        let states = stack.query(OWED);
        ensure!(states == ["done"], "{states:?}");
        Ok(())
    })
    .await;
    assert_eq!(stack.get("/api/v1/stats").await.json()["created"], 1);
}

#[tokio::test]
async fn an_interrupted_start_leaves_nothing() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "interrupted", &["worker"], free_port());
    let stack = &checkout.stack;
    let up = stack.xtask_start(&["up"]);
    eventually("the database runs", PATIENCE, || async {
        let state = stack.docker(&["container", "inspect", "--format", "{{.State.Running}}", &stack.container("db")]).stdout;
        ensure!(state.trim() == "true", "{state}");
        Ok(())
    })
    .await;
    up.signal("INT");
    let (code, talk) = up.end();
    assert_eq!(code, 130, "{talk}");
    assert!(talk.contains("undoing what this start made"), "{talk}");
    assert_eq!(checkout.left(), Left::default());
}

#[tokio::test]
async fn a_failed_migration_is_explained() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "failed", &["worker"], free_port());
    let stack = &checkout.stack;
    stack.xtask(&["up"]).good();
    stack.xtask(&["down"]).good();
    // The database keeps the password it was made with: with another one nobody is let in.
    std::fs::write(checkout.path("infra/secrets/test/postgres_password"), "not the password\n").unwrap();
    let up = stack.xtask(&["up"]);
    assert_eq!(up.code, 1, "{}", up.stderr);
    for part in [
        "error: `migrate` failed to start: exited with code",
        "`backend` needs `migrate` to complete and has waited since the start",
        "`proxy`",
        "last log lines of `migrate`:",
        "password",
        &format!("hint: `cargo xtask logs migrate --env test --instance {}` shows more", stack.instance),
        "`cargo xtask down --env test",
    ] {
        assert!(up.stderr.contains(part), "`{part}` is not in\n{}", up.stderr);
    }
    assert_eq!(up.stdout, "");
    assert!(
        stack.docker(&["container", "inspect", "--format", "{{.State.Status}}", &stack.container("backend")]).stdout.contains("created")
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_left_alone() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "port", &[], free_port());
    let port = port_of(checkout.stack.xtask(&["up"]).good().stdout.trim());
    checkout.stack.xtask(&["down"]).good();
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let up = checkout.stack.xtask(&["up"]).good();
    let url = up.stdout.trim().to_owned();
    assert_ne!(port_of(&url), port);
    assert!(up.stderr.contains(&format!("port {port} is taken by")), "{}", up.stderr);
    assert!(up.stderr.contains(&std::process::id().to_string()), "it does not say by whom: {}", up.stderr);
    let mut stack = checkout.stack.clone();
    stack.url.clone_from(&url);
    stack.get("/health").await.with(200);
    // The address stays when the other one is gone: bookmarks and sessions depend on it.
    drop(holder);
    assert_eq!(stack.xtask(&["up"]).good().stdout.trim(), url);
    stack.xtask(&["restart", "proxy"]).good();
    stack.get("/health").await.with(200);
}

#[tokio::test]
async fn two_starts_at_once_end_well() {
    let (shared, _turn) = shared().await;
    // The first two are one stack, started twice; the third is another that wants the same port.
    let port = free_port();
    let (one, other) = (Checkout::new(&shared, "twice", &[], port), Checkout::new(&shared, "beside", &[], port));
    let starts = [&one, &one, &other].map(|checkout| checkout.stack.xtask_start(&["up"]));
    let ends = starts.map(|start| start.end());
    for (code, talk) in &ends {
        assert_eq!(*code, 0, "{ends:#?}\n{talk}");
    }
    for checkout in [&one, &other] {
        let status = checkout.stack.status();
        let services = status["services"].as_array().unwrap();
        assert_eq!(services.len(), 6, "{status}");
        assert!(services.iter().all(|service| service["health"] == "healthy" || service["state"] == "completed"), "{status}");
    }
    assert_ne!(one.stack.status()["url"], other.stack.status()["url"]);
}

#[tokio::test]
async fn a_migration_that_fails_replaces_nothing() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "kept", &[], free_port());
    let mut stack = checkout.stack.clone();
    stack.url = stack.xtask(&["up"]).good().stdout.trim().to_owned();
    let started = || ["backend", "proxy"].map(|service| stack.inspect(service)["State"]["StartedAt"].clone());
    let before = started();

    // Another log level makes new containers of everything, and migrations that cannot be done come first.
    checkout.edit("infra/env/test.toml", "log_level = \"info\"", "log_level = \"debug\"");
    checkout.edit("infra/compose.yaml", "command: [\"migrate\", \"up\"]", "command: [\"migrate\", \"sideways\"]");
    let refused = stack.xtask(&["up"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("so nothing was replaced") && refused.stderr.contains("sideways"), "{}", refused.stderr);
    assert_eq!(started(), before);
    stack.get("/").await.with(303);

    checkout.edit("infra/compose.yaml", "\"sideways\"", "\"up\"");
    stack.xtask(&["up"]).good();
    assert_ne!(started(), before);
}

#[tokio::test]
async fn four_worktrees_run_at_once_without_settings() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "tree", &[], free_port());
    let worktrees = checkout.worktrees(4);
    let start = || {
        let starts: Vec<_> = worktrees.iter().map(|worktree| worktree.stack.xtask_here(&["up"])).collect();
        starts.into_iter().map(|start| {
            let (code, said) = start.end();
            assert_eq!(code, 0, "{said}");
            said.lines().find(|line| line.starts_with("http://")).unwrap_or_else(|| panic!("no address in {said}")).to_owned()
        })
    };
    let addresses: Vec<String> = start().collect();
    let different: std::collections::BTreeSet<&String> = addresses.iter().collect();
    assert_eq!(different.len(), 4, "{addresses:?}");

    // Each has its own people and its own tasks.
    for (worktree, address) in worktrees.iter().zip(&addresses) {
        let mut stack = worktree.stack.clone();
        stack.url.clone_from(address);
        stack.skipper().await;
        stack.create_task(&format!("Paint {}", stack.instance)).await.with(201);
        assert_eq!(stack.get("/api/v1/tasks").await.with(200).json()["tasks"].as_array().unwrap().len(), 1);
    }

    // The addresses stay.
    for worktree in &worktrees {
        let (code, said) = worktree.stack.xtask_here(&["down"]).end();
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(start().collect::<Vec<_>>(), addresses);
}
