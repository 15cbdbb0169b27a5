//! What a checkout says about images: their tag, its commit, what is in them.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::Checkout;

impl Checkout {
    /// Writes `infra/env/local.toml` with these lines in `[images]`.
    pub(crate) fn images(self, lines: &str) -> Self {
        self.environment(&format!("port = {}\nport_fallback = true\n[images]\n{lines}", self.port));
        self
    }

    /// Makes it one of commit `0123456789ab`, with these lines of `git status`.
    pub(crate) fn committed(self, status: &str) -> Self {
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/git"), self.dir.path().join("bin/git")).expect("linked");
        self.engine("git/status", status);
        self.engine("git/origin", "https://somebody:token@example.com/board.git\n");
        self.file("Cargo.toml", "[workspace]\nmembers = []\n[workspace.package]\nversion = \"1.2.3\"\nlicense = \"MIT\"\n");
        self
    }

    /// Says that there is one more image.
    pub(crate) fn image(&self, name: &str) {
        let list = self.dir.path().join("engine/images");
        let before = std::fs::read_to_string(list).expect("a list");
        self.engine("images", &format!("{before}{name} sha256:{name}\n"));
    }

    /// Lets the stage `sbom` of an image write `file`.
    pub(crate) fn material(self, image: &str, file: &str, text: &str) -> Self {
        self.engine(&format!("materials/{image}/{file}"), text);
        self
    }
}
