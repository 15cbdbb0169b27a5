//! `/api/v1/tasks/{id}/attachments`, `/api/v1/attachments/{id}`, `/media/attachments/…`
use crate::harness::{Answer, Bench, Client, eventually, run, send};
use backend::accounts::{self, Role};
use backend::http::Limits;
use backend::media::{Shelf, orphans};
use futures_util::{StreamExt, stream};
use reqwest::header::LOCATION;
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and some pixels";

/// A form with one file. The name goes in as it is.
fn form(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n");
    [head.as_bytes(), content, b"\r\n--b--\r\n"].concat()
}

fn uploads(task: &Value) -> String {
    format!("/api/v1/tasks/{}/attachments", task["id"].as_str().unwrap())
}

async fn post(client: &Client, path: &str, body: impl Into<Body>) -> Answer {
    send(client.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=b").body(body)).await
}

async fn attach(client: &Client, task: &Value, name: &str, content: &[u8]) -> Answer {
    post(client, &uploads(task), form(name, content)).await
}

fn file(bench: &Bench, attachment: &Value) -> PathBuf {
    bench.media().path(Shelf::Attachments, attachment["id"].as_str().unwrap().parse().unwrap())
}

/// All files in the media directory.
fn files(bench: &Bench) -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    let place = bench.media().path(Shelf::Attachments, uuid::Uuid::nil());
    walk(place.ancestors().nth(3).unwrap(), &mut found);
    found
}

#[tokio::test]
async fn a_file_is_attached_listed_sent_and_removed() {
    run(async |bench| {
        let ada = bench.server().await;
        let task = ada.create_task("Buy milk").await;
        let mut socket = ada.socket().await;
        let answer = attach(&ada, &task, "Größe 1.png", PNG).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let attachment = &answer.body;
        assert_eq!((&attachment["name"], &attachment["content_type"]), (&json!("Größe 1.png"), &json!("image/png")));
        assert_eq!((&attachment["bytes"], &attachment["created_by"]["name"]), (&json!(PNG.len()), &json!("Ada")));
        assert_eq!(attachment["sha256"], "ef6b3eb89da33c0dc63ddf905acef199e9811867d5c68ef34f1a818d39484938");
        assert_eq!(socket.next_of("attachments").await["id"], task["id"]);
        assert_eq!(fs::read(file(bench, attachment)).unwrap(), PNG);
        assert_eq!(ada.get(&uploads(&task)).await.body, json!({ "attachments": [attachment] }));
        assert_eq!(ada.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())).await.body["attachments"], 1);

        let url = answer.headers[LOCATION].to_str().unwrap();
        assert_eq!(attachment["url"], url);
        assert!(url.ends_with("/Gr%C3%B6%C3%9Fe%201.png"), "{url}");
        let sent = ada.get(url).await;
        assert_eq!(sent.headers["content-type"], "image/png");
        assert_eq!(sent.headers["content-disposition"], "inline; filename=\"Gr__e 1.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.png");
        assert_eq!(
            (&sent.headers["x-content-type-options"], &sent.headers["cache-control"]),
            (&"nosniff".parse().unwrap(), &"private, no-cache".parse().unwrap())
        );
        let address = sent.headers["x-accel-redirect"].to_str().unwrap();
        assert!(file(bench, attachment).ends_with(address.strip_prefix("/_media/").unwrap()), "{address}");

        let path = format!("/api/v1/attachments/{}", attachment["id"].as_str().unwrap());
        assert_eq!(ada.delete(&path).await.status, StatusCode::NO_CONTENT);
        ada.delete(&path).await.assert_problem(StatusCode::NOT_FOUND, &path);
        assert_eq!(ada.get(&uploads(&task)).await.body, json!({ "attachments": [] }));
        assert!(files(bench).is_empty());
    })
    .await;
}

