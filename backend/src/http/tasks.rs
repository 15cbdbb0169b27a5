//! Tasks: list, create, show, change, complete, reopen, delete.
use super::auth::Signed;
use super::error::{FieldError, Problem};
use super::idempotent::{self, Answer, IdempotencyKey};
use super::json::{Id, Json, Parameters};
use super::openapi::Refusals;
use super::state::App;
use crate::live::{Audience, Message};
use crate::tasks::{
    self, Assignee, Change, Changed, Cursor, Due, Filter, MAX_LIST_LENGTH, MAX_QUERY_LENGTH, Notes, Precondition, Refusal, Status, Task,
    Title,
};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use time::Date;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

const DEFAULT_LIST_LENGTH: u32 = 100;

/// Which tasks to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Words that title or notes contain, by their beginnings.
    #[param(nullable = false, max_length = 200)]
    q: Option<String>,
    /// Only open or only done ones.
    #[param(nullable = false, value_type = Option<Status>)]
    status: Option<String>,
    /// `me`, `none`, or the id of an account.
    #[param(nullable = false, pattern = "^(me|none|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")]
    assignee: Option<String>,
    /// Only open ones that are due then, seen from today (UTC).
    #[param(nullable = false, value_type = Option<Due>)]
    due: Option<String>,
    /// How many at most.
    #[param(nullable = false, value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next` of the page before.
    #[param(nullable = false)]
    before: Option<String>,
}

/// One page of tasks: open ones first, newest first; then completed ones, last completed first.
#[derive(Serialize, ToSchema)]
pub(super) struct TaskList {
    tasks: Vec<Task>,
    /// Where the next page starts: pass it as `before`. Null on the last one.
    next: Option<String>,
}

/// A new task.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewTask {
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    #[serde(flatten)]
    rest: Rest,
}

/// Fields of a task; those that are absent stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TaskChange {
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    title: Option<String>,
    #[serde(flatten)]
    rest: Rest,
}

/// What new tasks may have and changes may set.
#[derive(Debug, Deserialize, ToSchema)]
struct Rest {
    #[schema(nullable = false, max_length = 10_000)]
    notes: Option<String>,
    /// Seen and changed only by its creator and its assignee. Only its creator changes this.
    #[schema(nullable = false)]
    private: Option<bool>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Date)]
    due_on: Option<Option<String>>,
    /// Null takes it away. Of a private task, only its creator assigns it to a third person.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>)]
    assignee_id: Option<Option<String>>,
}

/// Tells `null` from absence.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// List tasks
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", params(ListParameters), responses((status = 200, body = TaskList), Refusals))]
pub(super) async fn list(
    State(app): State<App>,
    signed: Signed,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<axum::Json<TaskList>, Problem> {
    let ListParameters { q, status, assignee, due, limit, before } = parameters;
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    let query = given(q);
    if query.as_ref().is_some_and(|query| query.chars().count() > MAX_QUERY_LENGTH) {
        return Err(Problem::bad_parameter("q", format!("must have at most {MAX_QUERY_LENGTH} characters")));
    }
    let status = match given(status).as_deref() {
        None => None,
        Some("open") => Some(Status::Open),
        Some("done") => Some(Status::Done),
        Some(_) => return Err(Problem::bad_parameter("status", "must be `open` or `done`")),
    };
    let assignee = match given(assignee).as_deref() {
        None => None,
        Some("me") => Some(Assignee::Person(signed.user.id)),
        Some("none") => Some(Assignee::Nobody),
        Some(id) => match id.parse() {
            Ok(id) => Some(Assignee::Person(id)),
            Err(_) => return Err(Problem::bad_parameter("assignee", "must be `me`, `none` or the id of an account")),
        },
    };
    let due = match given(due).as_deref() {
        None => None,
        Some("overdue") => Some(Due::Overdue),
        Some("today") => Some(Due::Today),
        Some("week") => Some(Due::Week),
        Some(_) => return Err(Problem::bad_parameter("due", "must be `overdue`, `today` or `week`")),
    };
    let limit = match given(limit).map(|limit| limit.parse()) {
        None => DEFAULT_LIST_LENGTH,
        Some(Ok(limit @ 1..=MAX_LIST_LENGTH)) => limit,
        Some(_) => return Err(Problem::bad_parameter("limit", format!("must be a number from 1 to {MAX_LIST_LENGTH}"))),
    };
    let after = match given(before).map(|before| Cursor::parse(&before)) {
        None => None,
        Some(Some(cursor)) => Some(cursor),
        Some(None) => return Err(Problem::bad_parameter("before", "must be the `next` of another page")),
    };
    let page = tasks::list(&app.database, signed.user.id, &Filter { query, status, assignee, due }, limit, after).await?;
    Ok(axum::Json(TaskList { tasks: page.tasks, next: page.next.map(Cursor::text) }))
}

/// Create a task
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", params(IdempotencyKey), request_body = NewTask,
    responses((status = 201, body = Task, headers(("Location", description = "The address of the task"), ("ETag", description = "Its version"))), Refusals))]
