//! Tests of a forgotten password: asking for a mail, and the form behind its link.

use super::*;

async fn anonymous(app: &Router, path: &str, form: &str) -> Page {
    call(app, Request::post(path).header(header::CONTENT_TYPE, FORM), form).await
}

#[tokio::test]
async fn a_mail_is_asked_for_and_its_link_sets_a_password() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    assert!(call(&app, Request::get("/sign-in"), "").await.body.contains("href=\"/password/forgotten\""));
    assert!(call(&app, Request::get("/password/forgotten"), "").await.body.contains("autocomplete=\"username\""));
    let sent = anonymous(&app, "/password/forgotten", "email=i%40example.com").await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, "/password/forgotten?sent=1"));
    assert!(call(&app, Request::get("/password/forgotten?sent=1"), "").await.body.contains("If there is an account with this address"));
    let form = call(&app, Request::get("/password/reset?token=%22abc"), "").await.body;
    assert!(form.contains("name=\"token\" value=\"&quot;abc\"") && form.contains("autocomplete=\"new-password\""), "{form}");
    let referrer = form.find("<meta name=\"referrer\" content=\"origin\">").unwrap();
    assert!(referrer < form.find("<link").unwrap(), "before anything is loaded that would be told the token");
    let set = anonymous(&app, "/password/reset", "token=abc&new_password=a+new+secret").await;
    assert_eq!((set.status, set.header("location")), (StatusCode::SEE_OTHER, "/password/reset?done=1"));
    assert!(call(&app, Request::get("/password/reset?done=1"), "").await.body.contains("You are signed out everywhere."));
    let asked = asked.lock().unwrap();
    let bodies: Vec<_> = asked.iter().filter(|ask| ask.method == "POST").map(|ask| ask.body.as_str()).collect();
    assert_eq!(bodies, ["{\"email\":\"i@example.com\"}", "{\"new_password\":\"a new secret\",\"token\":\"abc\"}"]);
}

#[tokio::test]
async fn what_is_refused_is_said_and_no_password_is_repeated() {
    let (status, form) = (StatusCode::UNPROCESSABLE_ENTITY, "token=abc&new_password=s3cret-words&email=i%40example.com");
    for (path, field, words) in [
        ("/password/reset", ("token", "does not work any more"), "Ask for another mail"),
        ("/password/reset", ("new_password", "is among those that are guessed first"), "New password is among those"),
        ("/password/forgotten", ("email", "must be an e-mail address"), "Email address must be an e-mail address."),
    ] {
        let (url, _) = backend(move |_, _| problem(status, Some(field))).await;
        let page = anonymous(&frontend(&url), path, form).await;
        assert_eq!(page.status, status);
        assert!(page.body.contains(words) && !page.body.contains("s3cret"), "{words}: {}", page.body);
    }
    let (url, _) = backend(|_, _| problem(StatusCode::TOO_MANY_REQUESTS, None)).await;
    let page = anonymous(&frontend(&url), "/password/forgotten", form).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.body.contains("There were too many attempts"));
}
