//! What the user should know while files are watched: limits of the system, and what to do about them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::report::human;

/// Watching goes on, but not as well as it could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The system watches no more directories for this user.
    Directories {
        /// Its limit, where it can be read.
        limit: Option<u64>,
        /// How many this tree has.
        needed: usize,
        /// How many of them are polled.
        polled: usize,
        /// How often.
        every: Duration,
    },
    /// The system gives no more programs of this user a way to watch, or cannot watch at all; everything is polled.
    Instances {
        /// Its limit, where it can be read.
        limit: Option<u64>,
        /// What the system said.
        reason: String,
        /// How often.
        every: Duration,
    },
    /// One directory is polled, for a reason of its own.
    Directory {
        /// Relative to the root.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Git seems to have crashed: changes were held back in vain.
    StaleLock {
        /// The lock file.
        path: PathBuf,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directories { limit, needed, polled, every } => {
                write!(f, "the system watches no more directories: `fs.inotify.max_user_watches` is {}", value(*limit))?;
                write!(f, " for all programs of this user together, and this tree has {needed} directories; ")?;
                writeln!(f, "{polled} of them are compared every {} instead\n", human(*every))?;
                let enough = (limit.unwrap_or(0) + *needed as u64).next_power_of_two().max(1 << 19);
                write!(f, "hint: sudo sysctl fs.inotify.max_user_watches={enough}")
            }
            Self::Instances { limit, reason, every } => {
                writeln!(
                    f,
                    "the system lets this program watch nothing: {reason}; all files are compared every {} instead\n",
                    human(*every)
                )?;
                let enough = (limit.unwrap_or(0) * 2).max(1024);
                write!(f, "hint: `fs.inotify.max_user_instances` is {}; to raise it: ", value(*limit))?;
                write!(f, "sudo sysctl fs.inotify.max_user_instances={enough}")
            }
            Self::Directory { path, reason } => {
                write!(f, "the system does not watch `{}`: {reason}; it is compared instead", path.display())
            }
            Self::StaleLock { path } => {
                writeln!(f, "changes were held back for `{}`, which did not move: git may have crashed\n", path.display())?;
                write!(f, "hint: if no git command runs, remove that file")
            }
        }
    }
}

fn value(limit: Option<u64>) -> String {
    limit.map_or_else(|| "not readable".to_owned(), |limit| limit.to_string())
}

/// A limit of inotify as the system has it now.
pub(crate) fn limit(name: &str) -> Option<u64> {
    std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(500);

    #[test]
    fn a_limit_names_its_setting_and_the_command() {
        insta::assert_snapshot!(Notice::Directories { limit: Some(8192), needed: 312, polled: 40, every: EVERY }, @r"
        the system watches no more directories: `fs.inotify.max_user_watches` is 8192 for all programs of this user together, and this tree has 312 directories; 40 of them are compared every 0.50s instead

        hint: sudo sysctl fs.inotify.max_user_watches=524288
        ");
        let reason = "Too many open files (os error 24)".to_owned();
        insta::assert_snapshot!(Notice::Instances { limit: Some(128), reason, every: EVERY }, @r"
        the system lets this program watch nothing: Too many open files (os error 24); all files are compared every 0.50s instead

        hint: `fs.inotify.max_user_instances` is 128; to raise it: sudo sysctl fs.inotify.max_user_instances=1024
        ");
        insta::assert_snapshot!(Notice::StaleLock { path: "/home/me/app/.git/index.lock".into() }, @r"
        changes were held back for `/home/me/app/.git/index.lock`, which did not move: git may have crashed

        hint: if no git command runs, remove that file
        ");
        insta::assert_snapshot!(
            Notice::Directory { path: "private".into(), reason: "Permission denied".to_owned() },
            @"the system does not watch `private`: Permission denied; it is compared instead"
        );
    }

    #[test]
    fn the_advised_limit_is_enough_for_the_tree_and_the_others() {
        let text = Notice::Directories { limit: Some(600_000), needed: 500_000, polled: 40, every: EVERY }.to_string();
        assert!(text.ends_with("max_user_watches=2097152"), "{text}");
    }
}
