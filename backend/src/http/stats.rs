//! The figures of the board.
use super::error::Problem;
use super::state::App;
use crate::stats::{self, BoardStats};
use axum::Json;
use axum::extract::State;

/// `GET /api/v1/stats`: as the worker last computed them.
pub(super) async fn show(State(app): State<App>) -> Result<Json<BoardStats>, Problem> {
    Ok(Json(stats::read(&app.database).await?))
}
