//! Child processes: an [`Invocation`] is plain data that builders return and tests compare; running it happens here and nowhere else.

mod attentive;
mod conversation;
mod detached;
mod feed;
mod stream;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

pub(crate) use self::conversation::Conversation;
pub(crate) use self::detached::Detached;
pub(crate) use self::stream::Stream;
use crate::report::Failure;

/// One command line, not yet run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    dir: Option<PathBuf>,
    apart: bool,
    foreign: bool,
}

/// What a finished child left behind.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// The exit code; -1 when a signal ended the child.
    pub(crate) code: i32,
    /// Everything it wrote to stdout.
    pub(crate) stdout: String,
    /// Everything it wrote to stderr.
    pub(crate) stderr: String,
}

impl From<&std::process::Output> for Output {
    fn from(output: &std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Invocation {
    /// A command line of `program` without arguments.
    pub(crate) fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), dir: None, apart: false, foreign: false }
    }

    /// Appends one argument.
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Appends several arguments.
    pub(crate) fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets variables on top of the inherited environment.
    pub(crate) fn envs<'a>(mut self, env: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        self.env.extend(env.into_iter().map(|(key, value)| (key.clone(), value.clone())));
        self
    }

    /// Sets one variable on top of the inherited environment.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Runs in `dir` instead of the current directory.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    /// Ctrl-C does not reach it: whoever talks with it, or waits for it, decides what becomes of it, and of what it has started.
    pub(crate) fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    /// It shows what others wrote, as a container does: that never reaches a terminal as it is.
    pub(crate) fn foreign(mut self) -> Self {
        self.foreign = true;
        self
    }

    fn expression(&self) -> duct::Expression {
        let mut expression = duct::cmd(&self.program, self.args.iter().map(OsString::from));
        for (key, value) in &self.env {
            expression = expression.env(key, value);
        }
        if let Some(dir) = &self.dir {
            // A shell leaves the name there by which its user came, and Compose believes it: through a symbolic link every path would be another one.
            expression = expression.dir(dir).env("PWD", dir);
        }
        #[cfg(unix)]
        if self.apart {
            expression = expression.before_spawn(|command| {
                std::os::unix::process::CommandExt::process_group(command, 0);
                Ok(())
            });
        }
        expression
    }

    /// Runs with nothing on stdin and keeps what it writes.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn capture(&self) -> anyhow::Result<Output> {
        self.finish(self.expression().stdin_null())
    }

    /// Runs with `input` on stdin and keeps what it writes.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn capture_with(&self, input: String) -> anyhow::Result<Output> {
        self.finish(self.expression().stdin_bytes(input))
    }

    fn finish(&self, expression: duct::Expression) -> anyhow::Result<Output> {
        let output = expression.stdout_capture().stderr_capture().unchecked().run();
        Ok(Output::from(&output.with_context(|| format!("cannot run `{}`", self.program))?))
    }

    /// Runs with nothing on stdin and keeps what it writes; nothing where it has not ended by `deadline`: it is ended then.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn capture_until(&self, deadline: Instant) -> anyhow::Result<Option<Output>> {
        self.finish_until(self.expression().stdin_null(), deadline)
    }

    /// The same with `input` on stdin.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn capture_with_until(&self, input: String, deadline: Instant) -> anyhow::Result<Option<Output>> {
        self.finish_until(self.expression().stdin_bytes(input), deadline)
    }

    fn finish_until(&self, expression: duct::Expression, deadline: Instant) -> anyhow::Result<Option<Output>> {
        let place = || format!("cannot run `{}`", self.program);
        let handle = expression.stdout_capture().stderr_capture().unchecked().start().with_context(place)?;
        let output = handle.wait_deadline(deadline).with_context(place)?.map(Output::from);
        if output.is_none() {
            self.end(&handle);
        }
        Ok(output)
    }

    /// Ends it; where it is apart, with what it has started.
    fn end(&self, handle: &duct::Handle) {
        // One that ended meanwhile is what was wanted.
        #[cfg(unix)]
        if self.apart {
            let groups = handle.pids().into_iter().filter_map(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
            for group in groups {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
        let _ = handle.kill();
    }

    /// Runs and returns its stdout; a non-zero exit is an error that shows the command and its stderr.
    ///
    /// # Errors
    /// When the program cannot be started or fails.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        let output = self.capture()?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        Err(self.failed(&output).into())
    }

    /// The same, as it was written: names of files need not be text.
    ///
    /// # Errors
    /// When the program cannot be started or fails.
    pub(crate) fn read_bytes(&self) -> anyhow::Result<Vec<u8>> {
        let output = self.expression().stdin_null().stdout_capture().stderr_capture().unchecked().run();
        let output = output.with_context(|| format!("cannot run `{}`", self.program))?;
        if output.status.success() { Ok(output.stdout) } else { Err(self.failed(&Output::from(&output)).into()) }
    }

    /// The error for an invocation that ended with `output`.
    pub(crate) fn failed(&self, output: &Output) -> Failure {
        let mut failure = Failure::new(format!("`{}` failed with exit code {}", self.short(), output.code));
        for line in last_lines(&output.stderr, 12) {
            failure = failure.detail(line);
        }
        failure
    }

    /// The error for an invocation that ended with `code` and wrote `lines`: those that say why, which for a build is its summary of the step that failed.
    pub(crate) fn failed_after(&self, code: i32, lines: &[String]) -> Failure {
        const FEW: usize = 20;
        const MANY: usize = 80;
        let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).filter(|line| !line.is_empty()).collect();
        let summary = lines.iter().position(|line| *line == "------");
        let begin = summary.unwrap_or_else(|| lines.len().saturating_sub(FEW)).max(lines.len().saturating_sub(MANY));
        lines[begin..]
            .iter()
            .fold(Failure::new(format!("`{}` failed with exit code {code}", self.short())), |failure, line| failure.detail(*line))
    }

    /// Runs, giving each line of stdout and stderr to `say` as it comes; returns the exit code and all lines.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn watch(&self, mut say: impl FnMut(&str)) -> anyhow::Result<(i32, Vec<String>)> {
        use std::io::BufRead as _;
        let stream = self.stream()?;
        let mut lines = Vec::new();
        for line in std::io::BufReader::new(stream.clone()).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            say(&line);
            lines.push(line);
        }
        Ok((stream.code().unwrap_or(-1), lines))
    }

    /// Starts it with stdout and stderr as one stream to read lines from.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn stream(&self) -> anyhow::Result<Stream> {
        let expression = self.expression().stdin_null().stderr_to_stdout().unchecked();
        let reader = expression.reader().with_context(|| format!("cannot run `{}`", self.program))?;
        Ok(reader.into())
    }

    /// Starts it, feeding `self`'s stdout into `next`; returns once both ended.
    ///
    /// # Errors
    /// When one of them cannot be started or fails; the text has the last lines that they wrote.
    pub(crate) fn pipe_into(&self, next: &Self) -> anyhow::Result<()> {
        let both = self.expression().stdin_null().pipe(next.expression()).stdout_null().stderr_capture();
        let output = both.unchecked().run().with_context(|| format!("cannot run `{} | {}`", self.short(), next.short()))?;
        let code = output.status.code().unwrap_or(-1);
        if code == 0 {
            return Ok(());
        }
        let failure = Failure::new(format!("`{} | {}` failed with exit code {code}", self.short(), next.short()));
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(last_lines(&stderr, 12).into_iter().fold(failure, Failure::detail).into())
    }

    /// The command without its options' values of no interest to a reader: program and verbs, up to the first option.
    pub(crate) fn short(&self) -> String {
        let program = Path::new(&self.program).file_stem().map_or(self.program.clone(), |name| name.to_string_lossy().into_owned());
        let mut words = vec![program];
        let mut skip_value = false;
        for arg in &self.args {
            if skip_value {
                skip_value = false;
            } else if matches!(arg.as_str(), "--file" | "--profile" | "--project-name" | "--project-directory") {
                skip_value = true;
            } else if arg.starts_with('-') {
                break;
            } else {
                words.push(arg.clone());
            }
        }
        words.join(" ")
    }
}

impl fmt::Display for Invocation {
    /// The command as a shell would take it, with the variables that are set for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.env {
            write!(f, "{key}={} ", quote(value))?;
        }
        write!(f, "{}", quote(&self.program))?;
        for arg in &self.args {
            write!(f, " {}", quote(arg))?;
        }
        Ok(())
    }
}

/// The last `count` lines of `text` that are not blank.
pub(crate) fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
