//! Bringing edits into a container as Compose's own rules say: what changed as one tar stream, what is gone with one `rm`, then at most one restart.

mod place;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use self::place::{NoWay, Place, Way};
use super::deeds::{Outcome, perform};
use crate::commands;
use crate::model::Action;

/// So many bytes of names go into one command line; systems take at least twice as much.
const NAMES_AT_ONCE: usize = 64 << 10;

/// A file that a rule of Compose is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edit {
    /// What the rule has done.
    pub(crate) action: Action,
    /// The file, below the root of the checkout.
    pub(crate) path: PathBuf,
    /// The part of that below the path of the rule; empty where the rule names the file itself.
    pub(crate) inside: PathBuf,
    /// Where the path of the rule is in the container.
    pub(crate) target: Option<String>,
}

impl Edit {
    /// Whether the container is restarted for it.
    pub(crate) fn restarts(&self) -> bool {
        matches!(self.action, Action::Restart | Action::SyncRestart)
    }

    /// Where the file, or a directory above it, is in the container: its name there need not be text.
    fn place(&self, inside: &Path) -> Option<Vec<u8>> {
        let target = self.target.as_ref().filter(|_| matches!(self.action, Action::Sync | Action::SyncRestart))?;
        let mut place = target.trim_end_matches('/').as_bytes().to_vec();
        // `target: /app/` for a file means that directory.
        let name = self.path.file_name().filter(|_| inside.as_os_str().is_empty() && target.ends_with('/')).map(Path::new);
        for part in name.unwrap_or(inside) {
            place.push(b'/');
            place.extend_from_slice(part.as_encoded_bytes());
        }
        Some(place)
    }
}

/// How far edits got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// They are where the program reads them.
    There,
    /// They are there, and the container was started with them a moment ago.
    Restarted,
    /// They are there, and the container stays stopped.
    Stopped,
    /// The container takes nothing now.
    Waits(&'static str),
}

/// Brings `edits` of the checkout at `root` into `container`. One that a person has stopped is not started.
///
/// # Errors
/// With what a person has to know.
pub(crate) fn bring(root: &Path, container: &str, edits: &[Edit], stopped: bool) -> Result<Placed, String> {
    let Some(place) = look(container)? else { return Ok(Placed::Waits("its container is gone")) };
    match bring_to(root, &place, edits, stopped) {
        // A container that ends again and again may have ended meanwhile: then it is stopped first.
        Err(reason) if place.state.status == "running" => match look(container)? {
            Some(now) if now.state.status != "running" => bring_to(root, &now, edits, stopped),
            _ => Err(reason),
        },
        outcome => outcome,
    }
}

fn look(container: &str) -> Result<Option<Place>, String> {
    let output = commands::engine::inspect(&[container.to_owned()]).capture().map_err(|error| format!("{error:#}"))?;
    Ok(Place::parse(&output.stdout))
}

fn bring_to(root: &Path, place: &Place, edits: &[Edit], stopped: bool) -> Result<Placed, String> {
    let (selection, id) = (Selection::of(root, edits), place.id.as_str());
    let restarts = edits.iter().any(Edit::restarts);
    let start = || perform(&commands::engine::start(id));
    let restart = || perform(&commands::engine::restart(&[id.to_owned()]));
    match place.state.status.as_str() {
        "paused" => Ok(Placed::Waits("its container is paused")),
        "removing" => Ok(Placed::Waits("its container is being removed")),
        "running" => {
            // What cannot be removed keeps nothing else from getting there.
            let removed = remove(place, &selection.gone);
            copy(place, &selection.files)?;
            if restarts {
                restart()?;
            }
            removed.map(|()| if restarts { Placed::Restarted } else { Placed::There })
        }
        status => {
            if status == "restarting" {
                perform(&commands::engine::stop(&[id.to_owned()]))?;
            }
            copy(place, &selection.files)?;
            if status != "restarting" && (stopped || !restarts) {
                return selection.gone.first().map_or(Ok(Placed::Stopped), |gone| Err(kept(gone)));
            }
            start()?;
            if !selection.gone.is_empty() {
                // Nothing can be removed in a container that does not run.
                remove(place, &selection.gone)?;
                restart()?;
            }
            Ok(Placed::Restarted)
        }
    }
}

