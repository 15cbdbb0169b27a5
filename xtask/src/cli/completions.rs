//! `completions`: what a shell needs to complete `cargo xtask`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Print completions for a shell
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        // Shells complete single programs: the script is for `xtask`, which README shows how to alias to `cargo xtask`.
        clap_complete::generate(self.shell, &mut super::Cli::command().name("xtask").bin_name("xtask"), "xtask", &mut script);
        crate::report::product(String::from_utf8_lossy(&script).trim_end());
        Ok(())
    }
}
