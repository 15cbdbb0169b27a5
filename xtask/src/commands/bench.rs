//! Command lines of `bench dev-loop` and `bench backup`.

use std::path::Path;

use super::engine::aside;
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

/// Runs a bash script, which may be fed, as root in `image`, with `volumes` (name and volume) below /set/volumes and the directory `outside` at /out.
pub(crate) fn beside(image: &str, volumes: &[(String, String)], outside: &Path, script: &str) -> Invocation {
    let run = aside()
        .arg("--interactive")
        .args(volumes.iter().flat_map(|(name, volume)| ["--volume".to_owned(), format!("{volume}:/set/volumes/{name}")]));
    run.args(["--volume", &format!("{}:/out", outside.display()), "--entrypoint", "bash", image, "-euc", script])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line() {
        let root = Path::new("/repo");
        let volumes = [("media".to_owned(), "slipway_media".to_owned())];
        let lines = [
            sources(root),
            rust_image(root, "rust:1", "slipway/dev-loop-rust:bench"),
            volume("tools"),
            beside("slipway/backup:1", &volumes, root, "sync"),
        ];
        insta::assert_snapshot!(lines.map(|line| line.to_string()).join("\n"), @r"
        git ls-files --cached --others --exclude-standard -z
        docker buildx build --load --quiet --build-arg RUST_IMAGE=rust:1 -t slipway/dev-loop-rust:bench infra/bench/dev-loop/rust
        docker volume create tools
        docker run --rm --log-driver none --user 0 --label com.docker.compose.project= --interactive --volume slipway_media:/set/volumes/media --volume /repo:/out --entrypoint bash slipway/backup:1 -euc sync
        ");
    }
}
