//! Tests of the page of one task: its form, conflicts, and files that pass through.

use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::mpsc;

use super::*;

const EDIT: &str = "csrf_token=t&version=3&title=Tar+it&notes=a%0D%0Ab&due_on=2026-12-24&assignee_id=p2&may_hide=1&private=1";

fn page_of(path: &str) -> String {
    format!("/tasks/{TASK}{path}")
}

#[tokio::test]
async fn a_task_is_shown_with_everything_about_it() {
    let (url, _) = backend(well).await;
    let app = frontend(&url);
    let page = get(&app, &page_of("")).await.body;
    for part in [
        "<title>Paint &lt;the&gt; keel · Slipway</title>",
        "Two &lt;coats&gt;</textarea>",
        "value=\"2026-01-02\"",
        "<option value=\"p2\" selected>Amara &lt;A&gt;</option>",
        "name=\"private\" type=\"checkbox\" value=\"1\" checked",
        "name=\"version\" value=\"3\"",
        "1.2 MB · application/pdf",
        "Delete for good",
        "enctype=\"multipart/form-data\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("plan%20%3C1%3E.pdf\" download>plan &lt;1&gt;.pdf"));
    assert!(get(&app, &page_of("?saved=1")).await.body.contains("Saved."));
    assert_eq!(get(&app, "/tasks/unknown").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn others_may_not_hide_or_delete_it() {
    let (url, asked) = backend(|method, path| match path {
        "/api/v1/session" => {
            let mut session = session();
            session["user"]["id"] = "p3".into();
            Json(session).into_response()
        }
        _ => well(method, path),
    })
    .await;
    let app = frontend(&url);
    let page = get(&app, &page_of("")).await.body;
    assert!(!page.contains("name=\"private\"") && !page.contains("Delete this task"));
    assert!(page.contains("plan%20") && !page.contains("Delete for good"), "nor are files of others theirs to delete");
    let choices = page.split_once("id=\"assignee_id\"").unwrap().1.split_once("</select>").unwrap().0;
    let people: Vec<_> = choices.split("value=\"").skip(1).map(|choice| choice.split('"').next().unwrap()).collect();
    assert_eq!(people, ["", "p1", "p2"], "a private task has no assignee, goes to its creator, or stays");
    post(&app, &page_of(""), "version=3&title=x").await;
    let sent: Value = serde_json::from_str(&asked.lock().unwrap().last().unwrap().body).unwrap();
    assert_eq!(sent, json!({ "title": "x", "notes": "", "due_on": null, "assignee_id": null }));
}

#[tokio::test]
async fn an_edit_names_the_version_it_was_made_of() {
    let (url, asked) = backend(well).await;
    let page = post(&frontend(&url), &page_of(""), EDIT).await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, page_of("?saved=1").as_str()));
    let asked = asked.lock().unwrap();
    assert_eq!((asked[0].method.as_str(), asked[0].header("if-match"), asked[0].header("x-csrf-token")), ("PATCH", "\"3\"", "t"));
    let sent: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(sent, json!({ "title": "Tar it", "notes": "a\nb", "due_on": "2026-12-24", "assignee_id": "p2", "private": true }));
}

#[tokio::test]
async fn an_edit_that_is_not_saved_keeps_what_was_written() {
    let failing =
        |status, field| move |method: &str, path: &str| if method == "PATCH" { problem(status, field) } else { well(method, path) };
    let (url, _) = backend(failing(StatusCode::UNPROCESSABLE_ENTITY, Some(("due_on", "must be a day")))).await;
    let page = post(&frontend(&url), &page_of(""), EDIT).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("<a href=\"#due_on\">Due must be a day.</a>") && page.body.contains("value=\"Tar it\""));

    let (url, _) = backend(failing(StatusCode::PRECONDITION_FAILED, None)).await;
    let page = post(&frontend(&url), &page_of(""), &EDIT.replace("version=3", "version=2")).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    assert!(page.body.contains("value=\"Tar it\"") && page.body.contains("name=\"version\" value=\"3\""), "saving again saves over it");
    assert!(page.body.contains("id=\"title-theirs\"><strong>Saved meanwhile:</strong> Paint &lt;the&gt; keel"));
    assert!(!page.body.contains("id=\"assignee_id-theirs\""), "what is the same is not repeated");

    let page = post(&frontend(&nowhere().await), &page_of(""), EDIT).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("name=\"due_on\" value=\"2026-12-24\"") && page.body.contains("\na\r\nb</textarea>"), "{}", page.body);
}

