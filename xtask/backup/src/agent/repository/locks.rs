//! Locks of a repository. The engine and xtask let nobody else of this stack be at it, so a lock of this stack is that of a run which was killed.

use anyhow::Context as _;
use serde::Deserialize;

use super::restic::Restic;

/// Who holds a lock.
#[derive(Debug, Deserialize)]
struct Lock {
    hostname: String,
}

impl Restic<'_> {
    /// Removes `locks`, if all of them are this stack's; otherwise those that restic itself knows to be held by nobody.
    ///
    /// # Errors
    /// When they cannot be read or removed.
    pub(super) fn clear<'t>(&self, locks: impl Iterator<Item = &'t str>) -> anyhow::Result<()> {
        let locks: Vec<&str> = locks.filter(|word| word.len() == 64).collect();
        if locks.is_empty() {
            return Ok(());
        }
        let mut own = true;
        for lock in locks {
            let text = self.read(&["cat", "lock", lock, "--no-lock"])?;
            own &= is_own(&text, &hostname()?)?;
        }
        self.read(if own { &["unlock", "--remove-all"] } else { &["unlock"] }).map(drop)
    }
}

fn is_own(lock: &str, hostname: &str) -> anyhow::Result<bool> {
    let lock: Lock = serde_json::from_str(lock).context("restic shows a lock that is none")?;
    Ok(lock.hostname == hostname)
}

/// What the compose file calls the container: the project.
fn hostname() -> anyhow::Result<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").context("cannot read the name of this container")?;
    Ok(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locks_of_the_same_stack_are_its_own() {
        let lock = r#"{"time":"2026-11-22T00:09:26Z","exclusive":false,"hostname":"slipway","username":"root","pid":9}"#;
        assert!(is_own(lock, "slipway").expect("a lock"));
        assert!(!is_own(lock, "slipway-other").expect("a lock"));
        assert!(is_own("{}", "slipway").is_err());
        assert!(!hostname().expect("a name").is_empty());
    }
}
