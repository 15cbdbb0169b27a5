//! Tests of the board: what it shows, what its forms do, and what happens when the backend does not do its part.

use super::*;

fn without_stats(method: &str, path: &str) -> Response {
    if path == "/api/v1/stats" { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { well(method, path) }
}

fn refusing(method: &str, path: &str) -> Response {
    if method == "GET" {
        return well(method, path);
    }
    problem(StatusCode::UNPROCESSABLE_ENTITY, Some(("title", "must not be empty")))
}

#[tokio::test]
async fn the_board_shows_tasks_escaped_and_counted() {
    let (url, asked) = backend(well).await;
    let request = Request::get("/").header("x-request-id", "0123456789abcdef").header(header::COOKIE, COOKIE);
    let page = call(&frontend(&url), request.header("x-forwarded-for", "192.0.2.7").header("x-forwarded-proto", "https"), "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Paint &lt;the&gt; keel") && !page.body.contains("<the>"));
    assert!(page.body.contains("Order timber"));
    assert!(page.body.contains("data-count=\"open\">1<"), "a whole list is its own count");
    assert!(page.body.contains(">4711</span> tasks created"));
    assert!(page.body.contains("data-whole=\"true\" data-first-page=\"true\""), "scripts read these words");
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert_eq!(page.header("x-request-id"), "0123456789abcdef");
    for (fact, words) in
        [("due", "Overdue since 2 Jan 2026"), ("assignee", "Amara &lt;A&gt;"), ("private", "Private"), ("attachments", "2")]
    {
        let shown = page.body.split(&format!("data-fact=\"{fact}\"")).nth(1).unwrap();
        assert!(shown.split("</span>").next().unwrap().ends_with(&format!("<span>{words}")), "{fact}");
    }
    assert!(
        page.body.contains(&format!("formaction=\"/tasks/{TASK}/reopen\"")) && page.body.contains("aria-label=\"Reopen: Order timber\"")
    );
    for ask in asked.lock().unwrap().iter() {
        assert_eq!((ask.header("x-request-id"), ask.header("cookie")), ("0123456789abcdef", "session=abc"), "{}", ask.path);
        assert_eq!((ask.header("x-forwarded-for"), ask.header("x-forwarded-proto")), ("192.0.2.7", "https"));
    }
}

#[tokio::test]
async fn the_board_is_shown_without_counts_of_the_worker() {
    let (url, _) = backend(without_stats).await;
    assert_eq!(get(&frontend(&url), "/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_empty_board_says_what_to_do() {
    let (url, _) = backend(|method, path| match path {
        "/api/v1/tasks" => Json(json!({ "tasks": [], "next": null })).into_response(),
        _ => well(method, path),
    })
    .await;
    let app = frontend(&url);
    assert!(get(&app, "/").await.body.contains("Add the first task"));
    let nothing = get(&app, "/?q=kraken").await.body;
    assert!(
        nothing.contains("No tasks found")
            && nothing.contains("Nothing on the slip matches")
            && nothing.contains("<a href=\"/\" id=\"clear\">")
    );
}

#[tokio::test]
async fn a_long_list_leads_on_and_back() {
    let (url, asked) = backend(|method, path| match path {
        "/api/v1/tasks" => Json(json!({ "tasks": [task("open", "x")], "next": "a&b=" })).into_response(),
        _ => well(method, path),
    })
    .await;
    let page = get(&frontend(&url), "/?before=c%26d").await;
    assert!(page.body.contains("href=\"/?before=a%26b%3D\""), "{}", page.body);
    assert!(page.body.contains("Back to the newest"));
    assert!(page.body.contains("data-count=\"open\">70<"), "a part of a list is counted by the worker");
    assert!(asked.lock().unwrap().iter().any(|ask| ask.path == "/api/v1/tasks?before=c%26d"));
}

#[tokio::test]
async fn filters_stay_in_the_form_in_links_and_after_a_press() {
    let (url, asked) = backend(|method, path| match path {
        "/api/v1/tasks" => Json(json!({ "tasks": [task("open", "x")], "next": "n" })).into_response(),
        _ => well(method, path),
    })
    .await;
    let page = get(&frontend(&url), "/?q=+red++%22paint&status=open&assignee=me&due=soon&other=1").await.body;
    assert!(asked.lock().unwrap().iter().any(|ask| ask.path == "/api/v1/tasks?q=red%20%22paint&status=open&assignee=me"));
    assert!(
        page.contains("value=\"red &quot;paint\"") && page.contains("value=\"open\" selected") && page.contains("value=\"me\" selected")
    );
    assert!(page.contains("1 or more task found") && page.contains("data-filtered=\"true\""));
    assert!(page.contains("?q=red%20%22paint&amp;status=open&amp;assignee=me&amp;before=n"), "{page}");
    assert!(page.contains("name=\"next\" value=\"/?q=red%20%22paint&amp;status=open&amp;assignee=me\""));
}

#[tokio::test]
async fn a_form_that_worked_redirects() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    let created = post(&app, "/tasks", "csrf_token=t0ken&title=Caulk+%26+tar").await;
    assert_eq!((created.status, created.header("location")), (StatusCode::SEE_OTHER, format!("/#task-{TASK}").as_str()));
    for (verb, next, location) in [("complete", "%2F%3Fq%3Dx", "/?q=x"), ("reopen", "%2F%2Fevil.example", "/"), ("delete", "", "/")] {
        let done = post(&app, &format!("/tasks/{TASK}/{verb}"), &format!("csrf_token=t0ken&next={next}")).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, location));
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0].body, "{\"title\":\"Caulk & tar\"}");
    let rest: Vec<_> = asked[1..].iter().map(|ask| format!("{} {}", ask.method, ask.path.trim_start_matches("/api/v1/tasks"))).collect();
    assert_eq!(rest, [format!("POST /{TASK}/complete"), format!("POST /{TASK}/reopen"), format!("DELETE /{TASK}")]);
    assert!(asked.iter().all(|ask| (ask.header("x-csrf-token"), ask.header("cookie")) == ("t0ken", "session=abc")));
}

