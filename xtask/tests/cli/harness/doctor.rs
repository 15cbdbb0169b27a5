//! Faults of a machine, and programs that a file for a bug report is packed with.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::Checkout;

impl Checkout {
    /// A machine that has these programs as well.
    pub(crate) fn with_programs(self, names: &[&str]) -> Self {
        for name in names {
            let program = ["/usr/bin", "/bin"].map(|dir| std::path::Path::new(dir).join(name)).into_iter().find(|path| path.is_file());
            symlink(program.unwrap_or_else(|| panic!("`{name}` is not here")), self.dir.path().join("bin").join(name)).expect("linked");
        }
        self
    }

    /// Lets git leave nothing out.
    pub(crate) fn ignoring_nothing(self) -> Self {
        self.engine("git/exposed", "");
        self
    }

    /// Lets the engine take calls and answer none.
    pub(crate) fn hanging(self) -> Self {
        self.engine("hanging", "");
        self
    }

    /// Sets the mode of a file or directory of the checkout.
    pub(crate) fn mode(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.root().join(path), std::fs::Permissions::from_mode(mode)).expect("set");
    }
}
