//! `doctor`: nothing wrong where nothing is, ten faults by ten names, an engine that hangs, and a file that has no secret in it.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Checkout, Outcome, Reply};

fn running() -> Checkout {
    let checkout = Checkout::new().committed("");
    checkout.run(["up"]).success();
    checkout
}

/// The checks of `doctor --json`: whether each is as it should be, by name.
fn checks(outcome: &Outcome) -> Vec<Value> {
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("no report ({error}): {outcome}"));
    assert_eq!(report["schema"], 1);
    report["checks"].as_array().expect("a list").clone()
}

fn failed(checks: &[Value]) -> Vec<&str> {
    checks.iter().filter(|check| check["ok"] == false).map(|check| check["name"].as_str().expect("a name")).collect()
}

#[test]
fn nothing_is_wrong_where_nothing_is() {
    let checkout = running();
    let outcome = checkout.run(["doctor", "--json"]);
    let checks = checks(&outcome);
    assert_eq!(failed(&checks), [""; 0], "{outcome}");
    assert!(checks.len() >= 25, "{}", checks.len());
    let changes: Vec<&str> = outcome.mutations().into_iter().filter(|call| !call.starts_with("container exec ")).collect();
    assert_eq!((outcome.code, changes), (Some(0), vec![]), "it changes nothing");
}

#[test]
fn a_machine_with_many_faults_at_once_hears_of_each() {
    let mut checkout = running();
    std::fs::remove_file(checkout.root().join("infra/secrets/local/password")).expect("removed");
    checkout.mode("infra/secrets/local", 0o755);
    checkout.kill("redis");
    checkout.file("proxy/Dockerfile", "FROM nginx\n");
    checkout.model["services"]["proxy"]["build"]["context"] = json!(checkout.root().join("proxy"));
    checkout.model["volumes"] = json!({ "uploads": { "name": "slipway_uploads" } });
    let info = json!({ "DockerRootDir": "/nowhere", "MemTotal": 1 << 30, "NCPU": 1, "SystemTime": "2020-01-01T00:00:00Z", "CgroupVersion": "1",
        "MemoryLimit": true, "CpuCfsQuota": true, "PidsLimit": false });
    let checkout = checkout
        .without_image("postgres:17")
        .ignoring_nothing()
        .docker("buildx version", Reply::fails(1, "docker: 'buildx' is not a docker command.\n"))
        .docker("buildx du", Reply::says("Reclaimable:\t30GB\n"))
        .docker("info *", Reply::says(&info.to_string()))
        .docker("ps --all --filter label=slipway.environment *", Reply::says("old-db-1\tslipway-old\t/nowhere/infra\n"))
        .docker("image inspect *", Reply::says(&"\"2020-01-01T00:00:00Z\" null\n".repeat(3)))
        .docker("container exec * migrate status", Reply::says("applied 20260101000000 begin\npending 20260102000000 next\n"))
        .docker("container exec * getent hosts *", Reply::fails(2, ""));
    let outcome = checkout.run(["doctor", "--json"]);
    let found = checks(&outcome);
    let expected = [
        "buildx",
        "cgroup",
        "clock",
        "memory",
        "processors",
        "wasted-space",
        "abandoned-stacks",
        "secrets",
        "secrets-private",
        "secrets-ignored",
        "base-images",
        "outdated-images",
        "backup",
        "stack",
        "migrations",
        "container-dns",
    ];
    assert_eq!((failed(&found), outcome.code), (expected.to_vec(), Some(1)), "{outcome}");
    let text = checkout.run(["doctor"]).stdout;
    for name in expected {
        assert!(text.lines().any(|line| line.starts_with("failed") && line.contains(&format!(" {name} "))), "{name}: {text}");
        let fix = text
            .lines()
            .filter_map(|line| line.strip_prefix("fix for ")?.split_once(": "))
            .find(|(names, _)| names.split(", ").any(|other| other == name));
        assert!(fix.is_some_and(|(_, fix)| !fix.is_empty()), "{name}: {text}");
    }
}

#[test]
fn an_engine_that_hangs_is_named_and_nobody_waits_for_it() {
    let outcome = running().hanging().run(["doctor", "--json"]);
    let checks = checks(&outcome);
    let of = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {outcome}"));
    assert_eq!(of("engine")["detail"], "`docker version` did not answer in time");
    assert_eq!((&of("memory")["known"], &of("stack")["known"], &of("port")["known"]), (&false.into(), &false.into(), &false.into()));
    assert_eq!(of("environment")["ok"], true, "what needs no engine is judged");
    let fix = of("stack")["fix"].as_str().expect("a fix");
    assert!(fix.starts_with("restart the engine"), "{fix}");
}