#[tokio::test]
async fn refused_input_is_kept_with_the_reason() {
    let (url, _) = backend(refusing).await;
    let page = post(&frontend(&url), "/tasks", "title=%22%3E").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("The title must not be empty."));
    assert!(page.body.contains("value=\"&quot;&gt;\"") && page.body.contains("aria-invalid=\"true\""));
    assert!(page.body.contains("Order timber"), "the list stays");
}

#[tokio::test]
async fn forms_of_other_sites_are_refused_before_the_backend_is_asked() {
    let (url, asked) = backend(well).await;
    let request = Request::post("/tasks").header("sec-fetch-site", "cross-site").header(header::CONTENT_TYPE, FORM);
    let page = call(&frontend(&url), request, "title=x").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("somewhere else"));
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_backend_that_is_away_gets_a_page_that_comes_back() {
    let app = frontend(&nowhere().await);
    let page = get(&app, "/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("retry-after"), "3");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.body.contains("http-equiv=\"refresh\" content=\"3\"") && page.body.contains("retry."));
    let draft = post(&app, "/tasks", "title=Not+lost&csrf_token=t0ken").await;
    assert_eq!(draft.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        draft.body.contains("value=\"Not lost\"")
            && draft.body.contains("value=\"t0ken\"")
            && !draft.body.contains("http-equiv=\"refresh\"")
    );
    let completed = post(&app, &format!("/tasks/{TASK}/complete"), "").await;
    assert!(completed.body.contains("content=\"3; url=/\""), "{}", completed.body);
}

#[tokio::test]
async fn what_is_not_there_has_a_page() {
    let (url, asked) = backend(|_, _| StatusCode::NOT_FOUND.into_response()).await;
    let app = frontend(&url);
    let page = get(&app, "/nowhere").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("<h1>") && !page.body.contains("http-equiv=\"refresh\""));
    assert_eq!(call(&app, Request::delete("/"), "").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(&app, "/tasks/..%2Fstats/complete", "").await.status, StatusCode::NOT_FOUND);
    assert!(asked.lock().unwrap().is_empty(), "an id that is no id is not sent on");
    assert_eq!(post(&app, &format!("/tasks/{TASK}/complete"), "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_address_loaded_again_leads_to_its_page() {
    let app = frontend(&nowhere().await);
    let forms = [
        ("/tasks", "/"),
        ("/tasks/x/complete", "/tasks/x"),
        ("/tasks/x/attachments", "/tasks/x"),
        ("/sign-out", "/"),
        ("/account/password", "/account"),
    ];
    for (path, location) in forms {
        assert_eq!(get(&app, path).await.header("location"), location);
    }
}

#[tokio::test]
async fn input_without_bounds_is_refused() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    assert_eq!(post(&app, "/tasks", &"x".repeat(200_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let other = call(&app, Request::post("/tasks").header(header::CONTENT_TYPE, "text/plain"), "title=x").await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(asked.lock().unwrap().is_empty());
    let (endless, _) = backend(|_, _| " ".repeat(5 << 20).into_response()).await;
    assert_eq!(get(&frontend(&endless), "/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
