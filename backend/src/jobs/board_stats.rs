//! The job that brings the figures of the board up to date, and tells open browsers.
use super::NewJob;
use crate::live::{Audience, Message, Publisher};
use crate::stats;
use serde_json::json;
use sqlx::postgres::PgPool;

/// Its kind.
pub const KIND: &str = "refresh_board_stats";

/// Asks for it. The figures are computed from all tasks, so one job serves all requests that wait.
pub fn request() -> NewJob<'static> {
    NewJob { kind: KIND, coalesce_key: Some("board"), payload: json!({}), max_attempts: 10 }
}

pub(super) async fn run(pool: PgPool, publisher: Publisher) -> anyhow::Result<()> {
    let stats = stats::recompute(&pool).await?;
    publisher.publish(&Message::Stats { stats }, &Audience::Everyone);
    Ok(())
}
