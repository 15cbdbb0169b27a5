//! `/admin/users`: who has an account, and what they may do.
use super::super::auth::SignedAdmin;
use super::super::error::Problem;
use super::super::json::{Id, Parameters};
use super::super::state::App;
use super::Form;
use crate::accounts::{self, Role, RoleChange};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, Redirect};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;
use uuid::Uuid;

/// How many accounts a page shows.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub(super) struct List {
    after: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RoleForm {
    role: Role,
}

pub(super) async fn list(State(app): State<App>, admin: SignedAdmin, Parameters(list): Parameters<List>) -> Result<Html<String>, Problem> {
    let after = match list.after.map(|id| id.parse::<Uuid>()).transpose() {
        Ok(after) => after,
        Err(_) => return Err(Problem::bad_parameter("after", "must be the id of an account")),
    };
    let mut users = accounts::list(&app.database, after, PAGE as i64 + 1).await?;
    let more = users.len() > PAGE;
    users.truncate(PAGE);
    let next = users.last().filter(|_| more).map(|user| user.id.to_string());
    super::page("users.html", &admin, context! { users => Serde(users), next, first => after.is_none() })
}

pub(super) async fn set_role(State(app): State<App>, Id(id): Id, Form(form): Form<RoleForm>) -> Result<Redirect, Problem> {
    match accounts::set_role(&app.database, id, form.role).await? {
        RoleChange::Done(account) => {
            tracing::info!(user_id = %account.id, role = ?account.role, "role changed");
            Ok(Redirect::to("/admin/users"))
        }
        RoleChange::Missing => Err(Problem::not_found("there is no account with this id")),
        RoleChange::LastAdmin => Err(Problem::new(StatusCode::CONFLICT, "this is the last administrator: make somebody else one first")),
    }
}