#[tokio::test]
async fn a_file_passes_through_while_it_arrives() {
    // The backend answers after the first part of the body: a frontend that waited for the whole would never ask.
    let (first, mut arrived) = mpsc::unbounded_channel();
    let app = Router::new().fallback(move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let mut body = body.into_data_stream();
        let chunk = futures_util::StreamExt::next(&mut body).await.unwrap().unwrap();
        first.send((parts.headers, chunk)).unwrap();
        while futures_util::StreamExt::next(&mut body).await.is_some() {}
        well("POST", &parts.uri.to_string())
    });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let app_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let (parts, source) = mpsc::channel::<Bytes>(1);
    let stream = futures_util::stream::unfold(source, |mut source| async {
        source.recv().await.map(|part| (Ok::<_, std::io::Error>(part), source))
    });
    let request = Request::post(page_of("/attachments"))
        .header(header::COOKIE, COOKIE)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
        .header(header::CONTENT_LENGTH, "9")
        .body(Body::from_stream(stream));
    let answer = tokio::spawn(frontend(&app_url).oneshot(request.unwrap()));
    parts.send(Bytes::from_static(b"first")).await.unwrap();
    let (headers, chunk) = tokio::time::timeout(Duration::from_secs(5), arrived.recv()).await.unwrap().unwrap();
    assert_eq!(chunk, "first");
    assert_eq!(
        (headers["content-type"].as_bytes(), headers["content-length"].as_bytes()),
        (&b"multipart/form-data; boundary=b"[..], &b"9"[..])
    );
    assert_eq!(headers["cookie"], "session=abc");
    assert!(!answer.is_finished());
    parts.send(Bytes::from_static(b"last")).await.unwrap();
    drop(parts);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.headers()["location"], page_of("#attachments").as_str());
}

#[tokio::test]
async fn a_file_larger_than_any_form_passes_and_a_refused_one_is_explained() {
    let (url, _) = backend(well).await;
    assert_eq!(post(&frontend(&url), &page_of("/attachments"), &"x".repeat(900_000)).await.status, StatusCode::SEE_OTHER);
    let (url, _) = backend(|method, path| match method {
        "POST" => problem(StatusCode::PAYLOAD_TOO_LARGE, None),
        _ => well(method, path),
    })
    .await;
    let page = post(&frontend(&url), &page_of("/attachments"), "x").await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(page.body.contains("The file was not added: the reason."));
}

#[tokio::test]
async fn a_file_that_is_refused_before_it_has_arrived_is_explained_too() {
    let app = Router::new().fallback(|request: Request| async move {
        match request.method().as_str() {
            // The rest of the body is never read.
            "POST" => problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(("file", "must be a picture"))),
            method => well(method, request.uri().path()),
        }
    });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let page = post(&frontend(&url), &page_of("/attachments"), &"x".repeat(8 << 20)).await;
    assert_eq!(page.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", page.body);
    assert!(page.body.contains("The file must be a picture."));
}

#[tokio::test]
async fn a_file_is_removed() {
    let (url, asked) = backend(well).await;
    let page = post(&frontend(&url), "/attachments/f1/delete", &format!("csrf_token=t&task={TASK}")).await;
    assert_eq!(page.header("location"), page_of("#attachments"));
    let asked = asked.lock().unwrap();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("DELETE", "/api/v1/attachments/f1"));
}
