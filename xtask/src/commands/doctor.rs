//! Command lines that only ask, for `doctor`: what nobody needs, whose containers there are, how old images are, what a container finds.

use super::engine::{of_environments, run_in};
use crate::process::Invocation;

/// The size of each image that has no name any more, one a line.
pub(crate) fn unnamed_images() -> Invocation {
    Invocation::new("docker").args(["image", "ls", "--filter", "dangling=true", "--format", "{{.Size}}"])
}

/// What the caches of builds take; the last lines sum it up.
pub(crate) fn build_cache() -> Invocation {
    Invocation::new("docker").args(["buildx", "du"])
}

/// All containers of stacks like this one: name, project and the directory that they were made from, between tabs.
pub(crate) fn checkouts() -> Invocation {
    of_environments()
        .args(["--format", "{{.Names}}\t{{.Label \"com.docker.compose.project\"}}\t{{.Label \"com.docker.compose.project.working_dir\"}}"])
}

/// When each of `images` was built, and when a build last came to it, as JSON strings on one line.
pub(crate) fn image_times(images: &[&str]) -> Invocation {
    let format = "{{json .Created}} {{json .Metadata.LastTagTime}}";
    Invocation::new("docker").args(["image", "inspect", "--format", format]).args(images.iter().copied())
}

/// Looks the host `name` up inside of the container `id`.
pub(crate) fn look_up(id: &str, name: &str) -> Invocation {
    run_in(id, &["getent".to_owned(), "hosts".to_owned(), name.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line() {
        let lines = [unnamed_images(), build_cache(), checkouts(), image_times(&["a:1", "b:1"]), look_up("a1", "db")];
        insta::assert_snapshot!(lines.map(|line| line.to_string()).join("\n"));
    }
}
