//! Which configuration each container was created from. Compose labels a container with a hash of what it made it from, and that is not always the hash
//! that `docker compose config --hash` prints for the same files: dependencies that a command leaves out (`--no-deps`), or whose profile is off, count in
//! one and not in the other. Such a container would be replaced by every start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::engine::containers::Container;
use crate::project::Project;

/// What `docker compose config --hash` printed when the containers of a project were created, by the id of the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Created(BTreeMap<String, String>);

/// Where it is kept: beside what cargo builds. Where it is lost, such containers are replaced once more.
fn path(project: &Project) -> PathBuf {
    project.root.join("target").join(format!("{}.created.json", project.compose_name()))
}

impl Created {
    /// What is known of the containers of `project`.
    pub(super) fn load(project: &Project) -> Self {
        let text = std::fs::read_to_string(path(project)).unwrap_or_default();
        Self(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Whether `container` was created from the configuration with this `hash`.
    pub(super) fn is_from(&self, container: &Container, hash: &str) -> bool {
        self.0.get(&container.id).map_or_else(|| container.config_hash() == hash, |known| known == hash)
    }

    /// Remembers that `containers` are from today's configuration, whose hashes are `hashes` by service, and forgets all that are gone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn save<'a>(
        project: &Project,
        containers: impl IntoIterator<Item = &'a Container>,
        hashes: &BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let path = path(project);
        // Where both agree there is nothing to remember.
        let differs = containers.into_iter().filter_map(|container| {
            let hash = hashes.get(container.service())?;
            (hash != container.config_hash()).then_some((&container.id, hash))
        });
        let differs: BTreeMap<&String, &String> = differs.collect();
        if differs.is_empty() && !path.exists() {
            return Ok(());
        }
        let text = serde_json::to_string(&differs).context("a map of texts is JSON")?;
        std::fs::create_dir_all(path.with_file_name(""))
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    #[test]
    fn what_was_created_from_is_remembered_where_the_label_says_something_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = Project { root: dir.path().to_owned(), environment: "local".to_owned(), instance: "main".to_owned() };
        // Its label says `h`.
        let container = sample("db", "running", None);
        let hashes = |hash: &str| BTreeMap::from([("db".to_owned(), hash.to_owned())]);
        let from = |hash: &str| Created::load(&project).is_from(&container, hash);
        Created::save(&project, [&container], &hashes("h")).expect("nothing to write");
        assert!(!path(&project).exists() && from("h") && !from("other"));
        Created::save(&project, [&container], &hashes("other")).expect("written");
        assert!(from("other") && !from("h"), "the label is not what the files say");
        Created::save(&project, [], &hashes("other")).expect("written");
        assert!(from("h"), "a container that is gone is forgotten");
        std::fs::write(path(&project), "half a fi").expect("written");
        assert!(from("h"));
    }
}
