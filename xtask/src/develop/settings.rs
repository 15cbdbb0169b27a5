//! Files that are settings of the stack because compose files name them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::plan;

/// The files that compose files (below `root`) include, extend or take variables from, as far as a look at their text tells: names that end as such files
/// do. The file `.env` beside them counts whether it is there or not. One too many only means that Compose is asked once more.
pub(super) fn named_in(root: &Path, files: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let is_compose = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let (mut found, mut open) = (BTreeSet::new(), files.iter().filter(|path| is_compose(path)).cloned().collect::<Vec<_>>());
    while let Some(file) = open.pop() {
        let directory = file.parent().unwrap_or(Path::new(""));
        let text = std::fs::read_to_string(root.join(&file)).unwrap_or_default();
        let words = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split([' ', ',', '[', ']', '{', '}', '"', '\'']));
        let names = words.filter(|word| is_compose(Path::new(word)) || word.rsplit('/').next().is_some_and(|name| name.contains(".env")));
        let names = names.map(|name| plan::plain(&directory.join(name))).filter(|path| root.join(path).is_file());
        let news: Vec<PathBuf> =
            names.chain([directory.join(".env")]).filter(|path| !files.contains(path) && found.insert(path.clone())).collect();
        open.extend(news.into_iter().filter(|path| is_compose(path)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_files_name_is_found_through_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.with_file_name("")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        write(
            "infra/compose.yaml",
            "include:\n  - ../mail/compose.yaml\n  # - old.yaml\nservices:\n  a: { env_file: [a.env, \"none.env\"], extends: { file: base.yml } }\n",
        );
        write("mail/compose.yaml", "services:\n  mail:\n    env_file: .env.mail\n    image: mail\n");
        for path in ["infra/a.env", "infra/base.yml", "infra/old.yaml", "mail/.env.mail"] {
            write(path, "");
        }
        let found = named_in(dir.path(), &[PathBuf::from("infra/compose.yaml"), PathBuf::from("infra/env/local.toml")].into());
        let found: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(found, ["infra/.env", "infra/a.env", "infra/base.yml", "mail/.env", "mail/.env.mail", "mail/compose.yaml"]);
    }
}