pub(super) async fn create(
    State(app): State<App>,
    signed: Signed,
    key: IdempotencyKey,
    Json(body): Json<NewTask>,
) -> Result<Response, Problem> {
    let key = key.of(signed.user.id, "POST /api/v1/tasks", &body)?;
    let mut errors = Vec::new();
    let title = field("title", Title::parse(&body.title), &mut errors);
    let rest = body.rest.check(&mut errors);
    let (Some(title), []) = (title, errors.as_slice()) else { return Err(Problem::invalid(errors)) };
    let mut transaction = app.database.begin().await?;
    let answer = match idempotent::claim(&mut transaction, key.as_ref()).await? {
        Some(answer) => answer,
        None => {
            let task = tasks::create(&mut transaction, signed.user.id, &title, &rest).await?;
            let answer = Answer::new(&mut transaction, key.as_ref(), &task).await?;
            transaction.commit().await?;
            app.publisher.publish(&Message::Task { task: Box::new(task.clone()) }, &Audience::of(&task));
            answer
        }
    };
    let (id, version) = (answer.text("id"), answer.0["version"].as_i64().unwrap_or_default());
    let headers = [(header::LOCATION, format!("/api/v1/tasks/{id}")), (header::ETAG, tag(version))];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

/// Show a task
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks", params(Id),
    responses((status = 200, body = Task, headers(("ETag", description = "Its version, for `If-Match`"))), Refusals))]
pub(super) async fn show(State(app): State<App>, signed: Signed, Id(id): Id) -> Result<Response, Problem> {
    tasks::visible(&app.database, id, signed.user.id).await?.map(tagged).ok_or_else(missing)
}

/// Change fields of a task
#[utoipa::path(patch, path = "/api/v1/tasks/{id}", tag = "tasks", request_body = TaskChange,
    params(Id, ("If-Match" = String, Header, description = "The `ETag` of the version that was edited")),
    responses((status = 200, body = Task, headers(("ETag", description = "Its new version"))), Refusals))]
pub(super) async fn update(
    State(app): State<App>,
    signed: Signed,
    Id(id): Id,
    headers: HeaderMap,
    Json(body): Json<TaskChange>,
) -> Result<Response, Problem> {
    let precondition = precondition(&headers);
    if precondition == Precondition::None {
        let detail = "send the `ETag` of the task as `If-Match`, so that nobody's change is overwritten unseen";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
    }
    let mut errors = Vec::new();
    let title = body.title.and_then(|title| field("title", Title::parse(&title), &mut errors));
    let change = Change { title, ..body.rest.check(&mut errors) };
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let changed = tasks::change(&app.database, signed.user.id, id, precondition, &change).await?;
    Ok(tell(&app, changed))
}

