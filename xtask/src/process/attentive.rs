//! Children that we wait for, and that end when somebody asks us to stop.

use std::sync::Arc;

use anyhow::Context as _;

use super::Invocation;
use crate::interrupt;

impl Invocation {
    /// Runs with the terminal's own streams, and passes on each request to stop; returns the exit code.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn hand_over(&self) -> anyhow::Result<i32> {
        let output = self.attend(&self.expression(), terminate)?;
        Ok(output.status.code().unwrap_or(-1))
    }

    fn attend(&self, expression: &duct::Expression, end: fn(&duct::Handle)) -> anyhow::Result<std::process::Output> {
        let place = || format!("cannot run `{}`", self.program);
        let handle = Arc::new(expression.unchecked().start().with_context(place)?);
        interrupt::listen({
            let handle = handle.clone();
            move || end(&handle)
        });
        let output = handle.wait().cloned().with_context(place);
        interrupt::listen(|| {});
        output
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