fn kept(gone: &[u8]) -> String {
    format!("`{}` stays in the container, which does not run: only a new container is without it", String::from_utf8_lossy(gone))
}

/// What is to be done, with the places in the container.
#[derive(Debug, Default, PartialEq, Eq)]
struct Selection {
    /// What is no more, or gives way to something of another kind.
    gone: BTreeSet<Vec<u8>>,
    /// What is copied, with the directories above it: those come first.
    files: BTreeMap<Vec<u8>, PathBuf>,
}

impl Selection {
    fn of(root: &Path, edits: &[Edit]) -> Self {
        let mut selection = Self::default();
        for edit in edits {
            let host = root.join(&edit.path);
            let depth = edit.inside.components().count();
            // The directories above it, up to the path of the rule, each with its part of the path.
            let above = || (1..depth).filter_map(|up| Some((edit.inside.ancestors().nth(up)?, host.ancestors().nth(up)?)));
            let Some(place) = edit.place(&edit.inside) else { continue };
            match host.symlink_metadata() {
                Ok(found) if found.is_dir() => drop(selection.gone.insert(place)),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    let is_directory = |host: &Path| host.symlink_metadata().is_ok_and(|found| found.is_dir());
                    let topmost = above().rfind(|(_, host)| !is_directory(host));
                    selection.gone.extend(edit.place(topmost.map_or(&edit.inside, |(inside, _)| inside)));
                }
                _ => {
                    let above = above().filter_map(|(inside, host)| Some((edit.place(inside)?, host.to_owned())));
                    selection.files.extend(above);
                    selection.files.insert(place, host);
                }
            }
        }
        selection
    }
}

/// Removes what is gone with the container's own `rm`.
fn remove(place: &Place, gone: &BTreeSet<Vec<u8>>) -> Outcome {
    let mut names = Vec::new();
    for name in gone {
        // The engine takes command lines as text.
        let text = std::str::from_utf8(name);
        names
            .push(text.map_err(|_| format!("`{}` stays in the container: its name is no text", String::from_utf8_lossy(name)))?.to_owned());
    }
    for names in in_pieces(names) {
        let command: Vec<String> = ["rm", "-rf", "--"].map(str::to_owned).into_iter().chain(names).collect();
        let (id, first) = (&place.id, &command[3]);
        // What a build put there may be root's.
        let removed = perform(&commands::engine::run_in(id, &command)).or_else(|reason| {
            if reason.contains("executable file not found") {
                return Err(format!("`{first}` stays in the container: its image has no `rm`"));
            }
            perform(&commands::engine::run_as_root(id, &command)).map_err(|_| format!("`{first}` stays in the container: {reason}"))
        });
        removed?;
    }
    Ok(())
}

fn in_pieces(names: Vec<String>) -> Vec<Vec<String>> {
    let mut pieces: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for name in names {
        if pieces.is_empty() || name.len() > room {
            pieces.push(Vec::new());
            room = NAMES_AT_ONCE;
        }
        room = room.saturating_sub(name.len() + 1);
        pieces.last_mut().into_iter().for_each(|piece| piece.push(name.clone()));
    }
    pieces
}

