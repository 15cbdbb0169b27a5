//! A stack under development: a copy of the sources with `cargo xtask dev` on it, for tests that edit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::RwLockWriteGuard;

use super::command::Running;
use super::{Stack, alone};

/// How long a save may take to be live. The first build of all compiles every dependency.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const FIRST_BUILD: Duration = Duration::from_secs(1200);

/// The environment: what `local` starts, and the browser of `test`.
const ENVIRONMENT: &str = r#"log_level = "info"
[compose]
files = ["compose.yaml", "compose.dev.yaml", "compose.test.yaml"]
profiles = ["worker", "mail", "browser"]
[site]
aliases = ["127.0.0.1", "proxy"]
[build]
profile = "dev"
[proxy]
port = 21080
port_fallback = true
[secrets]
generate = true
"#;

/// A copy of the checkout, and `cargo xtask dev` at work on it. The stack stops when this goes; what was compiled stays for the next test, and
/// `cargo xtask test` removes it at the end.
pub(crate) struct Workshop {
    /// The stack that is developed.
    pub(crate) stack: Stack,
    dev: Running,
    root: PathBuf,
    /// The shared stack has the machine for itself when this is over.
    _turn: RwLockWriteGuard<'static, ()>,
}

impl Workshop {
    /// Makes the copy like the checkout again, and starts `cargo xtask dev` on it.
    pub(crate) async fn open() -> Self {
        let (shared, turn) = alone().await;
        let instance = format!("{}-dev", shared.instance);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&instance);
        bring(Path::new(&shared.root), &root, &shared);
        fs::write(root.join("infra/env/test.toml"), ENVIRONMENT).unwrap();
        // A load test asks more often than people would.
        fs::copy(root.join("infra/bench/rates.conf"), root.join("proxy/conf/rates.conf")).unwrap();
        let stack = Stack {
            project: format!("slipway-{instance}"),
            root: root.display().to_string(),
            // What is compiled on the host, such as the smoke test, is compiled with the libraries that are there.
            variables: vec![
                ("IMAGE_TAG".to_owned(), instance.clone()),
                ("CARGO_TARGET_DIR".to_owned(), Path::new(&shared.root).join("target").display().to_string()),
            ],
            instance,
            ..shared
        };
        let mut dev = stack.xtask_start(&["dev", "--timeout", "300"]);
        dev.see("Slipway is up", FIRST_BUILD);
        dev.see("all sources → built", FIRST_BUILD);
        let mut workshop = Self { stack, dev, root, _turn: turn };
        workshop.find();
        workshop.stack.skipper().await;
        workshop
    }

    /// Asks the engine where the services answer.
    pub(crate) fn find(&mut self) {
        let port = |service: &str, port: &str| {
            let ports = self.stack.docker(&["port", &self.stack.container(service), port]).good().stdout;
            ports.lines().next().and_then(|address| address.rsplit_once(':')).unwrap_or_else(|| panic!("{service}: {ports}")).1.to_owned()
        };
        let (url, webdriver) = (port("proxy", "80"), port("browser", "4444"));
        self.stack.url = format!("http://localhost:{url}");
        self.stack.webdriver = format!("http://localhost:{webdriver}");
    }

    /// A file of the copy.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// What is in a file of the copy.
    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file of the copy, as an editor that saves in place.
    pub(crate) fn save(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    /// Replaces `from` in a file of the copy.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        assert!(text.contains(from), "`{from}` is not in {path}:\n{text}");
        self.save(path, &text.replace(from, to));
    }

    /// Waits until `cargo xtask dev` has written a line that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn see(&mut self, text: &str) -> String {
        self.dev.see(text, PATIENCE)
    }

    /// Everything that `cargo xtask dev` has written so far.
    pub(crate) fn said(&mut self) -> &[String] {
        self.dev.said()
    }

    /// How many changes have ended that name `path`, or `what`ever else is in their line.
    pub(crate) fn ended(&mut self, what: &str) -> usize {
        self.said().iter().filter(|line| line.contains(" → ") && line.contains(what)).count()
    }

    /// Kills `cargo xtask dev`, which would stop what it started if it were asked to end: the stack goes on.
    pub(crate) fn abandon(&mut self) {
        self.dev.signal("KILL");
    }

    /// Runs a program in the copy.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        self.stack.run(program, args, "").good().stdout
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // With `dev` gone, what it started is stopped by the command that anybody would use.
        self.dev.stop();
        let down = self.stack.xtask(&["down"]);
        if std::thread::panicking() {
            eprintln!("the last lines of `cargo xtask dev`:");
            // What it says itself, and requests that failed: the rest of the logs would bury it.
            let told = |line: &&String| !line.contains("-1 ") || line.contains("\"status\":50") || line.contains("[error]");
            let said: Vec<&String> = self.dev.said().iter().filter(told).collect();
            said[said.len().saturating_sub(80)..].iter().for_each(|line| eprintln!("  {line}"));
        } else {
            assert_eq!(down.code, 0, "`down` failed: {}", down.stderr);
        }
    }
}

/// Makes `to` hold the files of the checkout at `from` that git does not ignore, and no other: what is the same is not touched, so that cargo sees
/// no change in it.
fn bring(from: &Path, to: &Path, shared: &Stack) {
    let list = shared.run("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"], "").good().stdout;
    let wanted: BTreeSet<PathBuf> = list.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    let mut there = Vec::new();
    walk(to, to, &mut there);
    for path in there.iter().filter(|path| !wanted.contains(*path) && !path.starts_with("infra/secrets")) {
        fs::remove_file(to.join(path)).unwrap();
    }
    // Files that were removed, and not yet from git's index, are no files.
    for path in wanted.iter().filter(|path| from.join(path).is_file()) {
        let new = fs::read(from.join(path)).unwrap();
        let target = to.join(path);
        if fs::read(&target).ok().as_ref() != Some(&new) {
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            // With its permissions: some are programs.
            fs::copy(from.join(path), &target).unwrap();
        }
    }
}

fn walk(root: &Path, dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if entry.file_name() == ".git" {
            fs::remove_dir_all(&path).unwrap();
        } else if path.is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}
