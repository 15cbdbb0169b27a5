//! The agent with a small workspace: what is built, what is cancelled, and what app containers see of it.
use crate::harness::{Client, Running, eventually, reloader, runs};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A workspace with the programs `one` and `two`, and `slow`, whose build script ends when `gate` is there.
struct Bench {
    directory: TempDir,
    agent: Option<Running>,
}

const GOOD: &str = "fn main() { println!(\"hello\"); }\n";
const BAD: &str = "fn main() { let number: u32 = \"text\"; }\n";

impl Bench {
    fn new() -> Self {
        let bench = Bench { directory: tempfile::tempdir().unwrap(), agent: None };
        bench.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\", \"slow\"]\n");
        for name in ["one", "two", "slow"] {
            bench.write(&format!("{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"));
            bench.write(&format!("{name}/src/main.rs"), GOOD);
        }
        let script = "use std::{fs, path::Path, process, thread, time::Duration};
            fn main() {
                fs::write(\"../started\", process::id().to_string()).unwrap();
                while !Path::new(\"../gate\").exists() { thread::sleep(Duration::from_millis(5)); }
            }\n";
        bench.write("slow/build.rs", script);
        bench
    }

    /// Starts the agent, again perhaps.
    fn start(&mut self) -> Client {
        self.agent = None;
        let mut command = reloader(["agent", "--package", "one", "--package", "two"]);
        command.arg("--workspace").arg(self.workspace()).arg("--out").arg(self.out());
        command.arg("--socket").arg(self.socket());
        command.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", self.directory.path().join("target")).env("CARGO_NET_OFFLINE", "true");
        self.agent = Some(Running::start(&mut command));
        self.client()
    }

    fn client(&self) -> Client {
        Client::connect(&self.socket())
    }

    fn workspace(&self) -> PathBuf {
        self.directory.path().join("workspace")
    }

    fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.workspace().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn is_built(&self) -> bool {
        reloader(["built"]).arg("--socket").arg(self.socket()).output().unwrap().status.success()
    }

    /// What the promoted build says.
    fn says(&self, program: &str) -> String {
        let output = crate::harness::command(self.out().join(program)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn build(id: u64, packages: &[&str]) -> Value {
    json!({ "build": { "id": id, "packages": packages } })
}

fn program<'a>(done: &'a Value, name: &str) -> &'a Value {
    done["programs"].as_array().unwrap().iter().find(|program| program["program"] == name).unwrap()
}

#[test]
fn programs_are_built_promoted_and_kept_over_restarts() {
    let mut bench = Bench::new();
    let mut client = bench.start();
    assert_eq!(client.hear("hello"), json!({ "programs": {}, "initial": "building" }));
    assert!(!bench.is_built());
    let done = client.answer(0, "done");
    assert_eq!((&done["ok"], &done["code"], &done["cancelled"]), (&true.into(), &0.into(), &false.into()));
    let built = client.status();
    assert_eq!((built["initial"].as_str(), &built["programs"]["one"]), (Some("built"), &program(&done, "one")["path"]));
    assert!(bench.is_built());
    assert_eq!(bench.says("one"), "hello\n");
    assert!(crate::harness::command(bench.out().join("reloader")).arg("--version").status().unwrap().success());

    // Nothing changed.
    client.send(&build(1, &["one"]));
    let again = client.answer(1, "done");
    let path = &program(&done, "one")["path"];
    assert_eq!(*program(&again, "one"), json!({ "program": "one", "path": path, "fresh": true }));

    // A change: built, but not promoted until somebody says so.
    bench.write("one/src/main.rs", &GOOD.replace("hello", "changed"));
    client.send(&build(2, &["one"]));
    let done = client.answer(2, "done");
    let new = program(&done, "one");
    assert_eq!(new["fresh"], false);
    assert_eq!(bench.says("one"), "hello\n");
    client.send(&json!({ "promote": { "program": "one", "path": new["path"] } }));
    assert_eq!(client.hear("promoted")["path"], new["path"]);
    assert_eq!(bench.says("one"), "changed\n");
    client.send(&json!({ "promote": { "program": "one", "path": "/etc/passwd" } }));
    assert!(client.hear("error")["reason"].as_str().unwrap().contains("is no build of `one`"));

    let mut client = bench.start();
    assert_eq!(client.hear("hello")["programs"]["one"], new["path"]);
    let done = client.answer(0, "done");
    assert_eq!(program(&done, "one"), &json!({ "program": "one", "path": new["path"], "fresh": true }));
}

#[test]
fn a_file_that_is_restored_with_its_old_time_is_built() {
    let mut bench = Bench::new();
    let mut client = bench.start();
    client.answer(0, "done");
    let source = bench.write("one/src/main.rs", &GOOD.replace("hello", "restored"));
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    File::open(&source).unwrap().set_modified(long_ago).unwrap();
    client.send(&json!({ "build": { "id": 1, "packages": ["one"], "touched": ["one/src/main.rs", "../outside"] } }));
    assert!(client.hear("talk").as_str().unwrap().contains("`../outside` changed, but cannot be marked"));
    let done = client.answer(1, "done");
    let new = program(&done, "one");
    assert_eq!(new["fresh"], false);
    client.send(&json!({ "promote": { "program": "one", "path": new["path"] } }));
    client.hear("promoted");
    assert_eq!(bench.says("one"), "restored\n");
}

#[test]
fn a_first_build_that_fails_is_told_to_those_who_come_later() {
    let mut bench = Bench::new();
    let mut first = bench.start();
    assert_eq!(first.answer(0, "done")["ok"], true);
    bench.write("two/src/main.rs", BAD);
    let mut first = bench.start();
    assert_eq!(first.answer(0, "done")["ok"], false);
    // The stack starts with the programs before.
    assert!(bench.is_built());
    assert_eq!(bench.says("two"), "hello\n");

    let mut client = bench.client();
    assert_eq!(client.hear("hello")["initial"], "failed");
    let error = loop {
        let message = client.hear("cargo");
        if message["reason"] == "compiler-message" && message["message"]["level"] == "error" {
            break message["message"].clone();
        }
    };
    assert_eq!(error["message"], "mismatched types");
    assert!(error["rendered"].as_str().unwrap().contains("\u{1b}["), "{error}");
    let done = client.answer(0, "done");
    assert_eq!((&done["ok"], &done["code"], &done["programs"]), (&false.into(), &101.into(), &json!([])));

    // Whatever is asked for first builds everything.
    bench.write("two/src/main.rs", GOOD);
    client.send(&build(5, &["one"]));
    assert_eq!(client.answer(5, "done")["programs"].as_array().unwrap().len(), 2);
    assert_eq!(client.status()["initial"], "built");
    assert!(bench.is_built());
    assert_eq!(bench.says("two"), "hello\n");
}

#[test]
fn a_first_build_that_fails_without_older_programs_is_the_end() {
    let mut bench = Bench::new();
    bench.write("two/src/main.rs", BAD);
    let mut client = bench.start();
    assert_eq!(client.answer(0, "done")["ok"], false);
    let (status, said) = bench.agent.take().unwrap().end();
    let said = said.join("\n");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("mismatched types") && said.contains("the sources do not compile, and there are no older programs"), "{said}");
    assert!(!bench.is_built());
}

#[test]
fn the_newest_build_wins_and_cancelled_ones_leave_nothing_running() {
    let mut bench = Bench::new();
    let mut client = bench.start();
    client.answer(0, "done");
    let script = bench.workspace().join("started");
    let hangs = |script: &Path| {
        eventually("the build script runs", || fs::read_to_string(script).is_ok_and(|pid| !pid.is_empty()));
        let pid = fs::read_to_string(script).unwrap().parse().unwrap();
        fs::remove_file(script).unwrap();
        pid
    };

    client.send(&build(1, &["slow"]));
    let pid: u64 = hangs(&script);
    client.send(&json!({ "cancel": { "id": 1 } }));
    let done = client.answer(1, "done");
    assert_eq!((&done["ok"], &done["cancelled"], &done["programs"]), (&false.into(), &true.into(), &json!([])));
    eventually("its build script has ended", || !runs(pid));

    client.send(&build(2, &["slow"]));
    let pid = hangs(&script);
    client.send(&build(3, &["slow"]));
    client.send(&build(4, &["two"]));
    // The one that never began, or has just begun, and the one that ran; in which order, the end of cargo decides.
    let mut ended: Vec<u64> = Vec::new();
    while ended.len() < 3 {
        let message = client.next().unwrap();
        if let Some(done) = message.get("done") {
            ended.push(message["id"].as_u64().unwrap());
            assert_eq!(done["cancelled"], message["id"] != 4, "{message}");
            assert_eq!(done["ok"], message["id"] == 4, "{message}");
        }
    }
    assert_eq!(ended[2], 4);
    eventually("its build script has ended", || !runs(pid));

    // Somebody else's request is cancelled by nobody else, and a client that leaves does not end its build.
    client.send(&build(5, &["slow"]));
    hangs(&script);
    let mut other = bench.client();
    other.send(&json!({ "cancel": { "id": 5 } }));
    assert_eq!(other.status()["initial"], "built");
    drop(client);
    bench.write("gate", "");
    eventually("the program is copied", || bench.out().join(".builds/slow-1").exists());
}

/// What the guard does about one that is unhealthy would end a build.
#[test]
fn an_agent_that_hangs_is_unhealthy_and_one_that_builds_is_not() {
    let mut bench = Bench::new();
    let mut client = bench.start();
    client.answer(0, "done");
    client.send(&build(1, &["slow"]));
    let script = bench.workspace().join("started");
    eventually("the build script runs", || script.exists());
    assert!(bench.is_built());
    let agent = bench.agent.as_ref().unwrap();
    agent.signal("STOP");
    assert!(!bench.is_built());
    agent.signal("CONT");
    assert!(bench.is_built());
    bench.write("gate", "");
    assert_eq!(client.answer(1, "done")["ok"], true);
    bench.agent.take().unwrap().terminate();
    assert!(!bench.is_built(), "nobody listens");
}

#[test]
fn sigterm_ends_a_build_that_runs() {
    let mut bench = Bench::new();
    let mut client = bench.start();
    client.answer(0, "done");
    client.send(&build(1, &["slow"]));
    let script = bench.workspace().join("started");
    eventually("the build script runs", || fs::read_to_string(&script).is_ok_and(|pid| !pid.is_empty()));
    let pid = fs::read_to_string(&script).unwrap().parse().unwrap();
    let (status, _) = bench.agent.take().unwrap().terminate();
    assert_eq!(status.code(), Some(0));
    assert_eq!(client.answer(1, "done")["cancelled"], true);
    eventually("the build script has ended", || !runs(pid));
}