/// Complete a task
#[utoipa::path(post, path = "/api/v1/tasks/{id}/complete", tag = "tasks", params(Id), responses((status = 200, body = Task), Refusals))]
pub(super) async fn complete(State(app): State<App>, signed: Signed, Id(id): Id) -> Result<Response, Problem> {
    let changed = tasks::complete(&app.database, signed.user.id, id).await?;
    Ok(tell(&app, changed))
}

/// Open a task again
#[utoipa::path(post, path = "/api/v1/tasks/{id}/reopen", tag = "tasks", params(Id), responses((status = 200, body = Task), Refusals))]
pub(super) async fn reopen(State(app): State<App>, signed: Signed, Id(id): Id) -> Result<Response, Problem> {
    let changed = tasks::reopen(&app.database, signed.user.id, id).await?;
    Ok(tell(&app, changed))
}

/// Delete a task with its files
#[utoipa::path(delete, path = "/api/v1/tasks/{id}", tag = "tasks",
    params(Id, ("If-Match" = Option<String>, Header, description = "Delete only this version")), responses((status = 204), Refusals))]
pub(super) async fn remove(State(app): State<App>, signed: Signed, Id(id): Id, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let task = tasks::remove(&app.database, &signed.user, id, precondition(&headers)).await?;
    app.publisher.publish(&Message::TaskGone { id }, &Audience::of(&task));
    Ok(StatusCode::NO_CONTENT)
}

/// Tells everybody who may know, and answers with the task.
fn tell(app: &App, Changed { task, before }: Changed) -> Response {
    if task != before {
        let lost = Audience::lost(&before, &task);
        if !lost.is_nobody() {
            app.publisher.publish(&Message::TaskGone { id: task.id }, &lost);
        }
        app.publisher.publish(&Message::Task { task: Box::new(task.clone()) }, &Audience::of(&task));
    }
    tagged(task)
}

fn tagged(task: Task) -> Response {
    ([(header::ETAG, tag(task.version))], axum::Json(task)).into_response()
}

fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// What `If-Match` asks for (RFC 9110, 13.1.1). Several tags are read as none that ever was: no client of ours has two versions in hand.
fn precondition(headers: &HeaderMap) -> Precondition {
    match headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim()) {
        None => Precondition::None,
        Some("*") => Precondition::Any,
        Some(tag) => {
            let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|version| version.parse().ok());
            version.map_or(Precondition::Never, Precondition::Version)
        }
    }
}

impl Rest {
    fn check(self, errors: &mut Vec<FieldError>) -> Change {
        let due_on = self.due_on.map(|date| date.and_then(|text| field("due_on", parse_date(&text), errors)));
        let id = |id: String| id.parse::<Uuid>().map_err(|_| "must be the id of an account".to_owned());
        let assignee = self.assignee_id.map(|person| person.and_then(|text| field("assignee_id", id(text), errors)));
        let notes = self.notes.and_then(|notes| field("notes", Notes::parse(&notes), errors));
        Change { title: None, notes, private: self.private, due_on, assignee }
    }
}

fn parse_date(text: &str) -> Result<Date, String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let date = Date::parse(text, &format).ok().filter(|date| (1..=9999).contains(&date.year()));
    date.ok_or_else(|| "must be a date, such as `2026-12-24`".to_owned())
}

fn field<T>(field: &'static str, value: Result<T, String>, errors: &mut Vec<FieldError>) -> Option<T> {
    value.map_err(|detail| errors.push(FieldError { field, detail: detail.into() })).ok()
}

pub(super) fn missing() -> Problem {
    Problem::not_found("there is no task with this id")
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => missing(),
            Refusal::Outdated(task) => {
                let detail = format!("the task was changed meanwhile, its version is {} now", task.version);
                Problem::new(StatusCode::PRECONDITION_FAILED, detail)
            }
            Refusal::Forbidden(detail) => Problem::forbidden(detail),
            Refusal::UnknownAssignee => Problem::invalid_field("assignee_id", "must be the id of an account"),
            Refusal::Database(error) => error.into(),
        }
    }
}
