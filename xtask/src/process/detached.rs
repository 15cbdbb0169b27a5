//! Children that go on when we end: the engine, the guard.

use std::path::Path;

use anyhow::Context as _;

use super::Invocation;

/// A child that goes on when we end.
pub(crate) struct Detached(duct::Handle);

impl Detached {
    /// Whether it has ended already.
    pub(crate) fn ended(&self) -> bool {
        self.0.try_wait().is_ok_and(|output| output.is_some())
    }
}

impl Invocation {
    /// Starts it with everything that it writes going to the end of the file `log`, and none of our streams: it may outlive us and whoever reads us.
    ///
    /// # Errors
    /// When the file cannot be opened or the program cannot be started.
    pub(crate) fn detach(&self, log: &Path) -> anyhow::Result<Detached> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        let expression = self.expression().stdin_null().stderr_to_stdout().stdout_file(file).unchecked();
        // Nor does Ctrl-C reach it, or the end of the terminal: those are for the group of whoever is in front.
        #[cfg(unix)]
        let expression = expression.before_spawn(|command| {
            std::os::unix::process::CommandExt::process_group(command, 0);
            Ok(())
        });
        Ok(Detached(expression.start().with_context(|| format!("cannot run `{}`", self.program))?))
    }
}
