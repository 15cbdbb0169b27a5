//! The file of a backup: a tar archive, compressed part by part. Each part is a zstd stream of its own, so that a damaged one can be named and a single
//! one read; one after the other they are one stream to `zstd` and one archive to `tar`.

mod section;

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, ensure};
use backup::{Archive, Manifest, SCHEMA, Stored};
use sha2::{Digest as _, Sha256};

use self::section::{Section, feed};
use super::failure::Failure;
use super::place::OWN;
use super::process::{Ended, Program};
use super::talk::Meter;
use super::tree::{self, Digest, End, hex};

/// Where a backup says what it is, as its last member.
pub(crate) const MANIFEST: &str = "manifest.json";
/// A frame that readers of zstd pass over, of eight bytes: where the manifest's stream begins.
const FOOTER: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 8, 0, 0, 0];
/// More is no manifest.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// tar of `path` below `root`, to its stdout.
pub(crate) fn pack(root: &Path, path: &str) -> Program {
    Program::new("tar")
        .args([
            "--create",
            "--file=-",
            "--format=posix",
            // 64 kB at a time, which is what a pipe holds.
            "--blocking-factor=128",
            "--pax-option=delete=atime,delete=ctime",
            "--sort=name",
            "--numeric-owner",
            "--sparse",
        ])
        .args(["--acls", "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"])
        .args(["--anchored", "--no-wildcards", &format!("--exclude={path}/{OWN}")])
        .arg_path("--directory", root)
        .args([path])
        .envs(&[("LC_ALL".to_owned(), "C".to_owned())])
}

/// tar that unpacks its stdin into `root`, without the first `strip` names of each path.
pub(crate) fn unpack(root: &Path, strip: usize) -> Program {
    Program::new("tar")
        .args(["--extract", "--file=-", "--preserve-permissions", "--same-owner", "--numeric-owner", "--delay-directory-restore"])
        .args(["--acls", "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"])
        .args([format!("--strip-components={strip}")])
        .arg_path("--directory", root)
        .fed()
}

/// An archive that is being written.
pub(crate) struct Writer {
    file: File,
    bytes: u64,
    hash: Sha256,
}

/// A part that was written.
pub(crate) struct Packed {
    /// What was in the stream.
    pub(crate) digest: Digest,
    /// Where it is.
    pub(crate) stored: Stored,
    /// What tar said of files that changed meanwhile.
    pub(crate) changed: Vec<String>,
}

