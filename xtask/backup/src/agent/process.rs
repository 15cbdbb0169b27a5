//! Child processes: their streams, their exit codes, and the last of what they say. No exit code is ever lost in a pipe.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::Context as _;

use super::failure::Failure;
use super::lifeline;

/// What is kept of a child's stderr.
const SAID: u64 = 256 << 10;

/// A child, not yet started.
pub(crate) struct Program {
    command: Command,
    name: String,
}

/// A child that runs.
pub(crate) struct Running {
    child: Child,
    name: String,
    stderr: Option<JoinHandle<String>>,
}

/// How a child ended.
pub(crate) struct Ended {
    /// Its exit code; nothing when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to stderr.
    pub(crate) said: String,
}

impl Program {
    /// `name` with nothing on stdin, its stdout thrown away.
    pub(crate) fn new(name: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is where the agent's children are started")]
        let mut command = Command::new(name);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { command, name: name.to_owned() }
    }

    /// With arguments.
    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    /// With the argument `<option>=<path>`, whatever is in the path.
    pub(crate) fn arg_path(mut self, option: &str, path: &std::path::Path) -> Self {
        let mut arg = std::ffi::OsString::from(format!("{option}="));
        arg.push(path);
        self.command.arg(arg);
        self
    }

    /// With `path` as an argument.
    pub(crate) fn arg_file(mut self, path: &std::path::Path) -> Self {
        self.command.arg(path);
        self
    }

    /// With variables.
    pub(crate) fn envs<'a>(mut self, envs: impl IntoIterator<Item = &'a (String, String)>) -> Self {
        self.command.envs(envs.into_iter().map(|(name, value)| (name, value)));
        self
    }

    /// With a pipe to its stdin.
    pub(crate) fn fed(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// With a pipe from its stdout.
    pub(crate) fn read(mut self) -> Self {
        self.command.stdout(Stdio::piped());
        self
    }

    /// With stdout into `file`.
    pub(crate) fn into_file(mut self, file: std::fs::File) -> Self {
        self.command.stdout(file);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program, or nobody wants its result any more.
    pub(crate) fn start(mut self) -> anyhow::Result<Running> {
        lifeline::check()?;
        let mut child = self.command.spawn().with_context(|| format!("cannot run `{}`", self.name))?;
        lifeline::adopt(child.id());
        let stderr = child.stderr.take().map(|stderr| {
            std::thread::spawn(move || {
                let mut stderr = stderr;
                let mut kept = Vec::new();
                let _ = stderr.by_ref().take(SAID).read_to_end(&mut kept);
                // A full pipe would stop the child.
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
                String::from_utf8_lossy(&kept).into_owned()
            })
        });
        Ok(Running { child, name: self.name, stderr })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        self.start()?.succeed()
    }

    /// Runs it; returns its end and what it wrote to stdout, which is text and not much.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(crate) fn output(self) -> anyhow::Result<(Ended, String)> {
        let mut running = self.read().start()?;
        let mut text = String::new();
        running.stdout()?.read_to_string(&mut text).with_context(|| format!("cannot read what `{}` says", running.name))?;
        Ok((running.end()?, text))
    }
}

impl Running {
    /// Its stdin, once.
    pub(crate) fn stdin(&mut self) -> anyhow::Result<ChildStdin> {
        self.child.stdin.take().context("a piped stdin")
    }

    /// Its stdout, once.
    pub(crate) fn stdout(&mut self) -> anyhow::Result<ChildStdout> {
        self.child.stdout.take().context("a piped stdout")
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it was ended because nobody wants its result any more.
    pub(crate) fn end(mut self) -> anyhow::Result<Ended> {
        let status = self.child.wait().with_context(|| format!("cannot wait for `{}`", self.name))?;
        lifeline::forget(self.child.id());
        let said = self.stderr.take().and_then(|stderr| stderr.join().ok()).unwrap_or_default();
        lifeline::check()?;
        Ok(Ended { code: status.code(), said })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn succeed(self) -> anyhow::Result<()> {
        let name = self.name.clone();
        let ended = self.end()?;
        if ended.code == Some(0) { Ok(()) } else { Err(ended.failure(&name).into()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever failed beside it does not wait; nothing is left behind.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        lifeline::forget(self.child.id());
    }
}

impl Ended {
    /// The failure of a program that ended so.
    pub(crate) fn failure(&self, name: &str) -> Failure {
        let how = self.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("failed with exit code {code}"));
        let lines: Vec<&str> = self.said.lines().filter(|line| !line.trim().is_empty()).collect();
        let failure = Failure::new(format!("`{name}` {how}"));
        let failure = lines[lines.len().saturating_sub(12)..].iter().fold(failure, |failure, line| failure.detail(short(line)));
        let says = |text: &str| self.said.contains(text);
        if says("No space left on device") && says("ERROR: ") {
            // What the server says, of its own files.
            failure.hint("make room where the volume of the database is")
        } else if says("No space left on device") {
            failure.hint("there is no room left: make some, or let `backup.directory` name another place")
        } else if says("server closed the connection unexpectedly") {
            failure.hint("the log of the database says why it ended")
        } else {
            failure
        }
    }
}

/// A line that names a path of kilobytes, without most of it.
fn short(line: &str) -> String {
    let count = line.chars().count();
    let piece = |skip, take| line.chars().skip(skip).take(take).collect::<String>();
    if count <= 400 { line.to_owned() } else { format!("{}[…]{}", piece(0, 200), piece(count - 150, 150)) }
}
