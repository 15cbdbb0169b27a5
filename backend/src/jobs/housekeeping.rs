//! The jobs that keep tables and directories small. Each removes what is old in batches; running one twice removes nothing more.
use super::{Context, queue};
use crate::{exports, idempotency, media, resets};

/// Removes files without a row, and exports that nobody needs any more.
pub const REMOVE_ORPHANS: &str = "remove_orphans";
/// Removes jobs that ended long ago.
pub const PRUNE_JOBS: &str = "prune_jobs";
/// Removes answers that are no longer repeated.
pub const PRUNE_IDEMPOTENCY_KEYS: &str = "prune_idempotency_keys";
/// Removes tokens of links that do not work any more.
pub const PRUNE_PASSWORD_RESETS: &str = "prune_password_resets";

pub(super) async fn remove_orphans(context: Context) -> anyhow::Result<()> {
    // Rows first: their files are orphans then.
    let exports = exports::remove_old(&context.pool).await?;
    let files = media::orphans::remove(&context.pool, &context.media).await?;
    if exports > 0 || files > 0 {
        tracing::info!(exports, files, "old exports and orphaned files removed");
    }
    Ok(())
}

pub(super) async fn prune_jobs(context: Context) -> anyhow::Result<()> {
    while queue::prune(&context.pool).await? > 0 {}
    Ok(())
}

pub(super) async fn prune_idempotency_keys(context: Context) -> anyhow::Result<()> {
    while idempotency::prune(&context.pool).await? > 0 {}
    Ok(())
}

pub(super) async fn prune_password_resets(context: Context) -> anyhow::Result<()> {
    while resets::prune(&context.pool).await? > 0 {}
    Ok(())
}
