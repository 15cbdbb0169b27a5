//! The figures of the board.
use super::auth::Signed;
use super::error::Problem;
use super::state::App;
use crate::stats::{self, BoardStats};
use axum::Json;
use axum::extract::State;

/// The figures of the board, as the worker last computed them
#[utoipa::path(get, path = "/api/v1/stats", tag = "tasks", responses((status = 200, body = BoardStats), super::openapi::Refusals))]
pub(super) async fn show(State(app): State<App>, _: Signed) -> Result<Json<BoardStats>, Problem> {
    Ok(Json(stats::read(&app.database).await?))
}
