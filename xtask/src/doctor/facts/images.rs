//! What doctor asks of images: which there are, and whether they are older than what they are built from.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ignore::WalkBuilder;

use super::ask::{Ask, Known};
use crate::commands;
use crate::images::base::{self, Variable};
use crate::images::inventory::{self, Entry};
use crate::images::tag::Source;
use crate::logs::stamp::Stamp;
use crate::model::{Action, Model};
use crate::stack::Stack;

/// The images that the environment uses.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    /// Those that are built here.
    pub(crate) own: Vec<Entry>,
    /// Those that they are made from, or that are used as they are.
    pub(crate) bases: Vec<Entry>,
    /// Our own that are older than what they are built from.
    pub(crate) outdated: Known<Vec<Outdated>>,
}

/// An image that is older than its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outdated {
    /// The service that builds it.
    pub(crate) service: String,
    /// A file that is newer.
    pub(crate) file: PathBuf,
}

impl Images {
    /// Those of `model`, with what `here` says the engine has.
    pub(super) fn find(ask: Ask, stack: &Stack, model: &Model, variables: &[Variable], here: &str) -> Known<Self> {
        let local = base::local_tags(&stack.project).map_err(|error| format!("{error:#}"))?;
        let mut own = inventory::entries(model, variables, &inventory::parse(here), &local);
        let bases = own.split_off(model.builds().len());
        // One of a commit, or of somebody else, is what its tag says.
        let outdated =
            if matches!(stack.source, Source::Instance(_)) { outdated(ask, &stack.project.root, model, &own) } else { Ok(Vec::new()) };
        Ok(Self { own, bases, outdated })
    }
}

fn outdated(ask: Ask, root: &Path, model: &Model, own: &[Entry]) -> Known<Vec<Outdated>> {
    let builds = model.builds();
    let here: Vec<&str> = own.iter().filter(|entry| entry.facts.is_some()).map(|entry| entry.image.as_str()).collect();
    if here.is_empty() {
        return Ok(Vec::new());
    }
    let times = ask.read(&commands::doctor::image_times(&here))?;
    let built = here.iter().zip(times.lines()).filter_map(|(image, line)| Some((*builds.get(image)?, parse_times(line)?)));
    let newer = built.filter_map(|(service, built)| {
        let (time, file) = newest(&sources(model, service))?;
        let file = file.strip_prefix(root).map(Path::to_owned).unwrap_or(file);
        (time > built).then(|| Outdated { service: service.to_owned(), file })
    });
    Ok(newer.collect())
}

/// The later one of when an image was built and when a build last came to it: one whose every step is cached keeps its first time.
fn parse_times(line: &str) -> Option<SystemTime> {
    let times = line.split_whitespace().filter_map(|text| Stamp::parse(text.trim_matches('"').as_bytes()));
    times.max().map(|stamp| UNIX_EPOCH + Duration::from_nanos(stamp.0))
}

/// What the image of `service` is built from: the directory of its Dockerfile. Where programs are built elsewhere, as in development, only what
/// Compose's own rules say.
fn sources(model: &Model, service: &str) -> Vec<PathBuf> {
    let Some(service) = model.services.get(service) else { return Vec::new() };
    if model.develop.is_some() {
        return service.rules().iter().filter(|rule| rule.action == Action::Rebuild).map(|rule| rule.path.clone()).collect();
    }
    let dockerfile = service.build.as_ref().map(|build| build.dockerfile());
    dockerfile.iter().filter_map(|path| path.parent()).map(Path::to_owned).collect()
}

/// The newest of the files in `places` that git does not ignore; tests and pages are in no image.
fn newest(places: &[PathBuf]) -> Option<(SystemTime, PathBuf)> {
    let counts = |name: &std::ffi::OsStr| name != "tests" && Path::new(name).extension().is_none_or(|extension| extension != "md");
    let files = places.iter().flat_map(|place| {
        WalkBuilder::new(place)
            .filter_entry(move |entry| counts(entry.file_name()))
            .build()
            .flatten()
            .filter(|entry| entry.path().is_file())
    });
    files.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.into_path()))).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(time)
    }

    #[test]
    fn the_last_build_counts_also_where_everything_was_cached() {
        assert_eq!(parse_times(r#""2026-01-01T00:00:00Z" "2026-01-02T00:00:00Z""#), Some(seconds(1_767_312_000)));
        assert_eq!(parse_times(r#""2026-01-01T00:00:00Z" "0001-01-01T00:00:00Z""#), Some(seconds(1_767_225_600)), "no build came to it");
        assert_eq!(parse_times("null null"), None);
    }

    #[test]
    fn the_newest_file_that_is_in_the_image_counts() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (path, time) in [("src/main.rs", 2), ("Dockerfile", 1), ("tests/all.rs", 9), ("README.md", 9)] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("created");
            std::fs::File::create(&path).and_then(|file| file.set_modified(seconds(time))).expect("written");
        }
        assert_eq!(newest(&[dir.path().to_owned()]), Some((seconds(2), dir.path().join("src/main.rs"))));
        assert_eq!(newest(&[dir.path().join("none")]), None);
    }

    #[test]
    fn in_development_only_what_rebuilds_counts() {
        let model = |develop: &str| {
            let json = format!(
                r#"{{ {develop} "services": {{ "proxy": {{ "image": "p", "build": {{ "context": "/repo/proxy" }},
                    "develop": {{ "watch": [{{ "action": "rebuild", "path": "/repo/proxy/Dockerfile" }}, {{ "action": "sync", "path": "/repo/proxy/conf" }}] }} }} }} }}"#
            );
            sources(&Model::parse(&json).expect("a model"), "proxy")
        };
        assert_eq!(model(""), [PathBuf::from("/repo/proxy")]);
        assert_eq!(model(r#""x-develop": { "builder": "b", "hub": "h", "programs": {} },"#), [PathBuf::from("/repo/proxy/Dockerfile")]);
    }
}