/// Copies `files` into the container: one stream for each file system that they are on.
fn copy(place: &Place, files: &BTreeMap<Vec<u8>, PathBuf>) -> Outcome {
    let mut ways: BTreeMap<Way, Vec<(&[u8], &Path)>> = BTreeMap::new();
    for (name, host) in files {
        match place.way(name) {
            Ok(way) => ways.entry(way).or_default().push((name, host)),
            // A directory that is a mount is there.
            Err(NoWay::IsMount) if host.is_dir() => {}
            Err(reason) => return Err(no_way(&reason, &String::from_utf8_lossy(name))),
        }
    }
    if ways.is_empty() {
        return Ok(());
    }
    let owner = place.plain_owner().unwrap_or_else(|| ask_owner(place));
    let mut unread = Vec::new();
    for (way, files) in ways {
        let (unpack, base) = match &way {
            Way::Engine(base) => (commands::engine::unpack(&place.id, base), base),
            Way::Inside(base) => (commands::engine::unpack_inside(&place.id, base), base),
        };
        let output = unpack.feed(|to| {
            let mut archive = tar::Builder::new(io::BufWriter::with_capacity(1 << 16, to));
            for (name, host) in &files {
                let name = name.strip_prefix(base.trim_end_matches('/').as_bytes()).unwrap_or(name);
                if let Err(reason) = pack(&mut archive, name.strip_prefix(b"/").unwrap_or(name), host, owner)? {
                    unread.push(format!("{} cannot be read: {reason}", host.display()));
                }
            }
            archive.into_inner()?.flush()
        });
        let output = output.map_err(|error| format!("{error:#}"))?;
        if output.code != 0 {
            let said = format!("{}{}", output.stdout, output.stderr).trim().to_owned();
            return Err(match &way {
                Way::Inside(base) if said.contains("executable file not found") => {
                    format!("`{base}` is in memory (`tmpfs`): only `tar` in the container can write there, and its image has none")
                }
                _ => said,
            });
        }
    }
    if unread.is_empty() { Ok(()) } else { Err(unread.join("\n")) }
}

/// Writes one file, link or directory. A file that is gone is left out: the next edit reports it. The inner error is of the file, the outer one of the stream.
fn pack(to: &mut tar::Builder<impl Write>, name: &[u8], host: &Path, owner: (u32, u32)) -> io::Result<Result<(), io::Error>> {
    let Ok(found) = host.symlink_metadata() else { return Ok(Ok(())) };
    let (name, size) = (path_of(name), found.len());
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&found);
    header.set_mode(header.mode()? & 0o7777);
    header.set_uid(owner.0.into());
    header.set_gid(owner.1.into());
    if found.is_dir() {
        to.append_data(&mut header, name, io::empty())?;
    } else if found.is_symlink() {
        let Ok(target) = host.read_link() else { return Ok(Ok(())) };
        to.append_link(&mut header, name, target)?;
    } else if found.is_file() {
        match std::fs::File::open(host) {
            // The header promises `size` bytes, and the file may grow or shrink meanwhile: that is another edit.
            Ok(file) => to.append_data(&mut header, name, file.take(size).chain(io::repeat(0)).take(size))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

#[cfg(unix)]
fn path_of(name: &[u8]) -> Cow<'_, Path> {
    Cow::Borrowed(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name)))
}

#[cfg(not(unix))]
fn path_of(name: &[u8]) -> Cow<'_, Path> {
    Cow::Owned(String::from_utf8_lossy(name).into_owned().into())
}

/// Whose the container's processes are, by the names that its files know.
fn ask_owner(place: &Place) -> (u32, u32) {
    let read = |path: &str| {
        let stream = commands::engine::fetch(&place.id, path).read_bytes().ok()?;
        let mut text = Vec::new();
        tar::Archive::new(stream.as_slice()).entries().ok()?.next()?.ok()?.read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let read = |path| read(path).unwrap_or_default();
    place.owner(&read("/etc/passwd"), &read("/etc/group"))
}

fn no_way(reason: &NoWay, name: &str) -> String {
    let (why, what) = match reason {
        NoWay::ReadOnly => {
            let directory = name.rsplit_once('/').map_or("/", |(directory, _)| if directory.is_empty() { "/" } else { directory });
            (
                "its container is read-only".to_owned(),
                format!("leave out `read_only: true` in the compose file, or mount a volume or `tmpfs` at `{directory}`"),
            )
        }
        NoWay::MountReadOnly(mount) => {
            (format!("what is mounted at `{mount}` is read-only"), "leave out `ro` at that mount in the compose file".to_owned())
        }
        NoWay::IsMount => ("it is itself a mount".to_owned(), "leave out the rule or the mount: what is mounted needs no copy".to_owned()),
    };
    format!("`{name}` cannot be written: {why}\nhint: {what}")
}

#[cfg(test)]
mod tests;
