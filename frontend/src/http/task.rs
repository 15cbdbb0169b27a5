//! One task: everything about it, the form that changes it, and what can be done to it with one press, here and on the board.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::account::Saved;
use super::failure::{Draft, Failure};
use super::form::{Asked, Next, Sent, go_on};
use super::{App, pages};
use crate::backend::{BackendError, Caller, Edit, Refusal, Task, Verb};

/// The form of a task, as it was sent or as it comes from the task.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Fields {
    title: String,
    notes: String,
    due_on: String,
    assignee_id: String,
    /// Present when the box is ticked.
    private: Option<String>,
    /// Present when there was a box to tick.
    may_hide: Option<String>,
    version: String,
}

/// What the page of a task says besides the task.
#[derive(Default)]
pub(super) struct Notes {
    /// What was sent and not saved.
    pub(super) fields: Option<Fields>,
    /// Why.
    pub(super) refusal: Option<Refusal>,
    /// Why a file was not taken.
    pub(super) upload: Option<Refusal>,
    /// Whether somebody else was faster.
    pub(super) conflict: bool,
    /// Whether a form has just worked.
    pub(super) saved: bool,
}

/// `GET /tasks/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(saved): Asked<Saved>,
) -> Result<Response, Failure> {
    page(&app, &caller, &id, Notes { saved: !saved.saved.is_empty(), ..Notes::default() }).await
}

/// `POST /tasks/{id}`: changes the task, unless somebody else did meanwhile.
pub(crate) async fn edit(
    State(app): State<App>,
    Path(id): Path<String>,
    Sent { caller, fields }: Sent<Fields>,
) -> Result<Response, Failure> {
    let version = fields.version.parse().map_err(|_| Failure::BadForm(StatusCode::UNPROCESSABLE_ENTITY))?;
    let kept = |fields: &Fields| {
        let draft = Draft::new(&format!("/tasks/{id}"), &caller).field("title", Some("Title"), &fields.title);
        let draft = draft.field("notes", Some("Notes"), &fields.notes).field("version", None, &fields.version);
        let draft = draft.field("due_on", None, &fields.due_on).field("assignee_id", None, &fields.assignee_id);
        let boxes = [("private", &fields.private), ("may_hide", &fields.may_hide)];
        boxes.into_iter().filter(|(_, ticked)| ticked.is_some()).fold(draft, |draft, (name, _)| draft.field(name, None, "1"))
    };
    let notes = match app.0.backend.edit(&id, version, &fields.edit(), &caller).await {
        Ok(_) => return Ok(go_on(&format!("/tasks/{id}?saved=1")).into_response()),
        Err(BackendError::Refused(refusal)) => Notes { refusal: Some(refusal), ..Notes::default() },
        Err(BackendError::Changed) => Notes { conflict: true, ..Notes::default() },
        Err(reason) => return Err(Failure::from(reason).keeping(kept(&fields))),
    };
    let draft = kept(&fields);
    page(&app, &caller, &id, Notes { fields: Some(fields), ..notes }).await.map_err(|failure| failure.keeping(draft))
}

/// `POST /tasks/{id}/complete`.
pub(crate) async fn complete(state: State<App>, id: Path<String>, sent: Sent<Next>) -> Result<Redirect, Failure> {
    act(state, id, sent, Verb::Complete).await
}

/// `POST /tasks/{id}/reopen`.
pub(crate) async fn reopen(state: State<App>, id: Path<String>, sent: Sent<Next>) -> Result<Redirect, Failure> {
    act(state, id, sent, Verb::Reopen).await
}

/// `POST /tasks/{id}/delete`.
pub(crate) async fn delete(state: State<App>, id: Path<String>, sent: Sent<Next>) -> Result<Redirect, Failure> {
    act(state, id, sent, Verb::Delete).await
}

/// `GET` at the address of a form of this page.
pub(crate) async fn back(Path(id): Path<String>) -> Redirect {
    go_on(&format!("/tasks/{id}"))
}

async fn act(State(app): State<App>, Path(id): Path<String>, Sent { caller, fields }: Sent<Next>, verb: Verb) -> Result<Redirect, Failure> {
    app.0.backend.act(&id, verb, &caller).await?;
    Ok(go_on(&fields.next))
}

pub(super) async fn page(app: &App, caller: &Caller, id: &str, notes: Notes) -> Result<Response, Failure> {
    let backend = &app.0.backend;
    let (session, task, people, attachments) =
        tokio::join!(backend.session(caller), backend.task(id, caller), backend.people(caller), backend.attachments(id, caller));
    let (session, task, mut people, attachments) = (session?, task?, people?, attachments?);
    let mine = task.created_by.as_ref().is_some_and(|creator| creator.id == session.user.id);
    if task.private && !mine {
        // The assignee of a private task gives it back, and to no third person.
        people = task.created_by.iter().cloned().collect();
    }
    // The current assignee stays a choice, however many people there are.
    if let Some(assignee) = task.assignee.as_ref().filter(|assignee| people.iter().all(|person| person.id != assignee.id)) {
        people.push(assignee.clone());
    }
    let status = match (&notes.refusal, &notes.upload) {
        _ if notes.conflict => StatusCode::PRECONDITION_FAILED,
        (Some(refusal), _) | (_, Some(refusal)) => refusal.status,
        _ => StatusCode::OK,
    };
    // With the version that is current now: whoever has seen the other's changes may save over them.
    let fields = Fields { version: task.version.to_string(), ..notes.fields.unwrap_or_else(|| Fields::of(&task)) };
    let data = context! {
        mine,
        may_delete => mine || session.user.role == "admin",
        fields => Serde(fields),
        errors => Serde(notes.refusal.map(|refusal| refusal.fields).unwrap_or_default()),
        upload_error => notes.upload.map(|refusal| match refusal.fields.get("file") {
            Some(reason) => format!("The file {reason}."),
            None => format!("The file was not added: {}.", refusal.detail),
        }),
        conflict => notes.conflict,
        saved => notes.saved,
        people => Serde(people),
        attachments => Serde(attachments),
        task => Serde(task),
    };
    pages::render(app, status, "task.html", Some(&session), data)
}

impl Fields {
    fn of(task: &Task) -> Self {
        Self {
            title: task.title.clone(),
            notes: task.notes.clone(),
            due_on: task.due_on.clone().unwrap_or_default(),
            assignee_id: task.assignee.as_ref().map(|person| person.id.clone()).unwrap_or_default(),
            private: task.private.then(String::new),
            ..Self::default()
        }
    }

    fn edit(&self) -> Edit {
        let given = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        Edit {
            title: self.title.clone(),
            // Forms end lines like printers did; the API gets them as everybody else writes them.
            notes: self.notes.replace("\r\n", "\n"),
            due_on: given(&self.due_on),
            assignee_id: given(&self.assignee_id),
            private: self.may_hide.as_ref().map(|_| self.private.is_some()),
        }
    }
}
