//! A child whose input is written while it runs.

use std::io::{self, Write};

use anyhow::Context as _;

use super::{Invocation, Output};

impl Invocation {
    /// Runs with what `write` writes on stdin, and keeps what it writes itself. A child that takes no more has said why: that counts, not the broken pipe.
    ///
    /// # Errors
    /// When the program cannot be started, or `write` fails while the child goes on listening.
    pub(crate) fn feed(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<Output> {
        let place = || format!("cannot run `{}`", self.program);
        let (reader, mut writer) = io::pipe().with_context(place)?;
        let expression = self.expression().stdin_file(reader).stdout_capture().stderr_capture().unchecked();
        let handle = expression.start().with_context(place)?;
        // It holds the other end: with it open, a child that is gone would not be noticed.
        drop(expression);
        let written = write(&mut writer);
        drop(writer);
        let output = Output::from(handle.wait().with_context(place)?);
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            Err(error) if output.code == 0 => Err(error.into()),
            _ => Ok(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Invocation {
        Invocation::new("sh").args(["-c", script])
    }

    #[test]
    fn more_than_a_pipe_holds_gets_through() {
        let piece = [b'x'; 1 << 16];
        let output = sh("wc -c").feed(|stdin| (0..64).try_for_each(|_| stdin.write_all(&piece))).expect("it runs");
        assert_eq!((output.code, output.stdout.trim()), (0, "4194304"));
    }

    #[test]
    fn a_child_that_does_not_listen_says_why() {
        let piece = [b'x'; 1 << 16];
        let output = sh("echo no such container >&2; exit 1").feed(|stdin| (0..64).try_for_each(|_| stdin.write_all(&piece)));
        let output = output.expect("it ran");
        assert_eq!((output.code, output.stderr.trim()), (1, "no such container"));
    }
}
