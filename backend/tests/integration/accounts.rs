//! `/api/v1/users`, `/api/v1/sessions`, `/api/v1/session` and `/api/v1/account`
use crate::harness::{Client, PASSWORD, run, send};
use backend::accounts::{self, Role, RoleChange};
use reqwest::header::{RETRY_AFTER, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};

async fn sign_in(client: &Client, email: &str, password: &str) -> crate::harness::Answer {
    client.signed_out().post("/api/v1/sessions", json!({ "email": email, "password": password })).await
}

fn email(client: &Client) -> &str {
    client.user["email"].as_str().unwrap()
}

#[tokio::test]
async fn an_account_is_made_used_and_left() {
    run(async |bench| {
        let server = bench.server().await;
        let body = json!({ "email": " Bob@Example.com ", "name": " Bob ", "password": PASSWORD });
        let answer = server.signed_out().post("/api/v1/users", body.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!((&answer.body["user"]["email"], &answer.body["user"]["name"]), (&json!("bob@example.com"), &json!("Bob")));
        assert_eq!(answer.body["user"]["role"], "user");
        assert!(!answer.body.to_string().contains("argon2"));
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax;") && !cookie.contains("Secure"), "{cookie}");
        let bob = server.with(&answer);
        assert_eq!(bob.get("/api/v1/session").await.body, answer.body);

        let again = server.signed_out().post("/api/v1/users", body).await;
        again.assert_problem(StatusCode::CONFLICT, "/api/v1/users");
        assert_eq!(again.body["errors"][0]["field"], "email");

        let left = bob.delete("/api/v1/session").await;
        assert_eq!(left.status, StatusCode::NO_CONTENT);
        assert!(left.headers[SET_COOKIE].to_str().unwrap().starts_with("session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
        bob.get("/api/v1/session").await.assert_problem(StatusCode::UNAUTHORIZED, "/api/v1/session");
        assert_eq!(sign_in(&server, "BOB@example.com", PASSWORD).await.status, StatusCode::CREATED);
    })
    .await;
}

#[tokio::test]
async fn bad_fields_are_all_named() {
    run(async |bench| {
        let server = bench.server().await;
        let answer = server.post("/api/v1/users", json!({ "email": "bob", "name": "\u{200b}", "password": "short" })).await;
        answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/users");
        let fields: Vec<_> = answer.body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["email", "name", "password"]);
    })
    .await;
}

#[tokio::test]
async fn passwords_that_are_guessed_first_are_refused_wherever_one_is_chosen() {
    run(async |bench| {
        let server = bench.server().await;
        let address = email(&server);
        for bad in ["1234567890", "password12", address] {
            let body = json!({ "email": address, "name": "Ada", "password": bad });
            let refused = server.signed_out().post("/api/v1/users", body).await;
            refused.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/users");
            assert_eq!(refused.body["errors"][0]["field"], "password", "{bad}");
            let body = json!({ "current_password": PASSWORD, "new_password": bad });
            let refused = server.put("/api/v1/account/password", body).await;
            assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("new_password")));
        }
    })
    .await;
}

