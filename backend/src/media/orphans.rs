//! Removes files that no row mentions: of deleted tasks and accounts, of uploads and exports that were broken off.
use super::{Media, Shelf, blocking, fan};
use sqlx::postgres::PgPool;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// A file is complete a moment before its row is written.
const GRACE: Duration = Duration::from_secs(3600);
/// Longer than any upload or export takes.
const UNFINISHED: Duration = Duration::from_secs(24 * 3600);
/// So many ids are looked up at once.
const BATCH: usize = 1000;

/// Removes them, and tells how many. Whatever is not named as we name files is left alone.
pub async fn remove(pool: &PgPool, media: &Media) -> anyhow::Result<usize> {
    let mut removed = remove_all(old(media.incoming(), UNFINISHED).await?).await?;
    for (shelf, sql) in [
        (Shelf::Attachments, "SELECT id FROM attachments WHERE id = ANY ($1)"),
        (Shelf::Exports, "SELECT id FROM exports WHERE id = ANY ($1)"),
    ] {
        for number in 0..=u8::MAX {
            let name = format!("{number:02x}");
            let mut files = old(media.dir.join(shelf.name()).join(&name), GRACE).await?;
            files.retain(|(id, _)| fan(*id) == name);
            for batch in files.chunks(BATCH) {
                let ids: Vec<Uuid> = batch.iter().map(|(id, _)| *id).collect();
                let known: HashSet<Uuid> = sqlx::query_scalar(sql).bind(ids).fetch_all(pool).await?.into_iter().collect();
                removed += remove_all(batch.iter().filter(|(id, _)| !known.contains(id)).cloned().collect()).await?;
            }
        }
    }
    Ok(removed)
}

/// The files of a directory that are named by an id and were last written at least this long ago.
async fn old(dir: PathBuf, age: Duration) -> io::Result<Vec<(Uuid, PathBuf)>> {
    blocking(move || {
        let mut found = Vec::new();
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A file that went away meanwhile is nobody's concern.
            let Ok(metadata) = entry.metadata() else { continue };
            let written = metadata.modified().unwrap_or_else(|_| SystemTime::now());
            if metadata.is_file() && SystemTime::now().duration_since(written).is_ok_and(|since| since >= age) {
                found.push((id, entry.path()));
            }
        }
        Ok(found)
    })
    .await
}

async fn remove_all(files: Vec<(Uuid, PathBuf)>) -> io::Result<usize> {
    blocking(move || Ok(files.iter().filter(|(_, path)| fs::remove_file(path).is_ok()).count())).await
}
