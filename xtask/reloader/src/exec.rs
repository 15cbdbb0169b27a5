//! `reloader exec`: becomes the program. Only a process that runs already knows the process id that `LISTEN_PID` must carry.
use anyhow::anyhow;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Becomes the program `command`; returns only if that is not possible.
pub(crate) fn exec(command: &[OsString]) -> anyhow::Result<()> {
    let [program, arguments @ ..] = command else { return Err(anyhow!("no program is named")) };
    #[expect(clippy::disallowed_methods, reason = "nothing is started: the process becomes the program")]
    let mut command = Command::new(program);
    command.args(arguments);
    if std::env::var_os("LISTEN_FDS").is_some() {
        command.env("LISTEN_PID", std::process::id().to_string());
    }
    let error = command.exec();
    Err(anyhow!("`{}` cannot be executed: {error}", program.to_string_lossy()))
}
