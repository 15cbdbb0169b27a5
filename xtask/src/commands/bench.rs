//! Command lines of `bench dev-loop`.

use std::path::Path;

use crate::process::Invocation;

/// The files of the checkout at `root` as they are, without what git ignores: names that end with NUL.
pub(crate) fn sources(root: &Path) -> Invocation {
    Invocation::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).dir(root)
}

/// Makes `tag` of `base`: the compiler that everything is measured with.
pub(crate) fn rust_image(root: &Path, base: &str, tag: &str) -> Invocation {
    Invocation::new("docker")
        .args(["buildx", "build", "--load", "--quiet", "--build-arg"])
        .arg(format!("RUST_IMAGE={base}"))
        .args(["-t", tag, "infra/bench/dev-loop/rust"])
        .dir(root)
}

/// Makes the volume `name` if there is none.
pub(crate) fn volume(name: &str) -> Invocation {
    Invocation::new("docker").args(["volume", "create", name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line() {
        let root = Path::new("/repo");
        let lines = [sources(root), rust_image(root, "rust:1", "slipway/dev-loop-rust:bench"), volume("tools")];
        insta::assert_snapshot!(lines.map(|line| line.to_string()).join("\n"), @r"
        git ls-files --cached --others --exclude-standard -z
        docker buildx build --load --quiet --build-arg RUST_IMAGE=rust:1 -t slipway/dev-loop-rust:bench infra/bench/dev-loop/rust
        docker volume create tools
        ");
    }
}
