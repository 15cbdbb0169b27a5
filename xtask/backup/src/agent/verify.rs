//! Whether a backup is what it was when it was made: each part is read, expanded, and compared with the manifest.

use std::path::Path;

use anyhow::ensure;
use backup::{Event, Manifest};

use super::archive::Reader;
use super::failure::Failure;
use super::place::Place;
use super::talk::{self, Meter};

/// Reads the backup `file` and compares it with what it says of itself, and with what is said beside it.
///
/// # Errors
/// When it differs; the message names the part.
pub(crate) fn verify(place: &Place, file: &str) -> anyhow::Result<Event> {
    let path = place.backups.join(file);
    let beside = std::fs::read(path.with_extension("").with_extension("json")).ok();
    let beside: Option<Manifest> = beside.and_then(|text| serde_json::from_slice(&text).ok());
    let manifest = compare(&path, beside.as_ref())?;
    Ok(Event::Backup { manifest: Box::new(manifest) })
}

/// The same for the file `path`, which is said to be `said`.
///
/// # Errors
/// As above.
pub(crate) fn compare(path: &Path, said: Option<&Manifest>) -> anyhow::Result<Manifest> {
    let reader = Reader::open(path)?;
    let manifest = reader.manifest.clone();
    if let Some(said) = said {
        ensure!(
            said.id == manifest.id && said.parts == manifest.parts,
            Failure::new(format!("what is said beside the backup `{}` is of another one", manifest.id))
                .detail("one of both files was changed, or moved here from somewhere else")
                .hint("`cargo xtask restore --at FILE` takes the file alone, and reads all of it before it changes anything")
        );
    }
    for part in &manifest.parts {
        talk::step(format!("checking {}", part.name));
        let bytes = part.bytes;
        reader.part(&part.name, std::io::sink(), &mut Meter::new(&part.name, Some(bytes)))?;
    }
    Ok(manifest)
}
