//! `doctor` against the real engine: nothing wrong where nothing is, what breaks is found, and a file for a bug report has no secret in it (R9).

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::harness::checkout::Checkout;
use crate::harness::{Stack, alone, eventually, shared};
use crate::start::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

fn checks(stack: &Stack) -> Vec<Value> {
    let outcome = stack.xtask(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("no report ({error}): {outcome:?}"));
    let checks = report["checks"].as_array().unwrap().clone();
    assert_eq!(outcome.code, i32::from(checks.iter().any(|check| check["ok"] == false)), "{outcome:?}");
    checks
}

/// The names of those that failed.
fn names(checks: &[Value]) -> Vec<&str> {
    checks.iter().filter(|check| check["ok"] == false).map(|check| check["name"].as_str().unwrap()).collect()
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
    // A machine with much else to do may leave a question without an answer in time.
    let checks = eventually("everything is known", PATIENCE, || async {
        let checks = checks(&stack);
        ensure!(checks.iter().all(|check| check["known"] == true), "{:?}", failures(&checks));
        Ok(checks)
    })
    .await;
    assert_eq!(failures(&checks), [""; 0]);
    assert!(checks.len() >= 25, "{}", checks.len());
    for name in ["clock", "outdated-images", "migrations", "container-dns", "restarts"] {
        assert!(checks.iter().any(|check| check["name"] == name && check["known"] == true), "{name} in {checks:?}");
    }
}

#[tokio::test]
async fn what_breaks_is_found() {
    let (stack, _turn) = alone().await;
    let newest = stack.query("SELECT max(version) FROM _sqlx_migrations").remove(0);
    stack.docker(&["pause", &stack.container("worker")]).good();
    // As if another version of the application had been here.
    stack.query(&format!("UPDATE _sqlx_migrations SET version = version + 1 WHERE version = {newest}"));
    let broken = checks(&stack);
    stack.query(&format!("UPDATE _sqlx_migrations SET version = {newest} WHERE version = {newest} + 1"));
    stack.docker(&["unpause", &stack.container("worker")]).good();
    // Its health check may have found it paused.
    eventually("the worker is well again", PATIENCE, || async {
        let health = stack.inspect("worker")["State"]["Health"]["Status"].clone();
        ensure!(health == "healthy", "it is {health}");
        Ok(())
    })
    .await;
    let found = failures(&broken);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("worker: it is paused") && found[1].contains("does not have it"), "{found:?}");
}

/// A container of a stack whose checkout is gone; removed with it.
struct Abandoned<'a>(&'a Stack, String);

impl<'a> Abandoned<'a> {
    fn new(stack: &'a Stack) -> Self {
        let (name, image) = (format!("{}-gone", stack.project), stack.inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned());
        let labels =
            ["slipway.environment=test", &format!("com.docker.compose.project={name}"), "com.docker.compose.project.working_dir=/nowhere"];
        let labels: Vec<&str> = labels.into_iter().flat_map(|label| ["--label", label]).collect();
        stack.docker(&[&["create", "--name", &name], &labels[..], &[&image]].concat()).good();
        Self(stack, name)
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.docker(&["rm", &self.1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_many_that_are_planted_is_found() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "ailing", &["worker"], free_port());
    let stack = &checkout.stack;
    stack.run("git", &["init", "--quiet"], "").good();
    std::fs::write(checkout.path(".gitignore"), "/infra/secrets/*\n/infra/env/*.override.toml\n/target\n").unwrap();
    stack.xtask(&["up"]).good();
    // The first fault is there already: what images are built from was copied here after they were built.
    assert_eq!(names(&checks(stack)), ["outdated-images"], "{:#?}", failures(&checks(stack)));

    // stack, container-dns, migrations, abandoned-stacks
    stack.docker(&["pause", &stack.container("worker")]).good();
    stack.docker(&["network", "disconnect", &format!("{}_app", stack.project), &stack.container("backend")]).good();
    stack.query("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)");
    let _abandoned = Abandoned::new(stack);
    // guard, backup-directory, backup
    let wanted = "[guard]\nenabled = true\n[backup]\ndirectory = \"/proc/1/nowhere\"";
    checkout.edit("infra/env/test.toml", "[guard]\nenabled = false", wanted);
    checkout.edit("infra/compose.yaml", "  media: { labels: *labels }", "  media: { labels: *labels }\n  forgotten: { labels: *labels }");
    checkout.edit("infra/compose.yaml", "      - media:/srv/media:ro", "      - media:/srv/media:ro\n      - forgotten:/srv/forgotten");
    // secrets-committed, secrets, secrets-private, secrets-ignored
    stack.run("git", &["add", "--force", "infra/secrets"], "").good();
    std::fs::remove_file(checkout.path("infra/secrets/test/postgres_password")).unwrap();
    std::fs::set_permissions(checkout.path("infra/secrets/test"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::remove_file(checkout.path(".gitignore")).unwrap();
    // toolchain
    let (programs, path) = (checkout.path("programs"), std::env::var("PATH").unwrap());
    std::fs::create_dir(&programs).unwrap();
    std::fs::write(programs.join("rustc"), "#!/bin/sh\necho rustc 1.0.0\n").unwrap();
    std::fs::set_permissions(programs.join("rustc"), PermissionsExt::from_mode(0o755)).unwrap();
    let ailing = stack.with_variable("PATH", &format!("{}:{path}", programs.display()));

    let found = eventually("everything is known", PATIENCE, || async {
        let checks = checks(&ailing);
        ensure!(checks.iter().all(|check| check["known"] == true), "{:?}", failures(&checks));
        Ok(checks)
    })
    .await;
    let planted = [
        "abandoned-stacks",
        "secrets",
        "secrets-private",
        "secrets-ignored",
        "secrets-committed",
        "toolchain",
        "outdated-images",
        "backup",
        "backup-directory",
        "stack",
        "guard",
        "migrations",
        "container-dns",
    ];
    assert_eq!(names(&found), planted, "{:#?}", failures(&found));
    assert!(found.iter().filter(|check| check["ok"] == false).all(|check| !check["fix"].as_str().unwrap().is_empty()));
    stack.docker(&["unpause", &stack.container("worker")]).good();
}

#[tokio::test]
async fn a_file_for_a_bug_report_has_what_helps_and_nothing_secret() {
    let (stack, _turn) = shared().await;
    let directory = std::env::temp_dir().join(format!("{}-bundle-{}", stack.instance, std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join("report.tar.gz").display().to_string();
    let outcome = stack.xtask(&["doctor", "--bundle", &file]).good();
    assert_eq!(outcome.stdout.trim(), file);
    let all = stack.run("tar", &["--extract", "--to-stdout", "--file", &file], "").good().stdout;
    let names = stack.run("tar", &["--list", "--file", &file], "").good().stdout;
    std::fs::remove_dir_all(&directory).unwrap();
    for name in ["doctor.json", "versions.txt", "status.json", "environment.json", "model.json", "git.txt", "guard.log"] {
        assert!(names.lines().any(|line| line.ends_with(&format!("/{name}"))), "{name} in {names}");
    }
    assert!(names.contains(&format!("logs/{}.log", stack.container("backend"))), "{names}");
    let password = std::fs::read_to_string(format!("{}/infra/secrets/test/postgres_password", stack.root)).unwrap();
    assert!(password.trim().len() > 20 && !all.contains(password.trim()), "a secret is told");
    assert!(all.contains("\"checks\"") && all.contains("postgres_password"), "names are no secrets");
}
