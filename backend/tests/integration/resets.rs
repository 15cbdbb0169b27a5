//! `/api/v1/password-resets`: the mail, what its link does, and what ends it.
use crate::harness::{Answer, Bench, Client, PASSWORD, Postbox, eventually, run, send};
use backend::jobs::{self, NewJob, Settings, enqueue, housekeeping};
use backend::resets;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

const NEW: &str = "nineteen fathoms deep";

/// Asks for a mail from an address of its own: other tests ask as well.
async fn ask(client: &Client, email: &str) -> Answer {
    let request = client.signed_out().request(Method::POST, "/api/v1/password-resets").header("x-forwarded-for", email);
    send(request.json(&json!({ "email": email }))).await
}

async fn complete(client: &Client, token: &str, password: &str) -> Answer {
    client.signed_out().post("/api/v1/password-resets/complete", json!({ "token": token, "new_password": password })).await
}

async fn sign_in(client: &Client, password: &str) -> StatusCode {
    client.signed_out().post("/api/v1/sessions", json!({ "email": client.user["email"], "password": password })).await.status
}

fn email(client: &Client) -> &str {
    client.user["email"].as_str().unwrap()
}

/// The token in a mail, whose long lines are written as quoted-printable text.
fn token(mail: &str) -> String {
    let mail = mail.replace("=\n", "").replace("=3D", "=");
    let (_, rest) = mail.split_once("http://board.test/password/reset?token=").expect("the mail has a link");
    rest.lines().next().unwrap().to_owned()
}

/// A token, as a mail would have it.
async fn link(bench: &Bench, client: &Client) -> String {
    resets::create(&bench.pool, client.id().parse().unwrap()).await.unwrap().as_str().to_owned()
}