#[tokio::test]
async fn files_of_a_private_task_are_nobody_elses() {
    run(async |bench| {
        let ada = bench.server().await;
        let bob = ada.sign_up("Bob").await;
        let task = ada.create(json!({ "title": "Secret", "private": true })).await;
        let attachment = attach(&ada, &task, "plan.pdf", b"%PDF-1.7").await.body;
        let url = attachment["url"].as_str().unwrap();
        assert!(
            ada.get(url).await.headers["content-disposition"].to_str().unwrap().starts_with("attachment;"),
            "documents are not shown in place"
        );
        let path = format!("/api/v1/attachments/{}", attachment["id"].as_str().unwrap());
        for answer in [bob.get(url).await, bob.get(&uploads(&task)).await, bob.delete(&path).await, attach(&bob, &task, "a.png", PNG).await]
        {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
        }
        let nobody = ada.signed_out();
        for answer in [
            nobody.get(url).await,
            nobody.get(&uploads(&task)).await,
            nobody.delete(&path).await,
            attach(&nobody, &task, "a.png", PNG).await,
        ] {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        }
        assert_eq!(files(bench), [file(bench, &attachment)]);
    })
    .await;
}

#[tokio::test]
async fn a_plain_form_carries_the_csrf_token_and_one_without_it_is_refused() {
    run(async |bench| {
        let ada = bench.server().await;
        let path = uploads(&ada.create_task("Buy milk").await);
        let plain = |token: &str| {
            let part = format!("--b\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n{token}\r\n");
            let body = [part.into_bytes(), form("a.png", PNG)].concat();
            // As a browser would: with the cookie, without the header.
            let nobody = ada.signed_out();
            let request = nobody.request(Method::POST, &path).header("cookie", &ada.cookie);
            send(request.header("content-type", "multipart/form-data; boundary=b").body(body))
        };
        assert_eq!(plain(&ada.csrf_token).await.status, StatusCode::CREATED);
        for token in ["", "x", &"0".repeat(64), &"x".repeat(100_000)] {
            let status = plain(token).await.status;
            assert!(status == StatusCode::FORBIDDEN || token.len() > 1000 && status == StatusCode::BAD_REQUEST, "{status}");
        }
        let nobody = ada.signed_out();
        let request =
            nobody.request(Method::POST, &path).header("cookie", &ada.cookie).header("content-type", "multipart/form-data; boundary=b");
        send(request.body(form("a.png", PNG))).await.assert_problem(StatusCode::FORBIDDEN, &path);
        let request =
            ada.request(Method::POST, &path).header("origin", "http://evil.test").header("content-type", "multipart/form-data; boundary=b");
        send(request.body(form("a.png", PNG))).await.assert_problem(StatusCode::FORBIDDEN, &path);
        assert_eq!(files(bench).len(), 1);
    })
    .await;
}

#[tokio::test]
async fn names_never_become_paths_or_headers() {
    run(async |bench| {
        let ada = bench.server().await;
        let task = ada.create_task("Buy milk").await;
        for (sent, kept) in [
            ("../../../etc/cron.d/evil.txt", "evil.txt"),
            ("..\\\\..\\\\windows\\\\evil.txt", "evil.txt"),
            ("/etc/passwd.txt", "passwd.txt"),
            ("gpj.\u{202e}txt", "gpj.txt"),
            ("a;b=c, d\u{e9}.txt", "a;b=c, d\u{e9}.txt"),
        ] {
            let answer = attach(&ada, &task, sent, b"text").await;
            assert_eq!((answer.status, &answer.body["name"]), (StatusCode::CREATED, &json!(kept)), "{answer:?}");
            let headers = ada.get(answer.body["url"].as_str().unwrap()).await.headers;
            assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
            let disposition = headers["content-disposition"].to_str().unwrap();
            assert_eq!(disposition.matches(';').count(), 2, "{disposition}");
        }
        for name in ["", "..", "a\u{85}.txt", &format!("{}.txt", "x".repeat(252))] {
            let answer = attach(&ada, &task, name, b"text").await;
            answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, &uploads(&task));
            assert_eq!(answer.body["errors"][0]["field"], "file", "{name}");
        }
        attach(&ada, &task, "a\u{1}.txt", b"text").await.assert_problem(StatusCode::BAD_REQUEST, &uploads(&task));
        assert_eq!(files(bench).len(), 5);
        assert!(files(bench).iter().all(|file| !file.to_str().unwrap().contains("evil")));
    })
    .await;
}

