//! `smoke` against the real stack: nothing wrong where nothing is, and the broken component by its name (R11.1, R11.2, R11.3).

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Stack, alone, eventually, shared};

/// How long the stack may take to be as before once it was mended.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often a healthy stack is asked; `TEST_RUNS` says otherwise.
fn runs() -> u32 {
    std::env::var("TEST_RUNS").map_or(3, |count| count.parse().expect("TEST_RUNS is a number"))
}

/// What `smoke --json` says with these flags.
fn smoke(stack: &Stack, flags: &[&str]) -> Value {
    let outcome = stack.xtask(&[&["smoke", "--json"], flags].concat());
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("no report ({error}): {outcome:?}"));
    assert_eq!(outcome.code, i32::from(report["failed"] != 0), "{outcome:?}");
    report
}

/// The checks that failed, as people read them.
fn failures(report: &Value) -> Vec<String> {
    let failed = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    failed.map(|check| format!("{}: {}: {}", check["component"], check["name"], check["detail"])).collect()
}

/// What is there of people and their work, without what jobs remember.
fn rows(stack: &Stack) -> Vec<String> {
    stack.query("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tasks), (SELECT count(*) FROM attachments), (SELECT count(*) FROM exports)")
}

#[tokio::test]
async fn nothing_is_wrong_where_nothing_is_and_nothing_is_left() {
    let (stack, _turn) = alone().await;
    let before = rows(&stack);
    for run in 1..=runs() {
        let report = smoke(&stack, &[]);
        assert_eq!(failures(&report), Vec::<String>::new(), "run {run}");
        assert!(report["passed"].as_u64().unwrap() > 30, "{report}");
        assert_eq!(rows(&stack), before, "run {run} left something");
    }
    // As a stranger asks: what only the engine knows is left out.
    let elsewhere = smoke(&stack, &["--url", &stack.url]);
    assert!(elsewhere["checks"].as_array().unwrap().iter().all(|check| !check["name"].as_str().unwrap().starts_with("runs: ")));
    let wrong: Vec<String> = failures(&elsewhere).into_iter().filter(|line| !line.contains("not published")).collect();
    assert_eq!(wrong, Vec::<String>::new(), "(ports of this machine may be anybody's)");
}

#[tokio::test]
async fn programs_of_others_read_what_was_found() {
    let (stack, _turn) = shared().await;
    let file = std::env::temp_dir().join(format!("{}-smoke.xml", stack.instance));
    let path = file.display().to_string();
    let report = smoke(&stack, &["--tag", "routes", "--junit", &path]);
    let xml = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(xml.contains(&format!("<testsuites name=\"smoke\" tests=\"{}\" failures=\"0\"", report["passed"])), "{xml}");
    let names: Vec<&str> = report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"the backend answers") && !names.iter().any(|name| name.contains("signs up")), "{names:?}");
    let none = stack.xtask(&["smoke", "--tag", "no-such-tag"]);
    assert!(none.code == 1 && none.stderr.contains("has one of these tags"), "{none:?}");
}

/// A way to break the stack, and to mend it.
struct Break {
    what: &'static str,
    component: &'static str,
    /// In the detail of a failure of that component.
    says: &'static str,
    act: fn(&Stack),
    mend: fn(&Stack),
}

/// Statements on their own: some of them cannot be in a transaction.
fn sql(stack: &Stack, statements: &str) {
    statements.split("; ").for_each(|statement| drop(stack.query(statement)));
}

fn redis(stack: &Stack, command: &[&str]) {
    stack.xtask(&[&["shell", "redis", "--", "redis-cli"], command].concat()).good();
}

/// Sends a signal to the program itself, not to what reaps it.
fn signal(stack: &Stack, service: &str, signal: &str) {
    let processes = stack.docker(&["top", &stack.container(service), "-eo", "pid,args"]).good().stdout;
    let numbers = processes.lines().skip(1).filter(|line| !line.contains("docker-init") && !line.contains("/sbin/tini"));
    let numbers: Vec<&str> = numbers.filter_map(|line| line.split_whitespace().next()).collect();
    stack.signal(&numbers.join(" "), signal);
}

fn docker(stack: &Stack, verb: &str, service: &str) {
    stack.docker(&[verb, &stack.container(service)]).good();
}

