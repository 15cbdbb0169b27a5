//! `smoke` against the real stack: nothing wrong where nothing is, and the broken component by its name.

mod breaks;

use std::time::{Duration, Instant};

use serde_json::Value;

use self::breaks::{BREAKS, Mend};
use crate::harness::checkout::Checkout;
use crate::harness::{Stack, alone, eventually, shared};
use crate::start::free_port;

/// How long the stack may take to be as before once it was mended.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often a healthy stack is asked; `TEST_RUNS` says otherwise.
fn runs() -> u32 {
    std::env::var("TEST_RUNS").map_or(2, |count| count.parse().expect("TEST_RUNS is a number"))
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

/// What `smoke` finds, and after how many seconds.
fn timed(stack: &Stack) -> (Value, f64) {
    let begin = Instant::now();
    let report = smoke(stack, &[]);
    (report, begin.elapsed().as_secs_f64())
}

/// Asks until nothing is wrong any more; how many seconds that took.
async fn well_again(stack: &Stack, after: &str) -> f64 {
    let begin = Instant::now();
    eventually(&format!("all is well after: {after}"), PATIENCE, || async {
        let left = failures(&smoke(stack, &[]));
        if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
    })
    .await;
    begin.elapsed().as_secs_f64()
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
    assert!(none.code == 1 && none.stderr.contains("the tags there are: dependencies, "), "{none:?}");
}

#[tokio::test]
async fn the_component_that_is_broken_is_named_first() {
    let (stack, _turn) = alone().await;
    for fault in &BREAKS {
        fault.act(&stack);
        let mend = Mend(&stack, fault);
        let (report, named) = timed(&stack);
        let found = failures(&report);
        assert_eq!(report["broken"][0], fault.component, "{}: {found:#?}", fault.what);
        let own = |line: &&String| line.starts_with(&format!("\"{}\"", fault.component));
        assert!(found.iter().filter(own).any(|line| line.contains(fault.says)), "{}: {found:#?}", fault.what);
        let status = stack.xtask(&["status"]).good().stdout;
        assert!(status.contains(&format!("ago; broken: {}", fault.component)), "{}: {status}", fault.what);
        drop(mend);
        let well = well_again(&stack, fault.what).await;
        eprintln!("{}: {} named after {named:.1} s, well {well:.1} s after it was mended", fault.what, fault.component);
    }
    // From elsewhere nobody sees containers, and the proxy's own answer for a backend that is not there is no word about the database.
    let backend = stack.stop("backend");
    let report = smoke(&stack, &["--url", &stack.url]);
    assert_eq!(report["broken"], serde_json::json!(["backend"]), "{:#?}", failures(&report));
    backend.start();
    well_again(&stack, "a backend that is elsewhere").await;
    // Two that were stopped are two.
    let stopped = ["redis", "worker"].map(|service| stack.stop(service));
    let report = smoke(&stack, &[]);
    assert_eq!(report["broken"], serde_json::json!(["redis", "worker"]), "{:#?}", failures(&report));
    drop(stopped);
    well_again(&stack, "two that were stopped").await;
    // Compose takes a container for right that somebody took out of a network; `up` does not.
    stack.docker(&["network", "disconnect", &format!("{}_app", stack.project), &stack.container("frontend")]).good();
    assert_eq!(smoke(&stack, &[])["broken"][0], "frontend");
    let up = stack.xtask(&["up"]).good();
    assert!(up.stderr.contains("frontend is not connected to the network `app`"), "{up:?}");
    well_again(&stack, "a container out of its network").await;
    // Settings that were never loaded: those of another environment are expected.
    let begin = Instant::now();
    let other = stack.xtask_as("local", &["smoke", "--json", "--url", &stack.url, "--tag", "settings"]);
    let report: Value = serde_json::from_str(&other.stdout).unwrap();
    assert_eq!((other.code, &report["broken"][0]), (1, &"settings".into()), "{other:?}");
    eprintln!("other settings: settings named after {:.1} s", begin.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_by_whose_it_is() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "brimful", &["worker"], free_port());
    let stack = &checkout.stack;
    let volumes = [("postgres-data", "size=200m,uid=999,mode=0700", "db"), ("media", "size=1m,mode=1777", "media")];
    for (volume, options, _) in volumes {
        let bounded = format!("  {volume}: {{ labels: *labels, driver_opts: {{ type: tmpfs, device: tmpfs, o: \"{options}\" }} }}");
        checkout.edit("infra/compose.yaml", &format!("  {volume}: {{ labels: *labels }}"), &bounded);
    }
    stack.xtask(&["up"]).good();
    assert_eq!(failures(&smoke(stack, &[])), Vec::<String>::new());
    let image = stack.inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned();
    // What is in memory is gone when nobody has it mounted: these end with the test, when nothing comes from their stdin any more.
    let _holders = volumes.map(|(volume, ..)| {
        let (mount, image) = (format!("{}_{volume}:/held:nocopy", stack.project), image.as_str());
        let cat = ["run", "--rm", "--interactive", "--label", "com.docker.compose.project=", "--network", "none", "--volume"];
        stack.docker_start(&[&cat[..], &[&mount, "--entrypoint", "cat", image]].concat())
    });
    for (volume, _, component) in volumes {
        let mount = format!("{}_{volume}:/full:nocopy", stack.project);
        let run = |script: &str| {
            // Never the disk of this machine.
            let script = format!("test $(stat --file-system --format %T /full) = tmpfs && {script}");
            let helper = ["run", "--rm", "--user", "0", "--label", "com.docker.compose.project=", "--network", "none", "--volume", &mount];
            stack.docker(&[&helper[..], &["--entrypoint", "bash", &image, "-c", &script]].concat())
        };
        run("dd if=/dev/zero of=/full/junk bs=4096 2>/dev/null; df /full | grep 100%").good();
        if component == "db" {
            // It writes on into files that it has already, until one of them is full: then it ends, and comes back, and ends.
            eventually("no room for the log", PATIENCE, || async {
                let psql = [
                    "exec",
                    &stack.container("db"),
                    "psql",
                    "--username=slipway",
                    "--command=SELECT pg_logical_emit_message(true, 'a', 'b'), pg_switch_wal()",
                ];
                if stack.docker(&psql).code == 0 { Err("it goes on") } else { Ok(()) }
            })
            .await;
        }
        let (report, named) = timed(stack);
        assert_eq!(report["broken"][0], component, "{:#?}", failures(&report));
        run("rm /full/junk").good();
        let well = well_again(stack, component).await;
        eprintln!("full disk: {component} named after {named:.1} s, well {well:.1} s after there was room again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_ended_is_named() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::production(&shared, "ended", free_port());
    let stack = &checkout.stack;
    checkout.edit("infra/env/test.toml", "site.aliases = [\"localhost\"]", "site = { domain = \"localhost\" }");
    stack.xtask(&["secrets", "init"]).good();
    stack.xtask(&["up", "--yes"]).good();
    assert_eq!(failures(&smoke(stack, &[])), Vec::<String>::new());
    let script = "openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout /tmp/key -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -not_before 20250101000000Z -not_after 20260101000000Z \
         2>/dev/null && cat /tmp/key";
    let pair = stack.beside("proxy", script, &[]).good().stdout;
    let (certificate, key) = pair.split_at(pair.find("-----BEGIN PRIVATE KEY").unwrap());
    std::fs::write(checkout.path("infra/secrets/test/tls_certificate"), certificate).unwrap();
    std::fs::write(checkout.path("infra/secrets/test/tls_key"), key).unwrap();
    stack.xtask(&["restart", "proxy", "--yes"]).good();
    let (report, named) = timed(stack);
    let found = failures(&report);
    assert_eq!(report["broken"][0], "proxy", "{found:#?}");
    assert!(found.iter().any(|line| line.contains("expired")), "{found:#?}");
    stack.xtask(&["secrets", "rotate", "tls_certificate", "--yes"]).good();
    let well = well_again(stack, "expired certificate").await;
    eprintln!("expired certificate: proxy named after {named:.1} s, well {well:.1} s after `secrets rotate`");
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