#[tokio::test]
async fn a_file_of_a_team_task_is_removed_by_its_creator_that_of_the_task_or_an_administrator() {
    run(async |bench| {
        let ada = bench.server().await;
        let (bob, eve) = (ada.sign_up("Bob").await, ada.sign_up("Eve").await);
        let task = ada.create_task("Buy milk").await;
        let attached = async || {
            let file = attach(&bob, &task, "a.png", PNG).await.body;
            format!("/api/v1/attachments/{}", file["id"].as_str().unwrap())
        };
        let path = attached().await;
        eve.delete(&path).await.assert_problem(StatusCode::FORBIDDEN, &path);
        assert_eq!(files(bench).len(), 1, "row and file are still there");
        assert_eq!(bob.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(ada.delete(&attached().await).await.status, StatusCode::NO_CONTENT);
        let path = attached().await;
        accounts::set_role(&bench.pool, eve.id().parse().unwrap(), Role::Admin).await.unwrap();
        assert_eq!(eve.delete(&path).await.status, StatusCode::NO_CONTENT);
        assert!(files(bench).is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_active_or_not_what_it_says_is_refused() {
    run(async |bench| {
        let ada = bench.server().await;
        let task = ada.create_task("Buy milk").await;
        for (name, content) in [
            ("page.html", b"GIF89a<script>alert(1)</script>".as_slice()),
            ("picture.gif", b"GIF89a<script>alert(1)</script>"),
            ("picture.svg", b"<svg onload=alert(1)>"),
            ("picture.png", b"%PDF-1.7"),
            ("tool.exe", b"MZ\0"),
            ("notes.txt", b"MZ\0"),
            ("notes.txt", &[b"x".repeat(4000).as_slice(), b"\xff", b"x".repeat(4000).as_slice()].concat()),
            ("script.sh", b"#!/bin/sh"),
            ("nothing", b"text"),
        ] {
            attach(&ada, &task, name, content).await.assert_problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &uploads(&task));
        }
        let answer = post(&ada, &uploads(&task), "no form at all").await;
        answer.assert_problem(StatusCode::BAD_REQUEST, &uploads(&task));
        ada.post(&uploads(&task), json!({})).await.assert_problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &uploads(&task));
        eventually("nothing is left", async || files(bench).is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn sizes_numbers_and_heads_are_bounded() {
    run(async |bench| {
        let ada = bench.server().await;
        let task = ada.create_task("Buy milk").await;
        let path = uploads(&task);
        let (largest, larger) = (vec![b'x'; 1 << 20], vec![b'x'; (1 << 20) + 1]);
        assert_eq!(attach(&ada, &task, "a.txt", &largest).await.status, StatusCode::CREATED);
        attach(&ada, &task, "a.txt", &larger).await.assert_problem(StatusCode::PAYLOAD_TOO_LARGE, &path);
        let chunked = |body: Vec<u8>| Body::wrap_stream(stream::iter(body.chunks(10_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>()));
        post(&ada, &path, chunked(form("a.txt", &larger))).await.assert_problem(StatusCode::PAYLOAD_TOO_LARGE, &path);
        let request = ada.request(Method::POST, &path).header("content-type", "multipart/form-data; boundary=b");
        send(request.body(form("a.txt", &vec![b'x'; 4 << 20]))).await.assert_problem(StatusCode::PAYLOAD_TOO_LARGE, &path);

        let endless = format!("--b\r\nContent-Disposition: form-data; name=\"{}", "x".repeat(1 << 20));
        post(&ada, &path, chunked(endless.into_bytes())).await.assert_problem(StatusCode::BAD_REQUEST, &path);
        let cut = form("a.txt", b"the end is missing");
        post(&ada, &path, cut[..cut.len() - 8].to_vec()).await.assert_problem(StatusCode::BAD_REQUEST, &path);
        let two = [&form("a.txt", b"a")[..], b""].concat();
        let two = [&two[..two.len() - 7], &form("b.txt", b"b")].concat();
        post(&ada, &path, two).await.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, &path);
        assert_eq!(files(bench).iter().filter(|file| !file.to_str().unwrap().contains("incoming")).count(), 1);

        let sql = "INSERT INTO attachments (id, task_id, name, content_type, bytes, sha256) SELECT gen_random_uuid(), $1, 'x', 'x', 0, repeat('0', 64) FROM generate_series(1, 48)";
        sqlx::query(sql).bind(task["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap()).execute(&bench.pool).await.unwrap();
        let both = futures_util::future::join(attach(&ada, &task, "a.txt", b"a"), attach(&ada, &task, "b.txt", b"b")).await;
        let mut statuses = [both.0.status, both.1.status];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT], "one place was left");
    })
    .await;
}

#[tokio::test]
async fn a_silent_sender_is_given_up_and_leaves_nothing() {
    run(async |bench| {
        let ada = bench.server().await;
        let task = ada.create_task("Buy milk").await;
        let beginning = form("a.txt", b"some text")[..110].to_vec();
        let stalled = stream::iter([Ok::<_, std::io::Error>(beginning)]).chain(stream::pending());
        let answer = post(&ada, &uploads(&task), Body::wrap_stream(stalled)).await;
        answer.assert_problem(StatusCode::REQUEST_TIMEOUT, &uploads(&task));
        eventually("nothing is left", async || files(bench).is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn one_account_has_a_share_of_the_uploads_and_leaves_room_for_others() {
    run(async |bench| {
        let ada = bench.server().await;
        let bob = ada.sign_up("Bob").await;
        let task = ada.create_task("Buy milk").await;
        let share = Limits::default().uploads_per_account;
        let stalled = || {
            let beginning = form("a.txt", b"some text")[..110].to_vec();
            Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>(beginning)]).chain(stream::pending()))
        };
        let slow: Vec<_> = (0..share)
            .map(|_| {
                let (ada, path) = (ada.signed_out().with_session_of(&ada), uploads(&task));
                tokio::spawn(async move { post(&ada, &path, stalled()).await })
            })
            .collect();
        eventually("all places of the account are taken", async || files(bench).len() == share).await;
        let refused = attach(&ada, &task, "b.txt", b"text").await;
        refused.assert_problem(StatusCode::TOO_MANY_REQUESTS, &uploads(&task));
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(attach(&bob, &task, "b.txt", b"text").await.status, StatusCode::CREATED, "others are served");
        slow.iter().for_each(|upload| upload.abort());
        eventually("the places are free again", async || attach(&ada, &task, "c.txt", b"text").await.status == StatusCode::CREATED).await;
    })
    .await;
}

#[tokio::test]
async fn files_without_a_row_are_removed_after_a_while() {
    run(async |bench| {
        let ada = bench.server().await;
        let (kept, gone) = (ada.create_task("Kept").await, ada.create_task("Gone").await);
        let [kept, old, fresh] =
            [attach(&ada, &kept, "a.txt", b"a").await, attach(&ada, &gone, "b.txt", b"b").await, attach(&ada, &gone, "c.txt", b"c").await];
        let [kept, old, fresh] = [kept, old, fresh].map(|answer| file(bench, &answer.body));
        ada.delete(&format!("/api/v1/tasks/{}", gone["id"].as_str().unwrap())).await;
        let media = bench.media();
        let place = |name: String| media.path(Shelf::Attachments, uuid::Uuid::nil()).ancestors().nth(3).unwrap().join(name);
        let [abandoned, uploading] = [0, 1].map(|_| place(format!("incoming/{}", uuid::Uuid::now_v7())));
        let [foreign, elsewhere] = [place("attachments/00/README".into()), place(format!("attachments/01/{}", uuid::Uuid::nil()))];
        [&foreign, &elsewhere].iter().for_each(|path| fs::create_dir_all(path.parent().unwrap()).unwrap());
        [&abandoned, &uploading, &foreign, &elsewhere].iter().for_each(|path| fs::write(path, "x").unwrap());
        let age = |path: &Path, hours: u64| {
            let time = SystemTime::now() - Duration::from_secs(hours * 3600 + 60);
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        [&kept, &old, &foreign, &elsewhere].iter().for_each(|path| age(path, 1));
        age(&abandoned, 24);
        age(&uploading, 23);
        assert_eq!(orphans::remove(&bench.pool, &media).await.unwrap(), 2);
        assert_eq!(orphans::remove(&bench.pool, &media).await.unwrap(), 0);
        assert!(!old.exists() && !abandoned.exists());
        assert!([kept, fresh, uploading, foreign, elsewhere].iter().all(|path| path.exists()));
    })
    .await;
}
