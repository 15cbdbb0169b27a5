//! A Redis: its snapshot comes over the network, and goes back as the beginning of its log of commands.

use std::fmt::Write as _;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use backup::Event;

use super::failure::Failure;
use super::place::sync;
use super::process::Program;
use super::{lifeline, talk};

/// The file of a part.
pub(crate) const DUMP: &str = "dump.rdb";
/// Where Redis 7 and later keep the log of commands (`appendonly yes`), and what they call its files.
const LOG: &str = "appendonlydir";
const BASE: &str = "appendonly.aof.1.base.rdb";
const INDEX: &str = "appendonly.aof.manifest";
/// So many bytes say what a snapshot is.
const HEAD: usize = 9;
/// How long whoever asked may take to end it and start it again.
const HELPED: Duration = Duration::from_secs(20);
/// How long a restart may take, with all that is read in it.
const PATIENCE: Duration = Duration::from_secs(120);

fn client() -> anyhow::Result<Program> {
    let url = std::env::var("REDIS_URL").context("REDIS_URL is not set for the backup service")?;
    Ok(Program::new("redis-cli").args(["-u", &url, "-e"]))
}

/// Writes a snapshot to `directory`.
///
/// # Errors
/// When Redis does not answer, or the file cannot be written.
pub(crate) fn dump(directory: &Path) -> anyhow::Result<()> {
    let path = directory.join(DUMP);
    let ended = client()?.args(["--rdb"]).arg_file(&path).start()?.end()?;
    let bytes = std::fs::read(&path).unwrap_or_default();
    // redis-cli ends with 0 also where the connection broke.
    if ended.code != Some(0) || !bytes.starts_with(b"REDIS") || !whole(&bytes) {
        return Err(ended.said.lines().take(5).fold(Failure::new("the snapshot of Redis did not arrive whole"), Failure::detail).into());
    }
    std::fs::File::open(&path)?.sync_all()?;
    Ok(())
}

/// A snapshot ends with a byte that says so, and eight bytes of checksum.
fn whole(bytes: &[u8]) -> bool {
    bytes.len() > 17 && bytes[bytes.len() - 9] == 0xff
}

/// Whether the server will be able to load the snapshot at `dump`. Once it is in place, a server that cannot would not start any more.
///
/// # Errors
/// When it will not: the snapshot is damaged, or of a newer Redis.
pub(crate) fn check(dump: &Path) -> anyhow::Result<()> {
    let found = dump.symlink_metadata().with_context(|| format!("cannot read {}", dump.display()))?;
    ensure!(found.is_file(), Failure::new(format!("`{DUMP}` in the backup is not a file")));
    let mut head = [0; HEAD];
    std::fs::File::open(dump)?.read_exact(&mut head).map_err(|_| damaged("it is too short"))?;
    let made = version(&head).ok_or_else(|| damaged("it does not begin as one"))?;
    if let Some(newest) = newest()?
        && made > newest
    {
        return Err(Failure::new(format!(
            "the snapshot of Redis has version {made} of its format, and the server here reads {newest} at most"
        ))
        .hint("run the Redis that made it or a newer one, or bring back less with `--only`")
        .into());
    }
    let (ended, said) = Program::new("redis-check-rdb").arg_file(dump).output()?;
    // The program here may be older than both.
    if ended.code == Some(0) || said.contains("Can't handle RDB format version") {
        return Ok(());
    }
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("---") || line.contains("ERROR")).take(4).collect();
    Err(lines.into_iter().fold(damaged("redis-check-rdb finds an error in it"), Failure::detail).into())
}

fn damaged(reason: &str) -> Failure {
    Failure::new(format!("the snapshot of Redis in the backup cannot be loaded: {reason}"))
        .hint("use another backup, or bring back the other parts with `--only`")
}

/// The newest version of snapshots that the server reads, which is the one that it writes; nothing where it does not answer.
fn newest() -> anyhow::Result<Option<u32>> {
    let mut snapshot = client()?.args(["--rdb", "-"]).read().start()?;
    let mut head = [0; HEAD];
    // What follows is not wanted: the program is ended.
    let read = snapshot.stdout()?.read_exact(&mut head);
    Ok(read.ok().and_then(|()| version(&head)))
}

