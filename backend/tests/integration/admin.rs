//! `/admin/`
use crate::harness::{Bench, Client, Server, run};
use backend::accounts::{self, Role};
use backend::jobs::{NewJob, enqueue};
use reqwest::header::{CACHE_CONTROL, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn make_admin(bench: &Bench, client: &Client) {
    accounts::set_role(&bench.pool, client.id().parse().unwrap(), Role::Admin).await.unwrap();
}

/// The page at a path, as a browser gets it that follows no redirect.
async fn page(client: &Client, path: &str) -> (StatusCode, String) {
    let response = client.request(Method::GET, path).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// Sends a form of a page.
async fn submit(client: &Client, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let request = http.post(format!("http://{}{path}", client.authority)).header("cookie", &client.cookie);
    // None of these values has a character that forms encode.
    let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request.send().await.unwrap();
    let location = response.headers().get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
    (response.status(), location.unwrap_or_default())
}

const PAGES: [&str; 3] = ["/admin/", "/admin/users", "/admin/jobs"];

#[tokio::test]
async fn administrators_see_pages_and_nobody_else_does() {
    run(async |bench| {
        let server: Server = bench.server().await;
        let bob = server.sign_up("Bob").await;
        make_admin(bench, &server).await;
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        for path in PAGES {
            let (status, text) = page(&server, path).await;
            assert_eq!(status, StatusCode::OK, "{text}");
            assert!(text.contains("<!doctype html>") && text.contains("aria-current=\"page\""), "{text}");
            let (status, text) = page(&bob, path).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
            assert!(text.contains("for administrators") && !text.contains("nav class=\"tabs\""), "{text}");
            let stranger = http.get(format!("http://{}{path}", server.authority)).send().await.unwrap();
            assert_eq!((stranger.status(), stranger.headers()[LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, &*format!("/sign-in?next={path}")));
            assert_eq!(stranger.headers()[CACHE_CONTROL], "private, no-store");
        }
    })
    .await;
}

#[tokio::test]
async fn roles_are_changed_with_the_right_token_only() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("<Bob>").await;
        make_admin(bench, &server).await;
        assert!(page(&server, "/admin/users").await.1.contains("&lt;Bob&gt;"));
        let path = format!("/admin/users/{}/role", bob.id());
        let role = async || bob.get("/api/v1/session").await.body["user"]["role"].clone();
        for fields in [&[("role", "admin")][..], &[("role", "admin"), ("csrf_token", "x")], &[("role", "owner"), ("csrf_token", &server.csrf_token)]] {
            assert!(submit(&server, &path, fields).await.0.is_client_error());
        }
        assert_eq!(submit(&bob, &path, &[("role", "admin"), ("csrf_token", &bob.csrf_token)]).await.0, StatusCode::FORBIDDEN);
        assert_eq!(role().await, "user");
        let sent = submit(&server, &path, &[("role", "admin"), ("csrf_token", &server.csrf_token)]).await;
        assert_eq!(sent, (StatusCode::SEE_OTHER, "/admin/users".to_owned()));
        assert_eq!(role().await, "admin");
        let gone = format!("/admin/users/{}/role", uuid::Uuid::now_v7());
        assert_eq!(submit(&server, &gone, &[("role", "admin"), ("csrf_token", &server.csrf_token)]).await.0, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_failed_job_gets_a_second_chance() {
    run(async |bench| {
        let server = bench.server().await;
        make_admin(bench, &server).await;
        let job = NewJob { kind: "mystery", coalesce_key: None, payload: json!({}), max_attempts: 1 };
        let id = enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
        let sql = "UPDATE jobs SET state = 'failed', attempts = 1, last_error = 'the <sea> was rough', finished_at = now() WHERE id = $1";
        sqlx::query(sql).bind(id).execute(&bench.pool).await.unwrap();
        let (_, text) = page(&server, "/admin/jobs").await;
        assert!(text.contains("the &lt;sea&gt; was rough") && text.contains(&format!("/admin/jobs/{id}/retry")), "{text}");
        let path = format!("/admin/jobs/{id}/retry");
        assert_eq!(submit(&server, &path, &[]).await.0.as_u16() / 100, 4);
        assert_eq!(submit(&server, &path, &[("csrf_token", &server.csrf_token)]).await, (StatusCode::SEE_OTHER, "/admin/jobs".to_owned()));
        let state: (String, i32) = sqlx::query_as("SELECT state, attempts FROM jobs WHERE id = $1").bind(id).fetch_one(&bench.pool).await.unwrap();
        assert_eq!(state, ("queued".to_owned(), 0));
        assert_eq!(submit(&server, &path, &[("csrf_token", &server.csrf_token)]).await.0, StatusCode::NOT_FOUND, "once");
        assert!(page(&server, "/admin/jobs").await.1.contains("No job has failed"));
    })
    .await;
}