#[tokio::test]
async fn a_mail_has_a_link_that_sets_a_password_once_and_ends_all_sessions() {
    run(async |bench| {
        let server = bench.server().await;
        let unknown = format!("unknown-{}@example.com", uuid::Uuid::now_v7().simple());
        let (known, other) = (ask(&server, email(&server)).await, ask(&server, &unknown).await);
        assert_eq!((known.status, &known.body), (StatusCode::ACCEPTED, &other.body));
        assert_eq!(other.status, StatusCode::ACCEPTED, "what is answered does not say who has an account");
        let postbox = Postbox::open().await;
        let settings = Settings { backoff: Duration::from_millis(10), ..Settings::default() };
        let worker = bench.worker_with(jobs::handlers(&bench.context(Some(&postbox.config))), settings);
        let sql = "SELECT count(*) = 2 FROM jobs WHERE kind = $1 AND state = 'done'";
        let over = async || sqlx::query_scalar(sql).bind(resets::MAIL).fetch_one(&bench.pool).await.unwrap();
        eventually("both requests are done", over).await;
        let mails = postbox.mails();
        assert!(mails.len() == 1 && mails[0].contains(email(&server)), "{mails:?}");
        let token = token(&mails[0]);
        let stored: String = sqlx::query_scalar(
            "SELECT (SELECT string_agg(r::text, '') FROM password_resets r) || (SELECT string_agg(j::text, '') FROM jobs j)",
        )
        .fetch_one(&bench.pool)
        .await
        .unwrap();
        assert!(!stored.contains(&token), "the database has the hash only");

        let refused = complete(&server, &token, "password12").await;
        refused.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/password-resets/complete");
        assert_eq!(refused.body["errors"][0]["field"], "new_password");
        assert_eq!(server.get("/api/v1/session").await.status, StatusCode::OK);
        assert_eq!(complete(&server, &token, NEW).await.status, StatusCode::NO_CONTENT, "a refused password uses nothing up");
        assert_eq!(server.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "all sessions ended");
        assert_eq!((sign_in(&server, PASSWORD).await, sign_in(&server, NEW).await), (StatusCode::UNAUTHORIZED, StatusCode::CREATED));
        let again = complete(&server, &token, "another good one").await;
        again.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/password-resets/complete");
        assert_eq!(again.body["errors"][0]["field"], "token");
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn of_two_at_once_one_sets_the_password() {
    run(async |bench| {
        let server = bench.server().await;
        let token = link(bench, &server).await;
        let (first, second) = tokio::join!(complete(&server, &token, NEW), complete(&server, &token, "another good one"));
        let mut statuses = [first.status, second.status];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::NO_CONTENT, StatusCode::UNPROCESSABLE_ENTITY]);
    })
    .await;
}

#[tokio::test]
async fn links_end_with_time_with_another_one_and_with_a_change_of_the_password() {
    run(async |bench| {
        let server = bench.server().await;
        let (old, used, left) = (link(bench, &server).await, link(bench, &server).await, link(bench, &server).await);
        sqlx::query("UPDATE password_resets SET expires_at = now() WHERE token_hash = sha256($1::bytea)")
            .bind(old.as_bytes())
            .execute(&bench.pool)
            .await
            .unwrap();
        assert_eq!(complete(&server, &old, NEW).await.status, StatusCode::UNPROCESSABLE_ENTITY, "an hour is over");
        assert_eq!(resets::prune(&bench.pool).await.unwrap(), 1);
        assert_eq!(complete(&server, &used, NEW).await.status, StatusCode::NO_CONTENT);
        assert_eq!(complete(&server, &left, NEW).await.status, StatusCode::UNPROCESSABLE_ENTITY, "one link is enough");

        let bob = server.sign_up("Bob").await;
        let token = link(bench, &bob).await;
        let change = json!({ "current_password": PASSWORD, "new_password": NEW });
        assert_eq!(bob.put("/api/v1/account/password", change).await.status, StatusCode::OK);
        assert_eq!(complete(&bob, &token, "another good one").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        for bad in ["", "x", &"0".repeat(64)] {
            assert_eq!(complete(&bob, bad, NEW).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
    })
    .await;
}

#[tokio::test]
async fn housekeeping_removes_what_does_not_work_any_more() {
    run(async |bench| {
        let server = bench.server().await;
        let (_, kept) = (link(bench, &server).await, link(bench, &server).await);
        sqlx::query("UPDATE password_resets SET expires_at = now() WHERE token_hash <> sha256($1::bytea)")
            .bind(kept.as_bytes())
            .execute(&bench.pool)
            .await
            .unwrap();
        let job = NewJob { kind: housekeeping::PRUNE_PASSWORD_RESETS, coalesce_key: None, payload: json!({}), max_attempts: 1 };
        enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
        let worker = bench.worker();
        let count = async || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM password_resets").fetch_one(&bench.pool).await.unwrap();
        eventually("the old one is gone", async || count().await == 1).await;
        assert_eq!(complete(&server, &kept, NEW).await.status, StatusCode::NO_CONTENT);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_request_that_waited_too_long_and_one_without_mail_send_nothing() {
    run(async |bench| {
        let server = bench.server().await;
        let payload = json!({ "email": email(&server), "at": "2026-01-01T00:00:00Z" });
        let job = NewJob { kind: resets::MAIL, coalesce_key: None, payload, max_attempts: 1 };
        enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
        let postbox = Postbox::open().await;
        let over = async || {
            let sql = "SELECT NOT EXISTS (SELECT FROM jobs WHERE kind = $1 AND state <> 'done')";
            sqlx::query_scalar(sql).bind(resets::MAIL).fetch_one(&bench.pool).await.unwrap()
        };
        let worker = bench.worker_with(jobs::handlers(&bench.context(Some(&postbox.config))), Settings::default());
        eventually("the late one is done", over).await;
        worker.stop().await;
        ask(&server, email(&server)).await;
        let worker = bench.worker();
        eventually("the one without mail is done", over).await;
        worker.stop().await;
        assert!(postbox.mails().is_empty());
        let tokens: i64 = sqlx::query_scalar("SELECT count(*) FROM password_resets").fetch_one(&bench.pool).await.unwrap();
        assert_eq!(tokens, 0);
    })
    .await;
}

#[tokio::test]
async fn mails_are_limited_for_each_account_whether_it_exists_or_not() {
    run(async |bench| {
        let server = bench.server().await;
        let unknown = format!("unknown-{}@example.com", uuid::Uuid::now_v7().simple());
        for address in [email(&server), &unknown] {
            for _ in 0..3 {
                assert_eq!(ask(&server, address).await.status, StatusCode::ACCEPTED);
            }
            ask(&server, address).await.assert_problem(StatusCode::TOO_MANY_REQUESTS, "/api/v1/password-resets");
        }
        ask(&server, "no address").await.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/password-resets");
    })
    .await;
}
