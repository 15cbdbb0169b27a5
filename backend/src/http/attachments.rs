//! Attachments: list, upload, remove, send.
use super::auth::{Signed, SignedForm};
use super::error::Problem;
use super::form::{self, Form};
use super::json::Id;
use super::linger::linger;
use super::openapi::Refusals;
use super::state::App;
use super::tasks::missing as missing_task;
use super::{origin, rate, refuse};
use crate::attachments::{self, Added, Attachment, MAX_PER_TASK, NewAttachment, Removed};
use crate::live::{Audience, Message};
use crate::media::{self, FileType, Media, ReceiveError, Shelf};
use crate::tasks;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, middleware};
use serde::Serialize;
use std::io;
use std::time::Duration;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use utoipa::ToSchema;
use uuid::Uuid;

/// Uploads at once; more are refused.
const UPLOADS: usize = 16;
/// The time for one upload: a gigabyte at 5 Mbit/s.
const UPLOAD_TIME: Duration = Duration::from_secs(30 * 60);

/// The files of a task, the first one first.
#[derive(Serialize, ToSchema)]
pub(super) struct AttachmentList {
    attachments: Vec<Attachment>,
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `receive` reads")]
pub(super) struct Upload {
    /// For plain HTML forms, before the file. Scripts send the header.
    #[schema(nullable = false)]
    csrf_token: Option<String>,
    /// The file, with its name.
    #[schema(format = Binary)]
    file: String,
}

/// The route for uploads. It has limits of its own: uploads are few, long and large, and must not take the places of short requests.
pub(super) fn uploads() -> Router<App> {
    Router::new()
        .route("/api/v1/tasks/{id}/attachments", post(upload))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(rate::tell))
        .layer(middleware::from_fn(origin::require_same))
        .layer(
            ServiceBuilder::new()
                .layer(middleware::from_fn(linger))
                .layer(HandleErrorLayer::new(refuse))
                .layer(LoadShedLayer::new())
                .layer(GlobalConcurrencyLimitLayer::new(UPLOADS))
                .layer(TimeoutLayer::new(UPLOAD_TIME)),
        )
}

/// List the files of a task
#[utoipa::path(get, path = "/api/v1/tasks/{id}/attachments", tag = "files", params(Id), responses((status = 200, body = AttachmentList), Refusals))]
pub(super) async fn list(State(app): State<App>, signed: Signed, Id(id): Id) -> Result<Json<AttachmentList>, Problem> {
    tasks::visible(&app.database, id, signed.user.id).await?.ok_or_else(missing_task)?;
    Ok(Json(AttachmentList { attachments: attachments::list(&app.database, id).await? }))
}

/// Attach a file to a task
#[utoipa::path(post, path = "/api/v1/tasks/{id}/attachments", tag = "files", params(Id),
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses((status = 201, body = Attachment, headers(("Location", description = "The address of the file"))), Refusals))]
pub(super) async fn upload(State(app): State<App>, signed: SignedForm, Id(id): Id, request: Request) -> Result<Response, Problem> {
    let share = app.uploads.take(signed.peek().user.id);
    let _place = share.ok_or_else(|| {
        Problem::too_many_at_once(format!("{} uploads of this account are under way, wait for one to end", app.uploads.most()))
    })?;
    let media = Media::new(&app.media);
    let mut form = Form::begin(request, media.max_attachment_bytes).await?;
    let attachment = receive(&app, &media, signed, id, &mut form).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, attachment.url.clone())], Json(attachment)).into_response())
}

