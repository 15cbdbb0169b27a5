//! What a file holds, as a fingerprint, and what the file system says of it without reading.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

/// Stands for the content of a file: two files that differ have different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

/// Files beyond this size are not read: their size and times stand for what they hold.
const READ_AT_MOST: u64 = 64 << 20;

/// File systems count time in steps of up to this length: a file that changed less than this before it was read can change again without a trace.
const COARSEST_CLOCK: Duration = Duration::from_secs(2);

/// A file as it was found at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) fingerprint: Fingerprint,
    stamp: Stamp,
    at: SystemTime,
}

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Seconds and nanoseconds of the last change of any kind, and the number of the file, where the system has them: no tool can set these back.
    changed: (i64, i64),
    inode: u64,
}

impl Reading {
    /// Reads what is at `path`: a file, or where a symbolic link leads, which is never followed. Nothing when there is neither.
    pub(super) fn take(path: &Path) -> Option<Self> {
        let at = SystemTime::now();
        let found = std::fs::symlink_metadata(path).ok()?;
        let stamp = Stamp::of(&found);
        let fingerprint = if found.is_symlink() {
            let target = std::fs::read_link(path).ok()?;
            Fingerprint::of("link", target.as_os_str().as_encoded_bytes())
        } else if !found.is_file() {
            // A pipe or a device would never end.
            return None;
        } else if found.len() > READ_AT_MOST {
            stamp.fingerprint("large")
        } else {
            match hash(path) {
                Ok(fingerprint) => fingerprint,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                // It is there, though not for us.
                Err(_) => stamp.fingerprint("unreadable"),
            }
        };
        Some(Self { fingerprint, stamp, at })
    }

    /// Whether the file at `path` surely holds the same still, judged without reading it.
    pub(super) fn holds(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|found| Stamp::of(&found) == self.stamp) && self.stamp.settled(self.at)
    }
}

/// When a file was last written, and how long it was: another file in its place has other ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touched(Stamp);

impl Touched {
    /// Nothing where there is no file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        std::fs::symlink_metadata(path).ok().map(|found| Self(Stamp::of(&found)))
    }

    /// Whether the file surely is as it was at `moment`.
    pub(super) fn settled(self, moment: SystemTime) -> bool {
        self.0.settled(moment)
    }
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            ((found.ctime(), found.ctime_nsec()), found.ino())
        };
        #[cfg(not(unix))]
        let (changed, inode) = ((0, 0), 0);
        Self { length: found.len(), modified: found.modified().ok(), changed, inode }
    }

    /// Whether a write after `read` must have left another time.
    fn settled(&self, read: SystemTime) -> bool {
        let Some(long_ago) = read.checked_sub(COARSEST_CLOCK) else { return false };
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.changed.0).unwrap_or(0));
        self.modified.is_some_and(|modified| modified < long_ago) && changed < long_ago
    }

    fn fingerprint(&self, what: &str) -> Fingerprint {
        Fingerprint::of(what, format!("{self:?}").as_bytes())
    }
}

impl Fingerprint {
    fn of(what: &str, bytes: &[u8]) -> Self {
        Self::end(Sha256::new().chain_update(what).chain_update([0]).chain_update(bytes))
    }

    fn end(hash: Sha256) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        Self(half)
    }
}

/// Reads in pieces, and no more than `READ_AT_MOST` of a file that grows meanwhile.
fn hash(path: &Path) -> io::Result<Fingerprint> {
    let mut file = File::open(path)?.take(READ_AT_MOST);
    let mut hash = Sha256::new().chain_update("file\0");
    let mut piece = [0; 32 << 10];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(Fingerprint::end(hash)),
            Ok(length) => hash.update(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    fn age(path: &Path, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(path).and_then(|file| file.set_times(FileTimes::new().set_modified(then))).expect("times are set");
    }

    #[test]
    fn content_decides_not_times() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "one").expect("written");
        let first = Reading::take(&path).expect("a file");
        age(&path, 60);
        assert_eq!(Reading::take(&path).expect("a file").fingerprint, first.fingerprint);
        std::fs::write(&path, "two").expect("written");
        assert_ne!(Reading::take(&path).expect("a file").fingerprint, first.fingerprint);
    }

    #[test]
    fn a_file_that_changed_a_moment_ago_is_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "one").expect("written");
        assert!(!Reading::take(&path).expect("a file").holds(&path), "it could change within the same tick of the clock");
    }

    #[test]
    fn an_old_file_is_trusted_until_the_system_says_otherwise() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "one").expect("written");
        age(&path, 60);
        // As if it had been read long after the change.
        let mut reading = Reading::take(&path).expect("a file");
        reading.at = SystemTime::now() + Duration::from_secs(60);
        assert!(reading.holds(&path));
        std::fs::write(&path, "longer").expect("written");
        assert!(!reading.holds(&path));
    }

    #[cfg(unix)]
    #[test]
    fn a_change_with_the_same_size_and_time_is_seen() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "one").expect("written");
        let times = std::fs::metadata(&path).and_then(|found| found.modified()).expect("a time");
        let mut reading = Reading::take(&path).expect("a file");
        reading.at = SystemTime::now() + Duration::from_secs(60);
        // Another file with the same size and time in its place, as `cp -p` and `rsync -t` do it.
        std::fs::write(dir.path().join("other"), "two").expect("written");
        let other = File::options().write(true).open(dir.path().join("other")).expect("opened");
        other.set_times(FileTimes::new().set_modified(times)).expect("times are set");
        std::fs::rename(dir.path().join("other"), &path).expect("renamed");
        assert!(!reading.holds(&path));
        assert_ne!(Reading::take(&path).expect("a file").fingerprint, reading.fingerprint);
    }

    #[cfg(unix)]
    #[test]
    fn links_stand_for_their_target_and_pipes_are_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).expect("linked");
        let first = Reading::take(&link).expect("a link").fingerprint;
        std::fs::remove_file(&link).expect("removed");
        std::os::unix::fs::symlink("elsewhere", &link).expect("linked");
        assert_ne!(Reading::take(&link).expect("a link").fingerprint, first);
        std::fs::write(dir.path().join("file"), "nowhere").expect("written");
        assert_ne!(Reading::take(&dir.path().join("file")).expect("a file").fingerprint, first);
        let pipe = dir.path().join("pipe");
        duct::cmd!("mkfifo", &pipe).run().expect("a pipe");
        assert!(Reading::take(&pipe).is_none());
        assert!(Reading::take(dir.path()).is_none());
    }

    #[test]
    fn a_large_file_is_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let file = File::create(&path).expect("created");
        // Sparse: it takes no room.
        file.set_len(1 << 40).expect("grown");
        let first = Reading::take(&path).expect("a file").fingerprint;
        file.set_len((1 << 40) + 1).expect("grown");
        assert_ne!(Reading::take(&path).expect("a file").fingerprint, first);
    }
}
