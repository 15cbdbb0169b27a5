//! `/admin/`: what runs, whether it is well, and how much there is.
use super::super::auth::SignedAdmin;
use super::super::error::Problem;
use super::super::state::App;
use crate::{accounts, health, jobs, stats};
use axum::extract::State;
use axum::response::Html;
use minijinja::context;
use minijinja::value::Serde;

pub(super) async fn show(State(app): State<App>, admin: SignedAdmin) -> Result<Html<String>, Problem> {
    let (report, figures, stats, accounts) = tokio::join!(
        health::report(&app.database, &app.redis),
        jobs::figures(&app.database),
        stats::read(&app.database),
        accounts::count(&app.database),
    );
    let data = context! {
        health => Serde(report), jobs => Serde(figures?), stats => Serde(stats?), accounts => accounts?,
        sockets => app.sockets_open(), environment => app.release.environment.as_str(), version => app.release.version, revision => app.release.revision.as_deref(),
    };
    super::page("overview.html", &admin, data)
}
