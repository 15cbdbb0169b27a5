//! Tests of signing in, up and out: what is passed on, where it leads, and what is said when it does not work.

use super::*;

async fn anonymous(app: &Router, path: &str, form: &str) -> Page {
    call(app, Request::post(path).header(header::CONTENT_TYPE, FORM), form).await
}

#[tokio::test]
async fn pages_of_somebody_who_is_not_signed_in_lead_to_the_form() {
    let (url, asked) = backend(|_, _| problem(StatusCode::UNAUTHORIZED, None)).await;
    let app = frontend(&url);
    for (path, location) in [("/", "/sign-in"), ("/?q=a%20b", "/sign-in?next=%2F%3Fq%3Da%2520b"), ("/exports", "/sign-in?next=%2Fexports")]
    {
        let page = call(&app, Request::get(path), "").await;
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, location));
        assert_eq!(page.header("cache-control"), "no-store");
    }
    assert!(asked.lock().unwrap().iter().all(|ask| ask.path != "/api/v1/session"), "without a cookie there is nothing to ask");
    for path in ["/", "/exports", "/account", &format!("/tasks/{TASK}")] {
        assert!(get(&app, path).await.header("location").starts_with("/sign-in"), "{path}");
    }
    assert_eq!(post(&app, "/tasks", "title=x").await.header("location"), "/sign-in", "a form is not repeated by going to its address");
}

#[tokio::test]
async fn signing_in_passes_the_cookie_on_and_goes_on() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    for (next, location) in
        [("", "/"), ("%2Ftasks%2F1", "/tasks/1"), ("%2F%2Fevil.example", "/"), ("%2F%5Cevil.example", "/"), ("%0D%0Ax", "/")]
    {
        // A cookie of an earlier session does not stand in the way; the backend gets it, and ends that session.
        let page = post(&app, "/sign-in", &format!("email=Ines%40example.com&password=a+secret&next={next}")).await;
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, location));
        assert_eq!(page.header("set-cookie"), "session=new; Path=/; HttpOnly; SameSite=Lax");
    }
    let up = anonymous(&app, "/sign-up", "name=Ines&email=i%40example.com&password=a+secret").await;
    assert_eq!((up.header("location"), up.header("set-cookie").is_empty()), ("/", false));
    let out = post(&app, "/sign-out", "csrf_token=t0ken").await;
    assert_eq!((out.header("location"), out.header("set-cookie")), ("/sign-in", "session=; Max-Age=0"));
    let asked = asked.lock().unwrap();
    assert_eq!((asked[0].path.as_str(), asked[0].header("cookie")), ("/api/v1/sessions", "session=abc"));
    assert_eq!(asked[0].body, "{\"email\":\"Ines@example.com\",\"password\":\"a secret\"}");
    assert_eq!(asked[5].body, "{\"email\":\"i@example.com\",\"name\":\"Ines\",\"password\":\"a secret\"}");
    assert_eq!((asked[6].method.as_str(), asked[6].header("x-csrf-token")), ("DELETE", "t0ken"));
}

#[tokio::test]
async fn the_forms_name_what_browsers_fill_in() {
    let (url, _) = backend(well).await;
    let app = frontend(&url);
    let page = call(&app, Request::get("/sign-in?next=%2Ftasks%2F%22x"), "").await.body;
    assert!(page.contains("autocomplete=\"username\"") && page.contains("autocomplete=\"current-password\""));
    assert!(page.contains("/sign-up?next=/tasks/%22x"));
    assert!(!page.contains("csrf-token"), "without a session there is no token");
    assert!(call(&app, Request::get("/sign-up"), "").await.body.contains("autocomplete=\"new-password\""));
    assert_eq!(get(&app, "/sign-in?next=%2Faccount").await.header("location"), "/account", "whoever is signed in goes on at once");
    let away = frontend(&nowhere().await);
    assert_eq!(get(&away, "/sign-in").await.status, StatusCode::OK, "the form needs no backend");
    assert_eq!(anonymous(&away, "/sign-in", "email=a&password=b").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_refused_is_said_and_the_password_is_not_repeated() {
    for (status, field, words) in [
        (StatusCode::UNAUTHORIZED, None, "The address or the password is wrong."),
        (StatusCode::TOO_MANY_REQUESTS, None, "Try again in 60 seconds."),
        (StatusCode::SERVICE_UNAVAILABLE, None, "away for a moment"),
        (StatusCode::CONFLICT, Some(("email", "is taken")), "Email address is taken."),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(("password", "must have at least 10 characters")),
            "Password must have at least 10 characters.",
        ),
    ] {
        let (url, _) = backend(move |_, _| problem(status, field)).await;
        let app = frontend(&url);
        for path in ["/sign-in", "/sign-up"] {
            let page = anonymous(&app, path, "name=%3Ci%3E&email=i%22%40example.com&password=s3cret-words&next=%2Fx").await;
            assert_eq!(page.status, status);
            assert!(page.body.contains(words), "{words}");
            assert!(page.body.contains("value=\"i&quot;@example.com\"") && page.body.contains("value=\"/x\""), "{}", page.body);
            assert!(!page.body.contains("s3cret") && page.body.contains("id=\"summary\" role=\"alert\" tabindex=\"-1\" autofocus"));
            assert_eq!(page.body.contains("aria-invalid=\"true\""), field.is_some());
        }
    }
}

#[tokio::test]
async fn a_form_of_an_earlier_session_is_out_of_date() {
    let (url, _) = backend(|_, _| problem(StatusCode::FORBIDDEN, None)).await;
    let app = frontend(&url);
    let upload = call(&app, Request::post(format!("/tasks/{TASK}/attachments")).header(header::COOKIE, COOKIE), "x").await;
    for page in [post(&app, "/tasks", "title=x&csrf_token=old").await, post(&app, "/sign-out", "").await, upload] {
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.body.contains("This form is out of date"));
    }
}