const BREAKS: [Break; 11] = [
    Break {
        what: "stopped database",
        component: "db",
        says: "it ended",
        act: |stack| docker(stack, "stop", "db"),
        mend: |stack| docker(stack, "start", "db"),
    },
    Break {
        what: "stopped worker",
        component: "worker",
        says: "it ended",
        act: |stack| docker(stack, "stop", "worker"),
        mend: |stack| docker(stack, "start", "worker"),
    },
    Break {
        what: "database that hangs",
        component: "db",
        says: "no answer",
        act: |stack| signal(stack, "db", "STOP"),
        mend: |stack| signal(stack, "db", "CONT"),
    },
    Break {
        what: "backend that hangs",
        component: "backend",
        says: "no answer",
        act: |stack| signal(stack, "backend", "STOP"),
        mend: |stack| signal(stack, "backend", "CONT"),
    },
    Break {
        what: "proxy that hangs",
        component: "proxy",
        says: "no answer",
        act: |stack| signal(stack, "proxy", "STOP"),
        mend: |stack| signal(stack, "proxy", "CONT"),
    },
    Break {
        what: "lost network",
        component: "backend",
        says: "not connected to the network `data`",
        act: |stack| drop(stack.docker(&["network", "disconnect", &format!("{}_data", stack.project), &stack.container("backend")]).good()),
        mend: |stack| {
            let network = format!("{}_data", stack.project);
            stack.docker(&["network", "connect", "--alias", "backend", &network, &stack.container("backend")]).good();
        },
    },
    Break {
        what: "wrong password",
        component: "db",
        says: "password",
        act: |stack| {
            sql(
                stack,
                "ALTER ROLE slipway PASSWORD 'another one'; SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_addr IS NOT NULL AND pid <> pg_backend_pid()",
            );
        },
        mend: |stack| {
            let secret = std::fs::read_to_string(format!("{}/infra/secrets/test/postgres_password", stack.root)).unwrap();
            sql(stack, &format!("ALTER ROLE slipway PASSWORD '{}'", secret.trim()));
        },
    },
    Break {
        what: "database that is slow by three seconds",
        component: "db",
        says: "no answer within",
        act: |stack| {
            sql(
                stack,
                "ALTER SYSTEM SET pre_auth_delay TO 3; SELECT pg_reload_conf(); SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_addr IS NOT NULL AND pid <> pg_backend_pid()",
            );
        },
        mend: |stack| sql(stack, "ALTER SYSTEM RESET pre_auth_delay; SELECT pg_reload_conf()"),
    },
    Break {
        what: "missing migration",
        component: "migrate",
        says: "pending",
        act: |stack| {
            sql(
                stack,
                "CREATE TABLE kept AS SELECT * FROM _sqlx_migrations ORDER BY version DESC LIMIT 1; DELETE FROM _sqlx_migrations WHERE version = (SELECT version FROM kept)",
            );
        },
        mend: |stack| sql(stack, "INSERT INTO _sqlx_migrations SELECT * FROM kept; DROP TABLE kept"),
    },
    Break {
        what: "Redis that is full",
        component: "redis",
        says: "maxmemory",
        act: |stack| redis(stack, &["config", "set", "maxmemory", "1"]),
        mend: |stack| redis(stack, &["config", "set", "maxmemory", "128mb"]),
    },
    Break {
        what: "Redis that hangs",
        component: "redis",
        says: "timed out",
        act: |stack| signal(stack, "redis", "STOP"),
        mend: |stack| signal(stack, "redis", "CONT"),
    },
];

/// Mends what a test broke, also where the test fails.
struct Mend<'a>(&'a Stack, &'a Break);

impl Drop for Mend<'_> {
    fn drop(&mut self) {
        (self.1.mend)(self.0);
    }
}

#[tokio::test]
async fn the_component_that_is_broken_is_named_first() {
    let (stack, _turn) = alone().await;
    for fault in &BREAKS {
        (fault.act)(&stack);
        let mend = Mend(&stack, fault);
        let report = smoke(&stack, &[]);
        let found = failures(&report);
        assert_eq!(report["broken"][0], fault.component, "{}: {found:#?}", fault.what);
        let own = |line: &&String| line.starts_with(&format!("\"{}\"", fault.component));
        assert!(found.iter().filter(own).any(|line| line.contains(fault.says)), "{}: {found:#?}", fault.what);
        drop(mend);
        eventually(&format!("all is well after: {}", fault.what), PATIENCE, || async {
            let left = failures(&smoke(&stack, &[]));
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        })
        .await;
        eprintln!(
            "{}: {} named, with {} of {} checks",
            fault.what,
            fault.component,
            found.len(),
            report["checks"].as_array().unwrap().len()
        );
    }
    // Settings that were never loaded: those of another environment are expected.
    let other = stack.xtask_as("local", &["smoke", "--json", "--url", &stack.url, "--tag", "settings"]);
    let report: Value = serde_json::from_str(&other.stdout).unwrap();
    assert_eq!((other.code, &report["broken"][0]), (1, &"settings".into()), "{other:?}");
}

#[tokio::test]
async fn a_suite_with_mistakes_is_refused_with_all_of_them() {
    let (stack, _turn) = shared().await;
    let file = std::env::temp_dir().join(format!("{}-suite.toml", stack.instance));
    let refusal = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let outcome = stack.xtask(&["smoke", "--suite", &file.display().to_string()]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        outcome.stderr
    };
    let said = refusal(
        "[components.a]\nneeds = ['b']\n[[check]]\nname = 'x'\ncomponent = 'c'\nrequest.path = '/{nothing}'\n[[check]]\nname = 'x'\ncomponent = 'a'\n",
    );
    for part in ["names `b`", "names `c`", "{nothing}", "two checks are called `x`", "asks nothing"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = refusal("[components.a]\n[[check]]\nname = 'x'\ncomponent = 'a'\nrequest = { pth = '/' }\n");
    assert!(said.contains("check[0].request") && said.contains("pth"), "{said}");
    std::fs::remove_file(&file).unwrap();
}