#[tokio::test]
async fn over_tls_the_cookie_is_secure() {
    run(async |bench| {
        let server = bench.server().await;
        let request = server.request(Method::POST, "/api/v1/sessions").header("x-forwarded-proto", "https");
        let answer = send(request.json(&json!({ "email": email(&server), "password": PASSWORD }))).await;
        assert!(answer.headers[SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
    })
    .await;
}

#[tokio::test]
async fn a_session_is_new_at_every_sign_in_and_cannot_be_chosen() {
    run(async |bench| {
        let server = bench.server().await;
        let mallory = Client { cookie: format!("session={}", "a".repeat(64)), ..server.signed_out() };
        let request = mallory.request(Method::POST, "/api/v1/sessions");
        let answer = send(request.json(&json!({ "email": email(&server), "password": PASSWORD }))).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_ne!(server.with(&answer).cookie, mallory.cookie);
        assert_eq!(mallory.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "the planted token opens nothing");

        let again = send(
            server.with(&answer).request(Method::POST, "/api/v1/sessions").json(&json!({ "email": email(&server), "password": PASSWORD })),
        )
        .await;
        assert_ne!(server.with(&again).cookie, server.with(&answer).cookie);
        assert_eq!(server.with(&answer).get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "the browser's old session ended");
    })
    .await;
}

#[tokio::test]
async fn changes_need_the_token_of_the_session() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("Bob").await;
        for token in ["", "x", &"0".repeat(64), &bob.csrf_token] {
            let forged = Client { csrf_token: token.to_owned(), ..(*server).clone() };
            forged.post("/api/v1/tasks", json!({ "title": "x" })).await.assert_problem(StatusCode::FORBIDDEN, "/api/v1/tasks");
        }
        let request = reqwest::Client::new().post(format!("http://{}/api/v1/tasks", server.authority)).header("cookie", &server.cookie);
        assert_eq!(send(request.json(&json!({ "title": "x" }))).await.status, StatusCode::FORBIDDEN);
        assert_eq!(server.get("/api/v1/tasks").await.body["tasks"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn guessing_is_slowed_down_for_accounts_that_exist_and_others_alike() {
    run(async |bench| {
        let server = bench.server().await;
        let nobody = format!("nobody-{}@example.com", uuid::Uuid::now_v7().simple());
        // An address of its own: other tests sign in as well.
        let address = uuid::Uuid::now_v7().to_string();
        let attempt = async |email: &str, password: &str| {
            let request = server.signed_out().request(Method::POST, "/api/v1/sessions").header("x-forwarded-for", &address);
            send(request.json(&json!({ "email": email, "password": password }))).await
        };
        for email in [email(&server), &nobody] {
            for _ in 0..10 {
                let answer = attempt(email, "a wrong password").await;
                answer.assert_problem(StatusCode::UNAUTHORIZED, "/api/v1/sessions");
                assert_eq!(answer.body["detail"], "the address or the password is wrong");
            }
            // From here on each waits for its turn, and the turns come less often.
            let mut times = Vec::new();
            for _ in 0..3 {
                let began = Instant::now();
                attempt(email, "a wrong password").await.assert_problem(StatusCode::UNAUTHORIZED, "/api/v1/sessions");
                times.push(began.elapsed());
            }
            assert!(times[1] > Duration::from_millis(700) && times[2] > Duration::from_millis(1500), "{times:?}");
            let many = futures_util::future::join_all((0..8).map(|_| attempt(email, "a wrong password"))).await;
            let refused: Vec<_> = many.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
            assert!(refused.len() >= 6, "asking many times at once is no way around: {many:?}");
            assert!(refused.iter().all(|answer| answer.headers[RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() <= 8));
        }
        let began = Instant::now();
        let entered = attempt(email(&server), PASSWORD).await;
        assert_eq!(entered.status, StatusCode::CREATED, "the right one gets in: {entered:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(attempt(email(&server), PASSWORD).await.status, StatusCode::CREATED);
        assert!(began.elapsed() < Duration::from_secs(2), "and ends the waiting: {:?}", began.elapsed());
        assert_eq!(server.get("/api/v1/session").await.status, StatusCode::OK, "who is signed in stays so");
    })
    .await;
}

#[tokio::test]
async fn signing_in_takes_as_long_for_accounts_that_do_not_exist() {
    run(async |bench| {
        let server = bench.server().await;
        let mut medians = Vec::new();
        for known in [true, false] {
            let mut times = Vec::new();
            for number in 0..9 {
                let email = if known {
                    server.sign_up("Bob").await.user["email"].clone()
                } else {
                    json!(format!("{number}-{}@example.com", uuid::Uuid::now_v7().simple()))
                };
                let started = Instant::now();
                sign_in(&server, email.as_str().unwrap(), "a wrong password").await;
                times.push(started.elapsed());
            }
            times.sort();
            medians.push(times[4].as_secs_f64());
        }
        // One hash takes tens of milliseconds, everything else one or two: skipping it would be a factor of ten, noise is not.
        let ratio = medians[0] / medians[1];
        assert!((0.33..3.0).contains(&ratio), "{medians:?}");
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    run(async |bench| {
        let server = bench.server().await;
        let other = server.with(&sign_in(&server, email(&server), PASSWORD).await);
        let change = |current: &str| json!({ "current_password": current, "new_password": "another good one" });
        let wrong = server.put("/api/v1/account/password", change("not this one")).await;
        wrong.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/account/password");
        assert_eq!(wrong.body["errors"][0]["field"], "current_password");
        let changed = server.put("/api/v1/account/password", change(PASSWORD)).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
        assert_eq!(server.with(&changed).get("/api/v1/session").await.status, StatusCode::OK);
        for old in [&*server, &other] {
            assert_eq!(old.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(sign_in(&server, email(&server), PASSWORD).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(sign_in(&server, email(&server), "another good one").await.status, StatusCode::CREATED);
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_removed_takes_what_only_it_saw_with_it() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("Bob").await;
        let alone = bob.create(json!({ "title": "alone", "private": true })).await;
        let shared = bob.create(json!({ "title": "shared", "private": true, "assignee_id": server.user["id"] })).await;
        let team = bob.create_task("team").await;
        let remove = async |client: &Client, password: &str| {
            send(client.request(Method::DELETE, "/api/v1/account").json(&json!({ "current_password": password }))).await
        };
        let wrong = remove(&bob, "not this one").await;
        wrong.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/account");
        assert_eq!(bob.get("/api/v1/session").await.status, StatusCode::OK, "nothing was removed");
        remove(&server.signed_out(), PASSWORD).await.assert_problem(StatusCode::UNAUTHORIZED, "/api/v1/account");

        let gone = remove(&bob, PASSWORD).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
        assert!(gone.headers[SET_COOKIE].to_str().unwrap().starts_with("session=; "));
        assert_eq!(bob.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(sign_in(&server, email(&bob), PASSWORD).await.status, StatusCode::UNAUTHORIZED);
        for task in [&shared, &team] {
            let left = server.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())).await;
            assert_eq!((left.status, &left.body["created_by"]), (StatusCode::OK, &serde_json::Value::Null), "{left:?}");
        }
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks WHERE id = $1::uuid")
            .bind(alone["id"].as_str())
            .fetch_one(&bench.pool)
            .await
            .unwrap();
        assert_eq!(rows, 0, "nobody would ever see it again");

        accounts::set_role(&bench.pool, server.user["id"].as_str().unwrap().parse().unwrap(), Role::Admin).await.unwrap();
        remove(&server, PASSWORD).await.assert_problem(StatusCode::CONFLICT, "/api/v1/account");
        assert_eq!(server.get("/api/v1/session").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn without_redis_who_is_signed_in_works_on_and_can_leave_for_good() {
    run(async |bench| {
        let (server, link) = bench.server_with_redis_link().await;
        server.create_task("before").await;
        let other = server.with(&sign_in(&server, email(&server), PASSWORD).await);
        link.cut();
        server.create_task("meanwhile").await;
        let refused = sign_in(&server, email(&server), PASSWORD).await;
        refused.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "/api/v1/sessions");
        let sign_up = json!({ "email": "late@example.com", "name": "Late", "password": PASSWORD });
        assert_eq!(server.signed_out().post("/api/v1/users", sign_up).await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(accounts::count(&bench.pool).await.unwrap(), 1, "nothing is in the way of the next try");
        let unseen = Client { cookie: format!("session={}", "a".repeat(64)), ..server.signed_out() };
        assert_eq!(unseen.get("/api/v1/tasks").await.status, StatusCode::SERVICE_UNAVAILABLE, "neither accepted nor sent to sign in");
        assert_eq!(server.delete("/api/v1/session").await.status, StatusCode::NO_CONTENT);
        link.restore();
        for left in [&*server, &other] {
            crate::harness::eventually("the session has ended", async || {
                left.get("/api/v1/session").await.status == StatusCode::UNAUTHORIZED
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn people_are_found_by_a_part_of_the_name() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("Bob 100%").await;
        assert_eq!(server.get("/api/v1/users?q=00%25").await.body, json!({ "users": [{ "id": bob.id(), "name": "Bob 100%" }] }));
        assert_eq!(server.get("/api/v1/users").await.body["users"].as_array().unwrap().len(), 2);
        server.get("/api/v1/users?q=%00").await.assert_problem(StatusCode::BAD_REQUEST, "/api/v1/users");
        let renamed = send(bob.request(Method::PATCH, "/api/v1/account").json(&json!({ "name": "Robert" }))).await;
        assert_eq!(renamed.body["name"], "Robert");
        assert_eq!(server.signed_out().get("/api/v1/users").await.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_remains_also_when_two_demote_each_other() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("Bob").await;
        let ids: [uuid::Uuid; 2] = [server.id().parse().unwrap(), bob.id().parse().unwrap()];
        for id in ids {
            assert!(matches!(accounts::set_role(&bench.pool, id, Role::Admin).await.unwrap(), RoleChange::Done(_)));
        }
        let demote = |id| accounts::set_role(&bench.pool, id, Role::User);
        let (first, second) = tokio::join!(demote(ids[0]), demote(ids[1]));
        let refused = [first.unwrap(), second.unwrap()].iter().filter(|change| **change == RoleChange::LastAdmin).count();
        assert_eq!(refused, 1);
        assert_eq!(accounts::set_role(&bench.pool, uuid::Uuid::now_v7(), Role::Admin).await.unwrap(), RoleChange::Missing);
    })
    .await;
}