impl Writer {
    /// A new file.
    ///
    /// # Errors
    /// When it is there already or cannot be made.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file, bytes: 0, hash: Sha256::new() })
    }

    /// Appends what is at `path` below `root`.
    ///
    /// # Errors
    /// When it cannot be read or the file cannot be written.
    pub(crate) fn append(&mut self, root: &Path, path: &str, end: End, meter: &mut Meter) -> anyhow::Result<Packed> {
        let mut tar = pack(root, path).read().start()?;
        let mut zstd = Program::new("zstd").args(["--quiet", "--stdout", "-3", "--threads=0"]).fed().read().start()?;
        let (stream, compress, compressed) = (tar.stdout()?, zstd.stdin()?, zstd.stdout()?);
        let (digest, stored) = thread::scope(|scope| {
            let scan = scope.spawn(move || tree::scan(stream, compress, path, end, meter));
            let stored = self.store(compressed);
            (scan.join(), stored)
        });
        // The file that cannot be written is the reason; the pipes that broke are not.
        let stored = stored?;
        let digest = digest.map_err(|_| anyhow::anyhow!("the thread that reads the archive panicked"))?;
        // What cannot be stored is the reason, and not that tar was left alone then.
        let digest = match digest {
            Err(error) if error.is::<Failure>() => return Err(error),
            other => other,
        };
        let ended = tar.end()?;
        let changed = changed(&ended)?;
        zstd.succeed()?;
        Ok(Packed { digest: digest?, stored, changed })
    }

    fn store(&mut self, mut from: impl Read) -> anyhow::Result<Stored> {
        let (offset, mut hash) = (self.bytes, Sha256::new());
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(Stored { offset, bytes: self.bytes - offset, sha256: hex(&hash.finalize()) });
            }
            hash.update(&buffer[..count]);
            self.write(&buffer[..count])?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(bytes).context("cannot write the backup")?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Ends with the manifest, which is a file in `root`, and makes all of it durable.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self, root: &Path) -> anyhow::Result<Archive> {
        let Packed { stored, .. } = self.append(root, MANIFEST, End::Closed, &mut Meter::new(MANIFEST, None))?;
        self.write(&[&FOOTER[..], &stored.offset.to_le_bytes()].concat())?;
        self.file.sync_all().context("cannot make the backup durable")?;
        Ok(Archive { bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }
}

/// What tar says of files that were changed or removed while it read them, which is no failure; anything else is.
fn changed(ended: &Ended) -> anyhow::Result<Vec<String>> {
    if ended.code != Some(0) && ended.code != Some(1) {
        return Err(ended.failure("tar").into());
    }
    let lines = ended.said.lines().map(|line| line.trim_start_matches("tar: ")).filter(|line| !line.is_empty());
    Ok(lines.filter(|line| !line.ends_with("socket ignored")).take(1000).map(str::to_owned).collect())
}

/// An archive that is read.
pub(crate) struct Reader {
    file: File,
    /// What it says of itself.
    pub(crate) manifest: Manifest,
}

impl Reader {
    /// Opens `path` and reads its manifest.
    ///
    /// # Errors
    /// When it is no backup, or one that is cut off, or of a newer version.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let no_backup = |reason: &str| {
            Failure::new(format!("`{}` is no whole backup: {reason}", name()))
                .detail("nothing was changed")
                .hint("`cargo xtask backup list` shows others that are here")
        };
        let bytes = file.metadata()?.len();
        let mut footer = [0; 16];
        ensure!(bytes > footer.len() as u64, no_backup(if bytes == 0 { "it is empty" } else { "it is too short" }));
        file.seek(SeekFrom::End(-16))?;
        file.read_exact(&mut footer)?;
        let (frame, offset) = footer.split_at(8);
        let offset = u64::from_le_bytes(offset.try_into()?);
        ensure!(frame == FOOTER && offset < bytes, no_backup("its end is missing, so it was cut off or changed"));
        let mut text = Vec::new();
        let range = Stored { offset, bytes: bytes - 16 - offset, sha256: String::new() };
        let read = Self::expand(&file, &range, |stream| {
            // The member's header is a block; the rest is JSON up to its last brace.
            Ok(stream.take(LARGEST_MANIFEST).read_to_end(&mut text).map(drop)?)
        });
        read.map_err(|_| no_backup("its manifest is damaged"))?;
        let json = text.windows(2).rposition(|pair| pair == b"}\n").zip(text.iter().position(|byte| *byte == b'{'));
        let json = json.filter(|(last, first)| first < last).map(|(last, first)| &text[first..=last]);
        let manifest = json.and_then(Manifest::parse).ok_or_else(|| no_backup("its manifest is damaged"))?;
        check_version(&manifest, &name())?;
        let within = |stored: &Stored| stored.offset.checked_add(stored.bytes).is_some_and(|end| end <= offset);
        ensure!(manifest.parts.iter().filter_map(|part| part.stored.as_ref()).all(within), no_backup("its manifest does not fit it"));
        Ok(Self { file, manifest })
    }

    /// Reads the part `name`, compares it with the manifest, and passes its tar stream on to `out`.
    ///
    /// # Errors
    /// When it is not as it was when it was written.
    pub(crate) fn part(&self, name: &str, out: impl Write + Send, meter: &mut Meter) -> anyhow::Result<Digest> {
        let part = self.manifest.part(name).with_context(|| format!("the backup has no part `{name}`"))?;
        let stored = part.stored.as_ref().with_context(|| format!("the manifest does not say where `{name}` is"))?;
        let damaged = |reason: String| {
            Failure::new(format!("the part `{name}` is damaged: {reason}"))
                .detail("nothing was changed")
                .hint("`cargo xtask backup verify --all` tells which backups are whole")
        };
        let digest = Self::expand(&self.file, stored, |stream| tree::scan(stream, out, &part.path(), End::Closed, meter));
        let digest = match digest {
            // Whoever took the stream did not take it: that is no damage.
            Err(error) if error.is::<super::lifeline::Gone>() || refused(&error) => return Err(error),
            Err(error) => return Err(damaged(format!("{error:#}")).into()),
            Ok(digest) => digest,
        };
        let counts = (digest.bytes, digest.count);
        ensure!(
            counts == (part.bytes, part.entries),
            damaged(format!("it has {} bytes in {} entries, it had {} in {}", counts.0, counts.1, part.bytes, part.entries))
        );
        let found = digest.finish();
        ensure!(found == part.digest, damaged(format!("its digest is {found}, it was {}", part.digest)));
        Ok(digest)
    }

    /// Gives `take` what is in a range once it is expanded, and compares the range with its digest, if it has one.
    fn expand<T>(file: &File, range: &Stored, take: impl FnOnce(&mut (dyn Read + Send)) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut zstd = Program::new("zstd").args(["--quiet", "--decompress", "--stdout"]).fed().read().start()?;
        let (mut stdin, mut stdout) = (zstd.stdin()?, zstd.stdout()?);
        let from = Section::new(file, range);
        let (fed, taken) = thread::scope(|scope| {
            let feed = scope.spawn(move || feed(from, &mut stdin));
            // An open stream without an end of its archive is one part of several.
            let taken = take(&mut (&mut stdout).chain(&[0; 1024][..]));
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
            drop(stdout);
            (feed.join(), taken)
        });
        let (bytes, sha256) = fed.map_err(|_| anyhow::anyhow!("the thread that reads the backup panicked"))??;
        ensure!(bytes == range.bytes, "it is cut off");
        ensure!(range.sha256.is_empty() || sha256 == range.sha256, "its SHA-256 is {sha256}, it was {}", range.sha256);
        zstd.succeed()?;
        taken
    }
}

/// Refuses what a newer version made and calls `name`: nobody knows here what it means.
///
/// # Errors
/// As said.
pub(crate) fn check_version(manifest: &Manifest, name: &str) -> Result<(), Failure> {
    if manifest.schema <= SCHEMA {
        return Ok(());
    }
    Err(Failure::new(format!("`{name}` was made by a newer version (format {}, here {SCHEMA})", manifest.schema))
        .hint("check out the version that made it, or a newer one"))
}

/// Whether the one who reads a stream ended before it.
pub(crate) fn refused(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests;