/// `REDIS0012`: the version of a snapshot.
fn version(head: &[u8; HEAD]) -> Option<u32> {
    std::str::from_utf8(head).ok()?.strip_prefix("REDIS")?.parse().ok()
}

/// Makes `directory` what a Redis finds its data in, from the snapshot at `dump`; everything gets the owner of `volume`.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn stage(dump: &Path, directory: &Path, volume: &Path) -> anyhow::Result<()> {
    let log = directory.join(LOG);
    let unwritable = || format!("cannot write {}", log.display());
    std::fs::create_dir_all(&log).with_context(unwritable)?;
    std::fs::copy(dump, log.join(BASE)).with_context(unwritable)?;
    let mut index = String::new();
    writeln!(index, "file {BASE} seq 1 type b")?;
    std::fs::write(log.join(INDEX), index).with_context(unwritable)?;
    let owner = volume.metadata().with_context(unwritable)?;
    for path in [directory.to_owned(), log.clone(), log.join(BASE), log.join(INDEX)] {
        chown(&path, Some(owner.uid()), Some(owner.gid())).with_context(unwritable)?;
        sync(&path)?;
    }
    Ok(())
}

/// Makes the server write to its volume no more: what lies there is going to be that of its successor, and it would put its own names into it at its end.
///
/// # Errors
/// When it does not understand.
pub(crate) fn quiet() -> anyhow::Result<()> {
    if !answers()? {
        return Ok(());
    }
    for (key, value) in [("appendonly", "no"), ("save", "")] {
        let ended = client()?.args(["CONFIG", "SET", key, value]).start()?.end()?;
        if ended.code != Some(0) {
            return Err(ended.said.lines().fold(Failure::new("Redis does not stop writing to its volume"), Failure::detail).into());
        }
    }
    Ok(())
}

/// Lets the server of `part` be started again, without a last write: it reads what lies in its volume. One that does not run reads it at its start.
///
/// Whoever asked for all this does it, if they can: the engine counts what it starts again by itself as a failure of the server, and takes longer each time.
///
/// # Errors
/// When it does not come back.
pub(crate) fn restart(part: &str) -> anyhow::Result<()> {
    if !answers()? {
        return Ok(());
    }
    let before = run_id()?;
    talk::say(&Event::Restart { part: part.to_owned() });
    let another = || anyhow::Ok(run_id()?.is_some_and(|id| before.as_ref() != Some(&id)));
    within(HELPED, || Ok(lifeline::alone() || another()?))?;
    if !another()? {
        // It does not say goodbye: that the connection ends is the answer.
        let _ = client()?.args(["SHUTDOWN", "NOSAVE", "NOW", "FORCE"]).start()?.end()?;
    }
    // While it still reads, it says who it is, and answers nothing else.
    if within(PATIENCE, || Ok(another()? && answers()?))? {
        return Ok(());
    }
    Err(Failure::new("Redis was ended to read its new data, and does not answer any more")
        .hint("`cargo xtask logs redis` says why; `cargo xtask up` starts it")
        .into())
}

/// Whether `done` is so before `patience` is over.
fn within(patience: Duration, done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if done()? {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(false)
}

fn answers() -> anyhow::Result<bool> {
    Ok(client()?.args(["PING"]).start()?.end()?.code == Some(0))
}

fn run_id() -> anyhow::Result<Option<String>> {
    let (_, text) = client()?.args(["INFO", "server"]).output()?;
    Ok(text.lines().find_map(|line| line.strip_prefix("run_id:")).map(|id| id.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_snapshot_is_in_its_head() {
        let heads = [b"REDIS0012", b"REDIS00x2", b"REDI00012", b"\xff\xff\xff\xff\xff0012"];
        assert_eq!(heads.map(version), [Some(12), None, None, None]);
    }
}
