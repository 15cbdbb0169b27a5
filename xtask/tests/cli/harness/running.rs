//! `xtask` in a checkout, while it runs.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Checkout, Outcome, write};

/// Longer than anything here takes, also on a loaded machine: a hanging `xtask` fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(20);

impl Checkout {
    /// Cargo has built `xtask` and these, and nothing else: what else the tests' own directory has depends on who built what before.
    pub(crate) fn built(mut self, programs: &[&str]) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
        // A link: a program that this process has written may not be run while another thread starts one.
        std::fs::hard_link(env!("CARGO_BIN_EXE_xtask"), dir.path().join("xtask")).expect("linked");
        for name in programs {
            write(&dir.path().join(name), "");
        }
        self.built = Some(dir);
        self
    }

    /// Runs `cargo xtask` with `args` in the root of the checkout.
    pub(crate) fn run<const N: usize>(&self, args: [&str; N]) -> Outcome {
        self.start(args).finish()
    }

    /// Starts `cargo xtask` with `args` in the root of the checkout.
    pub(crate) fn start<const N: usize>(&self, args: [&str; N]) -> Running<'_> {
        self.start_in(&self.root(), &args)
    }

    /// Starts `cargo xtask` with `args` in `dir`.
    pub(crate) fn start_in(&self, dir: &Path, args: &[&str]) -> Running<'_> {
        let number = self.started.replace(self.started.get() + 1);
        if self.running.replace(self.running.get() + 1) == 0 {
            // Each run has a log of its own; what runs at the same time shares one.
            self.engine("log", "");
            self.engine("events", "");
        }
        let services = self.model["services"].as_object().expect("an object").keys();
        let hash = |service: &String| std::fs::read_to_string(self.dir.path().join(format!("engine/services/{service}/hash")));
        let hashes: String = services.map(|service| format!("{service} {}", hash(service).expect("readable"))).collect();
        self.engine("hashes", &hashes);
        self.engine("model.json", &self.model.to_string());
        // Only what is named here: the caller's own variables and programs must not decide how a test ends.
        let environment =
            BTreeMap::from([("PATH", self.dir.path().join("bin")), ("HOME", self.dir.path().to_owned()), ("PWD", dir.to_owned())]);
        // A file, so that a test can see what came so far.
        let (stdout, stderr) = (self.dir.path().join(format!("stdout-{number}")), self.dir.path().join(format!("stderr-{number}")));
        let program = self.built.as_ref().map_or_else(|| env!("CARGO_BIN_EXE_xtask").into(), |dir| dir.path().join("xtask"));
        let handle = duct::cmd(program, args)
            .full_env(environment)
            .dir(dir)
            .stdin_null()
            .stdout_path(&stdout)
            .stderr_path(&stderr)
            .unchecked()
            // A group of its own, as a shell gives it: a terminal sends Ctrl-C to all of it.
            .before_spawn(|command| {
                command.process_group(0);
                Ok(())
            })
            .start()
            .expect("xtask starts");
        Running { checkout: self, stdout, stderr, handle }
    }
}

/// An `xtask` that runs.
pub(crate) struct Running<'a> {
    checkout: &'a Checkout,
    stdout: PathBuf,
    stderr: PathBuf,
    handle: duct::Handle,
}

/// Who gets a signal.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// `xtask` alone, as from `kill`.
    Process,
    /// It and its children, as from a terminal.
    Group,
}

impl Running<'_> {
    /// Waits until the engine's log has a line that begins with `prefix`.
    pub(crate) fn until(self, prefix: &str) -> Self {
        self.until_times(prefix, 1)
    }

    /// Waits until the engine's log has so many lines that begin with `prefix`.
    pub(crate) fn until_times(self, prefix: &str, times: usize) -> Self {
        self.wait(prefix, || self.checkout.log().iter().filter(|line| line.starts_with(prefix)).count() >= times);
        self
    }

    /// Waits until `text` was written to stdout.
    pub(crate) fn until_output(self, text: &str) -> Self {
        self.wait(text, || std::fs::read_to_string(&self.stdout).is_ok_and(|all| all.contains(text)));
        self
    }

    /// Waits until `text` was written to stderr.
    pub(crate) fn until_said(self, text: &str) -> Self {
        self.wait(text, || std::fs::read_to_string(&self.stderr).is_ok_and(|all| all.contains(text)));
        self
    }

    fn wait(&self, what: &str, happened: impl Fn() -> bool) {
        let begin = Instant::now();
        while !happened() {
            let ended = self.handle.try_wait().expect("waited").is_some();
            assert!(!ended && begin.elapsed() < PATIENCE, "`{what}` did not happen: {:#?}", self.checkout.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asserts that it does not end within `time`.
    pub(crate) fn assert_goes_on(self, time: Duration) -> Self {
        assert!(self.handle.wait_timeout(time).expect("waited").is_none(), "xtask ended: {:#?}", self.checkout.log());
        self
    }

    /// Sends the signal `name` (`INT`, `TERM`).
    pub(crate) fn signal(self, name: &str, target: Target) -> Self {
        let pid = self.handle.pids()[0];
        let target = match target {
            Target::Process => pid.to_string(),
            Target::Group => format!("-{pid}"),
        };
        // The shell's own `kill` is everywhere; the program is not.
        duct::cmd!("/bin/sh", "-c", r#"kill -s "$0" -- "$1""#, name, target).run().expect("the signal is sent");
        self
    }

    /// Waits for the end.
    pub(crate) fn finish(self) -> Outcome {
        let output = self.handle.wait_timeout(PATIENCE).expect("waited");
        let Some(output) = output.cloned() else {
            self.signal("KILL", Target::Group);
            panic!("xtask did not end");
        };
        let checkout = self.checkout;
        checkout.running.set(checkout.running.get() - 1);
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(|path| std::fs::read(path).expect("readable"));
        let text = |bytes: &[u8]| checkout.filtered(&String::from_utf8_lossy(bytes));
        Outcome { code: output.status.code(), stdout: text(&stdout), stderr: text(&stderr), log: checkout.log() }
    }
}