/// Every file below `directory`, by its name there.
fn files(directory: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(directory).expect("readable").flatten().map(|entry| entry.path());
    let mut found: Vec<(String, String)> = entries
        .flat_map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                files(&path).into_iter().map(|(rest, text)| (format!("{name}/{rest}"), text)).collect()
            } else {
                vec![(name, std::fs::read_to_string(&path).expect("text"))]
            }
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_file_for_a_bug_report_has_everything_but_secrets() {
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----\n";
    const WEBHOOK: &str = "https://hooks.example.com/services/T0/B0/planted";
    let mut checkout = running().with_programs(&["tar", "gzip"]);
    checkout.file("infra/secrets/local/password", "planted\"local&password\n");
    checkout.file("infra/secrets/production/tls_key", KEY);
    checkout.file("infra/secrets/staging/database_url", "postgres://board:planted-external@db.example.com/board\n");
    checkout.file("outside/token", "planted-outside-token\n");
    checkout.file(
        "infra/env/local.override.toml",
        &format!("[notify]\nwebhook = \"{WEBHOOK}\"\n[variables]\nMAIL_URL = \"smtp://board:planted/mail@mail.example.com\"\n"),
    );
    checkout.file("target/slipway.guard.log", &format!("cannot post to {WEBHOOK}\nbackend is restarted\n"));
    checkout.model["secrets"]["token"] = json!({ "file": checkout.root().join("outside/token") });
    checkout.model["services"]["backend"]["secrets"] = json!([{ "source": "token" }]);
    checkout.model["services"]["backend"]["environment"] =
        json!({ "MAIL_URL": "smtp://board:planted/mail@mail.example.com", "PASSWORD": "planted\"local&password", "PLAIN": "innocent" });
    let logged = [
        "2026-01-01T00:00:01Z the line before",
        "2026-01-01T00:00:02Z {\"error\":\"planted\\\"local&password was refused\"}",
        "2026-01-01T00:00:03Z {\"error\":\"planted\\\"local\\u0026password was refused\"}",
        "2026-01-01T00:00:04Z cannot connect to redis://:planted@redis:6379/0 or https://planted-token@example.com/",
        "2026-01-01T00:00:05Z password planted-external, token planted-outside-token, key AQEFAASCBKcwggSjAgEAAoIB",
        "2026-01-01T00:00:06Z GET /?next=postgres%3A%2F%2Fboard%3Aplanted-external%40db.example.com%2Fboard",
        "",
    ];
    let checkout = checkout
        .docker("container logs --timestamps * slipway-backend-1", Reply::says(&logged.join("\n")))
        .docker("container logs --timestamps *", Reply::says(""))
        .docker(
            "version *",
            Reply::says(r#"{"Client":{"Version":"26.1.5"},"Server":{"Version":"26.1.5","Proxy":"http://me:planted@proxy:3128"}}"#),
        );
    let outcome = checkout.run(["doctor", "--bundle", "report.tar.gz"]).success();
    assert_eq!(outcome.stdout, "report.tar.gz\n");
    assert!(outcome.stderr.contains("look at it before you send it"), "{outcome}");
    let out = checkout.root().join("out");
    std::fs::create_dir(&out).expect("created");
    duct::cmd!("tar", "--extract", "--file", checkout.root().join("report.tar.gz"), "--directory", &out, "--strip-components", "1")
        .run()
        .expect("an archive");
    let files = files(&out);
    for (name, text) in &files {
        assert!(outcome.stderr.contains(&format!("  {name}: ")), "{name} is named: {outcome}");
        for secret in ["planted", "MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIB", "hooks.example.com/services"] {
            assert!(!text.contains(secret), "{name}: {text}");
        }
    }
    let text = |name: &str| {
        files.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("no {name}: {outcome}"))
    };
    let report: Value = serde_json::from_str(text("doctor.json")).expect("JSON");
    assert!(report["checks"].as_array().is_some_and(|checks| checks.len() >= 25));
    let status: Value = serde_json::from_str(text("status.json")).expect("JSON");
    assert_eq!(status["services"].as_array().map(Vec::len), Some(6));
    assert!(text("environment.json").contains("proxy.port") && text("versions.txt").contains("26.1.5"));
    assert!(text("model.json").contains("innocent") && text("guard.log").contains("backend is restarted"));
    assert!(text("git.txt").starts_with("0123456789abcdef0123456789abcdef01234567"), "{}", text("git.txt"));
    let log = text("logs/slipway-backend-1.log");
    assert!(log.contains("the line before") && log.matches("«redacted»").count() >= 7, "{log}");
    // Nothing of it is left beside it, nobody else reads it, and no second one takes its place.
    assert!(
        std::fs::read_dir(checkout.root().join("target"))
            .expect("there")
            .flatten()
            .all(|entry| !entry.file_name().to_string_lossy().contains("doctor"))
    );
    insta::assert_snapshot!("bundle_is_there", checkout.run(["doctor", "--bundle", "report.tar.gz"]));
    insta::assert_snapshot!("bundle_nowhere", checkout.run(["doctor", "--bundle", "nowhere/report.tar.gz"]));
}
