//! Tests of the pages of the account and of the exports.

use super::*;

#[tokio::test]
async fn the_account_shows_and_changes_who_somebody_is() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    let page = get(&app, "/account").await.body;
    for part in [
        "value=\"Ines\"",
        "value=\"ines@example.com\"",
        "autocomplete=\"new-password\"",
        "href=\"/exports\"",
        "action=\"/sign-out\"",
        "aria-current=\"page\">Ines",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("/admin/"), "only administrators are led there");
    assert_eq!(post(&app, "/account", "csrf_token=t&name=In%C3%AAs").await.header("location"), "/account?saved=name");
    let changed = post(&app, "/account/password", "csrf_token=t&current_password=old+one&new_password=new+one").await;
    assert_eq!((changed.header("location"), changed.header("set-cookie").is_empty()), ("/account?saved=password", false));
    assert!(get(&app, "/account?saved=password").await.body.contains("signed out everywhere else"));
    let asked = asked.lock().unwrap();
    let changes: Vec<_> =
        asked.iter().filter(|ask| ask.method != "GET").map(|ask| (ask.body.as_str(), ask.header("x-csrf-token"))).collect();
    assert_eq!(changes, [("{\"name\":\"Inês\"}", "t"), ("{\"current_password\":\"old one\",\"new_password\":\"new one\"}", "t")]);
}

#[tokio::test]
async fn a_refused_password_is_said_at_its_field() {
    let (url, _) = backend(|method, path| match method {
        "GET" => well(method, path),
        _ => problem(StatusCode::UNPROCESSABLE_ENTITY, Some(("current_password", "is wrong"))),
    })
    .await;
    let page = post(&frontend(&url), "/account/password", "current_password=old+one&new_password=new+one").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("<a href=\"#current_password\">Current password is wrong.</a>") && !page.body.contains("old one"));
}

#[tokio::test]
async fn administrators_find_their_pages() {
    let (url, _) = backend(|method, path| match path {
        "/api/v1/session" => {
            let mut session = session();
            session["user"]["role"] = "admin".into();
            Json(session).into_response()
        }
        _ => well(method, path),
    })
    .await;
    assert!(get(&frontend(&url), "/exports").await.body.contains("href=\"/admin/\""));
}

#[tokio::test]
async fn exports_say_how_far_they_are_and_where_they_can_be_loaded() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    let page = get(&app, "/exports").await.body;
    assert!(page.contains("value=\"5\" max=\"8\"") && page.contains("of 8 tasks written"));
    assert!(page.contains("href=\"&#x2f;media&#x2f;exports&#x2f;e1&#x2f;tasks.csv\" download"), "{page}");
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\""), "without scripts the page follows too");
    assert_eq!(post(&app, "/exports", "csrf_token=t").await.header("location"), "/exports");
    assert_eq!(asked.lock().unwrap().last().unwrap().header("x-csrf-token"), "t");
    let (empty, _) = backend(|method, path| match path {
        "/api/v1/exports" => Json(json!({ "exports": [] })).into_response(),
        _ => well(method, path),
    })
    .await;
    let page = get(&frontend(&empty), "/exports").await.body;
    assert!(page.contains("Nothing exported yet") && !page.contains("http-equiv=\"refresh\""));
}