async fn receive(app: &App, media: &Media, signed: SignedForm, task_id: Uuid, form: &mut Form) -> Result<Attachment, Problem> {
    const NO_FILE: &str = "must be a file with a name";
    let no_file = || Problem::invalid_field("file", NO_FILE);
    let mut field = form.next().await?.ok_or_else(no_file)?;
    let mut token = String::new();
    if field.name() == Some("csrf_token") {
        token = form::text(field).await?;
        field = form.next().await?.ok_or_else(no_file)?;
    }
    let user = signed.check_csrf(&token)?.user;
    let task = tasks::visible(&app.database, task_id, user.id).await?.ok_or_else(missing_task)?;
    if task.attachments >= MAX_PER_TASK {
        return Err(full());
    }
    let name = field.file_name().filter(|_| field.name() == Some("file")).ok_or_else(no_file)?;
    let name = media::file_name(name).map_err(|detail| Problem::invalid_field("file", detail))?;
    let file_type = FileType::of(&name).ok_or_else(wrong_type)?;
    let incoming = media.receive(field, file_type).await.map_err(|error| refused(error, media))?;
    if form.next().await?.is_some() {
        return Err(Problem::invalid_field("file", "must be the last part of the form"));
    }
    let id = Uuid::now_v7();
    let stored = incoming.keep(Shelf::Attachments, id).await.map_err(disk)?;
    let new = NewAttachment { id, task_id, user: user.id, name: &name, content_type: file_type.content_type, stored: &stored };
    // If the database fails here, nobody knows whether the row is there: the file stays, and is removed as an orphan if it is not.
    let problem = match attachments::add(&app.database, &new).await? {
        Added::Attached(attachment, task) => {
            app.publisher.publish(&Message::Attachments { id: task_id }, &Audience::of(&task));
            return Ok(attachment);
        }
        Added::Full => full(),
        Added::TaskMissing => missing_task(),
    };
    forget(media, id).await;
    Err(problem)
}

/// Remove a file
///
/// For who attached it, who created the task, and administrators.
#[utoipa::path(delete, path = "/api/v1/attachments/{id}", tag = "files", params(Id), responses((status = 204), Refusals))]
pub(super) async fn remove(State(app): State<App>, signed: Signed, Id(id): Id) -> Result<StatusCode, Problem> {
    let task_id = match attachments::remove(&app.database, id, &signed.user).await? {
        Removed::Done(task_id) => task_id,
        Removed::Forbidden => {
            return Err(Problem::forbidden("a file is removed by who attached it, who created its task, or an administrator"));
        }
        Removed::Missing => return Err(missing()),
    };
    forget(&Media::new(&app.media), id).await;
    if let Some(task) = tasks::visible(&app.database, task_id, signed.user.id).await? {
        app.publisher.publish(&Message::Attachments { id: task_id }, &Audience::of(&task));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /media/attachments/{id}/{name}`: says that the proxy may send the file. The name in the address is for people only.
pub(super) async fn send(
    State(app): State<App>,
    signed: Signed,
    Path((id, _)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| missing())?;
    let attachment = attachments::visible(&app.database, id, signed.user.id).await?.ok_or_else(missing)?;
    let inline = FileType::is_picture(&attachment.content_type);
    sent(Shelf::Attachments, id, &attachment.content_type, inline, &attachment.name)
}

/// The answer with which the proxy sends a file, and everything that keeps browsers from making more of it than it is.
pub(super) fn sent(shelf: Shelf, id: Uuid, content_type: &str, inline: bool, name: &str) -> Result<impl IntoResponse + use<>, Problem> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal().because(error));
    Ok([
        (header::CONTENT_TYPE, value(content_type)?),
        (header::CONTENT_DISPOSITION, value(&media::disposition(inline, name))?),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // Kept by this browser, but asked for again each time: it may be another's turn at the keyboard.
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::HeaderName::from_static("x-accel-redirect"), value(&Media::internal_address(shelf, id))?),
    ])
}

/// Removes a file that has no row. What fails here is made good by the job that removes orphans.
async fn forget(media: &Media, id: Uuid) {
    if let Err(error) = media.remove(Shelf::Attachments, id).await {
        tracing::warn!(%id, %error, "a file could not be removed, it is removed as an orphan later");
    }
}

fn refused(error: ReceiveError, media: &Media) -> Problem {
    match error {
        ReceiveError::TooLarge => form::too_large_for(media.max_attachment_bytes),
        ReceiveError::WrongType => wrong_type(),
        ReceiveError::Broken(cause) => form::unread(&*cause),
        ReceiveError::Disk(error) => disk(error),
    }
}

fn disk(error: io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let problem = if full { Problem::new(StatusCode::INSUFFICIENT_STORAGE, "there is no room for this file") } else { Problem::internal() };
    problem.because(error)
}

fn wrong_type() -> Problem {
    let detail = format!("this is none of the types that can be attached, or not what its name says; accepted are {}", media::accepted());
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

fn full() -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("a task has at most {MAX_PER_TASK} files"))
}

fn missing() -> Problem {
    Problem::not_found("there is no file with this id")
}
