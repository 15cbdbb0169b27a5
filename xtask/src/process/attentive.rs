//! Children that we wait for, and that end when somebody asks us to stop.

use std::io::{BufRead as _, BufReader, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

use anyhow::Context as _;

use super::{Invocation, Output};
use crate::interrupt;
use crate::report::{self, Interrupted, Volume};
use crate::terminal::readable_bytes;

/// A longer line is passed on in pieces.
const LONGEST: u64 = 1 << 20;

impl Invocation {
    /// Runs with the terminal's own streams, and passes on each request to stop; returns the exit code.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn hand_over(&self) -> anyhow::Result<i32> {
        Ok(self.attend(self.expression())?.code)
    }

    /// Runs with `input` on stdin and passes on each line that it writes, to the stream that it is meant for; also each request to stop. For programs
    /// that show text of others, which must not reach a terminal as it is.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn relay(&self, input: String) -> anyhow::Result<i32> {
        let place = || format!("cannot run `{}`", self.program);
        let (stdout, to_stdout) = std::io::pipe().with_context(place)?;
        let (stderr, to_stderr) = std::io::pipe().with_context(place)?;
        let readers = [
            std::thread::spawn(move || each_line(stdout, report::lines)),
            // Where the output is closed, the program goes on.
            std::thread::spawn(move || {
                each_line(stderr, |line| {
                    Volume::Normal.say(line.trim_end_matches('\n'));
                    ControlFlow::Continue(())
                });
            }),
        ];
        // The expression has the writing ends: they are closed when it is gone.
        let output = self.attend(self.expression().stdin_bytes(input).stdout_file(to_stdout).stderr_file(to_stderr));
        for reader in readers {
            reader.join().map_err(|_| anyhow::anyhow!("the thread that passes on what `{}` writes panicked", self.program))?;
        }
        Ok(output?.code)
    }

    /// The same, but keeps what it writes.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn attend_with(&self, input: String) -> anyhow::Result<Output> {
        self.attend(self.expression().stdin_bytes(input).stdout_capture().stderr_capture())
    }

    fn attend(&self, expression: duct::Expression) -> anyhow::Result<Output> {
        let place = || format!("cannot run `{}`", self.program);
        let handle = Arc::new(expression.unchecked().start().with_context(place)?);
        interrupt::listen({
            let handle = handle.clone();
            move || terminate(&handle)
        });
        let output = handle.wait().with_context(place);
        interrupt::listen(|| {});
        Ok(Output::from(output?))
    }

    /// Runs with `input` on stdin and keeps what it writes; nothing where it has not ended by `deadline`: it is ended then.
    ///
    /// # Errors
    /// When the program cannot be started, or somebody asks to stop: it is ended then as well.
    pub(crate) fn capture_unless_interrupted(&self, input: String, deadline: Instant) -> anyhow::Result<Option<Output>> {
        let place = || format!("cannot run `{}`", self.program);
        let expression = self.expression().stdin_bytes(input).stdout_capture().stderr_capture();
        let handle = Arc::new(expression.unchecked().start().with_context(place)?);
        let (send, ends) = channel();
        interrupt::listen({
            let send = send.clone();
            // Nobody waits any more where it has ended.
            move || drop(send.send(None))
        });
        // On a thread of its own, because what a child has started may keep its streams open after it.
        std::thread::spawn({
            let handle = handle.clone();
            move || drop(send.send(Some(handle.wait_deadline(deadline).map(|output| output.map(Output::from)))))
        });
        let end = ends.recv();
        interrupt::listen(|| {});
        if !matches!(end, Ok(Some(Ok(Some(_))))) {
            self.end(&handle);
        }
        match end {
            Ok(Some(output)) => output.with_context(place),
            _ => Err(Interrupted.into()),
        }
    }
}

/// Calls `pass` with each line of `stream` and its end, until it breaks; the writer then gets a closed pipe.
fn each_line(stream: impl Read, pass: impl Fn(&str) -> ControlFlow<()>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).unwrap_or(0) > 0 {
        if pass(&readable_bytes(&line)).is_break() {
            return;
        }
        line.clear();
    }
}

/// Asks a child to end. What a terminal sends to everybody in front of it the child has already got; a program that takes keys itself, as psql does,
/// has the terminal send none.
fn terminate(handle: &duct::Handle) {
    #[cfg(unix)]
    let asked = duct::unix::HandleExt::send_signal(handle, rustix::process::Signal::TERM.as_raw());
    #[cfg(not(unix))]
    let asked = handle.kill();
    // One that ended meanwhile is what was wanted.
    drop(asked);
}
