//! What the last smoke test of a stack found, as `cargo xtask smoke` left it behind: whatever health checks do not see is seen there.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::engine::containers::Container;
use crate::logs::Stamp;
use crate::project::Project;

/// A record is a few kilobytes: more is none.
const LARGEST: u64 = 1 << 20;

/// A smoke test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastSmoke {
    /// When it ended, RFC 3339.
    #[serde(default)]
    pub(super) at: String,
    /// How many checks found what is right.
    pub(super) passed: u64,
    /// How many did not.
    pub(super) failed: u64,
    /// The components that are broken, the first one first.
    pub(super) broken: Vec<String>,
}

/// Where it is left for `project`.
pub(crate) fn record(project: &Project) -> PathBuf {
    project.root.join("target").join(format!("{}.smoke.json", project.compose_name()))
}

/// The one at `path`; nothing where there is none, or where one of `containers` was made after it: it says nothing of that.
pub(super) fn last(path: &Path, containers: &[Container]) -> Option<LastSmoke> {
    let file = std::fs::File::open(path).ok()?;
    let at = file.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    let smoke: LastSmoke = serde_json::from_str(&text).ok()?;
    let moment = Stamp(u64::try_from(at.as_nanos()).ok()?);
    let at = backup::time::rfc3339(at.as_secs());
    let older = |container: &Container| Stamp::parse(container.created.as_bytes()).is_some_and(|created| created <= moment);
    let plain = smoke.broken.iter().all(|name| !name.contains(char::is_control));
    (plain && containers.iter().all(older)).then_some(LastSmoke { at, ..smoke })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    #[test]
    fn a_record_is_of_the_containers_that_were_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("slipway.smoke.json");
        assert_eq!(last(&path, &[]), None);
        std::fs::write(&path, r#"{"schema":1,"passed":38,"failed":2,"broken":["db"],"checks":[]}"#).expect("written");
        let mut container = sample("db", "running", None);
        let found = last(&path, std::slice::from_ref(&container)).expect("a record");
        assert_eq!((found.passed, found.failed, found.broken), (38, 2, vec!["db".to_owned()]));
        container.created = "2999-01-01T00:00:00Z".to_owned();
        assert_eq!(last(&path, &[container]), None);
        for text in ["", "{}", "{\"passed\":1,\"failed\":1,\"broken\":[\"\\u001b\"]}"] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(last(&path, &[]), None, "{text}");
        }
    }
}
