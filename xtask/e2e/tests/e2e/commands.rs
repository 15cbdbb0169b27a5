//! The commands of `cargo xtask` on the running stack.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Stack, alone, eventually, shared};

/// The services of the test environment that keep running.
const RUNNING: [&str; 11] =
    ["backend", "browser", "checks", "db", "frontend", "mail", "node-exporter", "prometheus", "proxy", "redis", "worker"];
/// How long a line, or a service, may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// What changes when a container is started again or made anew, for every container of the stack.
fn lives(stack: &Stack) -> BTreeSet<String> {
    let life = |service: &str| {
        let container = stack.inspect(service);
        format!("{service} {} {} {}", container["Id"], container["State"]["StartedAt"], container["RestartCount"])
    };
    RUNNING.into_iter().chain(["migrate"]).map(life).collect()
}

#[tokio::test]
async fn status_says_how_every_service_is() {
    let (stack, _turn) = shared().await;
    let status = stack.status();
    assert_eq!(status["schema"], 1);
    assert_eq!((&status["environment"], &status["instance"]), (&"test".into(), &stack.instance.clone().into()));
    assert_eq!((&status["project"], &status["url"]), (&stack.project.clone().into(), &stack.url.clone().into()));
    let services = status["services"].as_array().unwrap();
    for name in RUNNING {
        let service = services.iter().find(|service| service["name"] == name).unwrap_or_else(|| panic!("no {name} in {status}"));
        assert_eq!((&service["state"], &service["health"]), (&"running".into(), &"healthy".into()), "{service}");
        assert!(service["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{service}");
        assert_eq!(service["last_check"]["ok"], true, "{service}");
        assert!(service["last_check"]["at"].is_string() && service["last_check"]["output"].is_string(), "{service}");
        assert!(service["restarts"].is_u64() && service["image"].is_string(), "{service}");
        assert!(service["cpu_percent"].is_number(), "{service}");
        assert_eq!((&service["problem"], &service["next"]), (&Value::Null, &Value::Null), "{service}");
        let published = service["ports"].as_array().unwrap();
        assert!(published.iter().all(|port| port["host"].is_u64() && port["container"].is_string()), "{service}");
        assert!(service["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{service}");
        // The browser alone has no limit.
        assert_eq!(service["memory_limit_bytes"].is_u64(), name != "browser", "{service}");
    }
    // A test stack has no guard of its own: those that make services hang want to see what happens then.
    assert_eq!((&status["well"], &status["guard"]), (&true.into(), &"off".into()));
    let migrate = services.iter().find(|service| service["name"] == "migrate").unwrap();
    assert_eq!((&migrate["state"], &migrate["memory_bytes"]), (&"completed".into(), &Value::Null));
    assert_eq!(services.len(), RUNNING.len() + 1);

    let text = stack.xtask(&["status"]).good().stdout;
    assert!(text.contains(&stack.url) && text.contains("SERVICE"), "{text}");
    for name in RUNNING {
        assert!(text.lines().any(|line| line.starts_with(name) && line.contains("healthy")), "{name} in\n{text}");
    }
}

#[tokio::test]
async fn status_says_what_is_wrong_and_what_to_do() {
    let (stack, _turn) = alone().await;
    let service = |name: &str| {
        let status = stack.status();
        assert_eq!(status["well"], false, "{status}");
        status["services"].as_array().unwrap().iter().find(|service| service["name"] == name).unwrap().clone()
    };
    let worker = stack.stop("worker");
    let stopped = service("worker");
    assert_eq!((&stopped["state"], &stopped["exit_code"], &stopped["memory_bytes"]), (&"exited".into(), &0.into(), &Value::Null));
    assert!(stopped["problem"].as_str().is_some_and(|problem| problem.starts_with("it ended with exit code 0 at ")), "{stopped}");
    let next = format!("`cargo xtask up --env test --instance {}` starts it", stack.instance);
    assert!(stopped["next"].as_str().is_some_and(|text| text.ends_with(&next)), "{stopped}");
    worker.start();

    let frontend = stack.suspend("frontend");
    let hung = eventually("the frontend that does not answer is unhealthy", PATIENCE, || async {
        let frontend = stack.status()["services"].as_array().unwrap().iter().find(|service| service["name"] == "frontend").unwrap().clone();
        if frontend["health"] == "unhealthy" { Ok(frontend) } else { Err(frontend) }
    })
    .await;
    assert_eq!((&hung["state"], &hung["last_check"]["ok"]), (&"running".into(), &false.into()), "{hung}");
    assert!(hung["problem"].as_str().is_some_and(|problem| problem.starts_with("its health check fails: ")), "{hung}");
    let text = stack.xtask(&["status"]).good().stdout;
    let line = |begin: &str| text.lines().any(|line| line.starts_with(begin));
    assert!(line("frontend: its health check fails: ") && line("  `cargo xtask logs frontend --tail 50"), "{text}");
    frontend.go_on();
    eventually("the stack is well again", PATIENCE, || async {
        let status = stack.status();
        if status["well"] == true { Ok(()) } else { Err(status) }
    })
    .await;
}

#[tokio::test]
async fn status_says_why_the_engine_restarted_a_service() {
    let (stack, _turn) = alone().await;
    stack.kill("worker");
    let worker = eventually("the worker runs again", PATIENCE, || async {
        let status = stack.status();
        let worker = status["services"].as_array().unwrap().iter().find(|service| service["name"] == "worker").unwrap().clone();
        if worker["health"] == "healthy" && worker["restarts"] != 0 { Ok(worker) } else { Err(worker) }
    })
    .await;
    assert_eq!(worker["last_restart"]["why"], "it ended with exit code 137", "{worker}");
    assert!(worker["last_restart"]["at"].is_string() && worker["problem"].is_null(), "{worker}");
    // Restarted by a person, it has not been restarted by the engine any more: others compare that number.
    stack.xtask(&["restart", "worker"]).good();
}

#[tokio::test]
async fn status_that_is_watched_shows_changes() {
    let (stack, _turn) = alone().await;
    let mut watch = stack.xtask_start(&["status", "--watch", "--json"]);
    watch.see(r#""well":true"#, PATIENCE);
    let worker = stack.stop("worker");
    let line = watch.see(r#""well":false"#, PATIENCE);
    assert!(serde_json::from_str::<Value>(&line).is_ok_and(|report| report["schema"] == 1), "{line}");
    worker.start();
    watch.see(r#""well":true"#, PATIENCE);
    watch.signal("INT");
    let (code, rest) = watch.end();
    assert_eq!(code, 0, "{rest}");
}

#[tokio::test]
async fn logs_can_be_cut_searched_and_followed() {
    let (stack, _turn) = shared().await;
    stack.get("/").await;
    let tail = stack.xtask(&["logs", "frontend", "--tail", "1"]).good().stdout;
    assert_eq!(tail.lines().count(), 1, "{tail}");
    assert!(tail.starts_with("frontend-1"), "{tail}");

    let first = stack.get("/no-such-page").await.header("x-request-id").to_owned();
    let found = eventually("the lines about one request", PATIENCE, || async {
        let found = stack.xtask(&["logs", "--grep", &first]).good().stdout;
        if found.contains("proxy-1") && found.contains("frontend-1") { Ok(found) } else { Err(found) }
    })
    .await;
    assert!(found.lines().all(|line| line.contains(&first)), "{found}");

    let mut follow = stack.xtask_start(&["logs", "proxy", "-f", "--tail", "1000"]);
    follow.see(&first, PATIENCE);
    // The stream runs: whatever comes from here on is new.
    let second = stack.get("/no-such-page").await.header("x-request-id").to_owned();
    follow.see(&second, PATIENCE);
    follow.signal("INT");
    let (code, rest) = follow.end();
    assert!([0, 130].contains(&code), "{code}: {rest}");
}

#[tokio::test]
async fn shells_take_input_and_give_back_exit_codes() {
    let (stack, _turn) = shared().await;
    let sql = "SELECT 6 * 7 AS answer;\nSELECT current_user, current_database();\n";
    let rows = stack.xtask_with(&["shell", "db"], sql).good().stdout;
    assert!(rows.contains("answer") && rows.contains("42") && rows.contains("current_database"), "{rows}");
    assert_eq!(stack.query("SELECT 1"), ["1"]);
    assert_eq!(stack.xtask(&["shell", "redis", "--", "redis-cli", "ping"]).good().stdout.trim(), "PONG");
    assert_eq!(stack.xtask_with(&["shell", "redis"], "ECHO aye\n").good().stdout.trim(), "aye");
    assert_eq!(stack.xtask_with(&["shell", "proxy"], "echo from the shell\n").good().stdout.trim(), "from the shell");
    assert_eq!(stack.xtask(&["shell", "proxy", "--", "bash", "-c", "exit 7"]).code, 7);
    // Nothing but the program is in this image.
    let none = stack.xtask(&["shell", "backend"]);
    assert!(none.code != 0 && none.stderr.contains("hint: the image of `backend` has no shell"), "{none:?}");
    let migrate = stack.xtask(&["shell", "migrate"]);
    assert_eq!(migrate.code, 1);
    assert!(migrate.stderr.contains("`migrate` does not run"), "{}", migrate.stderr);
}

#[tokio::test]
async fn other_commands_say_what_there_is() {
    let (stack, _turn) = shared().await;
    let top = stack.xtask(&["top", "--once"]).good().stdout;
    for name in RUNNING {
        assert!(top.contains(&stack.container(name)), "{name} in\n{top}");
    }

    let migrations = stack.xtask(&["migrate", "status"]).good().stdout;
    let files = std::fs::read_dir(format!("{}/backend/migrations", stack.root)).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let versions: Vec<String> = files.filter(|file| file.ends_with(".up.sql")).map(|file| file[..14].to_owned()).collect();
    assert!(!versions.is_empty());
    for version in versions {
        assert!(migrations.lines().any(|line| line.contains(&version) && line.contains("applied")), "{version} in\n{migrations}");
    }
    stack.xtask(&["migrate", "up"]).good();

    let images = stack.xtask(&["images", "list"]).good().stdout;
    for image in ["proxy", "frontend", "backend"] {
        let name = format!("slipway/{image}:{}", stack.instance);
        assert!(images.lines().any(|line| line.contains(&name) && !line.contains("missing")), "{name} in\n{images}");
    }

    let doctor = stack.xtask(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&doctor.stdout).unwrap();
    assert_eq!(report["schema"], 1);
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        assert!(check["name"].is_string() && check["detail"].is_string() && check["ok"].is_boolean(), "{check}");
        // What has to be mended comes with how.
        assert_eq!(check["fix"].is_string(), check["ok"] == false, "{check}");
    }
    let well = checks.iter().all(|check| check["ok"] == true);
    assert_eq!(doctor.code, i32::from(!well), "{report}");
    let stack_check = checks.iter().find(|check| check["name"] == "stack").unwrap();
    assert_eq!((&stack_check["ok"], &stack_check["detail"]), (&true.into(), &format!("{} running", RUNNING.len()).into()));
}

#[tokio::test]
async fn up_on_a_running_stack_changes_nothing() {
    let (stack, _turn) = shared().await;
    let before = lives(&stack);
    let outcome = stack.xtask(&["up"]).good();
    assert_eq!(outcome.stdout.trim(), stack.url);
    assert!(outcome.stderr.contains("everything is running already"), "{}", outcome.stderr);
    assert_eq!(lives(&stack), before);
    // Nor does asking what it would do.
    let dry = stack.xtask(&["--dry-run", "restart"]).good().stdout;
    assert!(dry.contains("stop"), "{dry}");
    assert_eq!(lives(&stack), before);
}

#[tokio::test]
async fn restart_starts_one_service_again_and_no_other() {
    let (stack, _turn) = alone().await;
    let before = lives(&stack);
    stack.xtask(&["restart", "worker"]).good();
    let after = lives(&stack);
    let changed: Vec<&str> = after.difference(&before).filter_map(|life| life.split(' ').next()).collect();
    assert_eq!(changed, ["worker"]);
    let status = stack.status();
    let worker = status["services"].as_array().unwrap().iter().find(|service| service["name"] == "worker").cloned().unwrap();
    assert_eq!(worker["health"], "healthy");

    let unknown = stack.xtask(&["restart", "sails"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("no service `sails`") && unknown.stderr.contains("worker"), "{}", unknown.stderr);
}

#[tokio::test]
async fn accounts_and_demo_data_are_made_beside_the_database() {
    let (stack, _turn) = shared().await;
    let mate = stack.new_account("Mate").await;
    let admin =
        |arguments: &[&str], input: &str| stack.xtask_with(&[&["shell", "backend", "--", "backend", "admin"], arguments].concat(), input);
    let see = async || mate.client().get(format!("{}/admin/", stack.url)).send().await.unwrap().status().as_u16();
    assert_eq!(see().await, 403);
    admin(&["set-role", &mate.email, "admin"], "").good();
    assert_eq!(see().await, 200, "a role counts at once, without signing in again");
    for (arguments, password, problem) in [
        (
            &["create-user", "harbour", "--name", "Mate"][..],
            "long enough to be one",
            "the e-mail address `harbour` must be an e-mail address",
        ),
        (&["create-user", "new@example.org", "--name", "Mate"], "short", "the password must have at least 10 characters"),
        (&["create-user", &mate.email, "--name", "Mate"], "long enough to be one", "has an account already"),
        (&["set-role", "nobody@example.org", "user"], "", "has no account: `backend admin create-user"),
    ] {
        let refused = admin(arguments, password);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains(problem), "{}", refused.stderr);
    }
    // Accounts of real people are there: a password that everybody knows has to be wanted.
    let seed = stack.xtask(&["shell", "backend", "--", "backend", "seed"]);
    assert!(seed.code == 1 && seed.stderr.contains("add `--yes`"), "{}", seed.stderr);
    let document = stack.xtask(&["shell", "backend", "--", "backend", "openapi"]).good().stdout;
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["openapi"], "3.1.0");
}
