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

/// A compose file whose base images are the two that the engine of the tests has.
pub(super) fn pinned(text: &str) -> String {
    let mut pinned = String::new();
    for line in text.split_inclusive('\n') {
        let begin = line.find("_IMAGE:-").map(|at| at + "_IMAGE".len());
        let end = begin.and_then(|begin| Some(begin + line[begin..].find('}')?));
        let (Some(begin), Some(end)) = (begin, end) else {
            pinned.push_str(line);
            continue;
        };
        let (name, rest) = (&line[..begin], &line[end..]);
        let image = if name.ends_with("POSTGRES_IMAGE") {
            ":-postgres:17"
        } else if name.ends_with("REDIS_IMAGE") {
            ":-redis:8"
        } else {
            ""
        };
        pinned.extend([name, image, rest]);
    }
    pinned
}
