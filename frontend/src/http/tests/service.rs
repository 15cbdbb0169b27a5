//! Tests of what surrounds pages: assets, health, edits in development, panics.

use super::*;
use crate::http::{failure, pages};

#[tokio::test]
async fn every_asset_of_a_page_may_be_kept_for_ever() {
    let (url, _) = backend(well).await;
    let app = frontend(&url);
    let page = get(&app, "/").await.body;
    let paths: Vec<_> = page.split('"').filter(|text| text.starts_with("/static/")).collect();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let asset = get(&app, path).await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
    }
    let plain = get(&app, "/static/app.css").await;
    assert_eq!((plain.header("cache-control"), plain.header("content-type")), ("no-cache", "text/css; charset=utf-8"));
    let known = call(&app, Request::get("/static/app.css").header("if-none-match", plain.header("etag")), "").await;
    assert_eq!((known.status, known.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(get(&app, "/static/nothing.css").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "/static/..%2Ftemplates%2Flayout.html").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_container_is_ready_once_and_then_alive() {
    let away = App::new(config(&nowhere().await, &source_dir())).unwrap();
    let waiting = get(&router(away.clone()), "/health/container").await;
    assert_eq!(waiting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(waiting.body.contains("the backend is away"), "{}", waiting.body);
    assert_eq!(get(&router(away.clone()), "/health").await.status, StatusCode::OK);

    // The backend answers once and never again.
    let answered = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (url, asked) = backend(move |method, path| {
        if answered.swap(true, std::sync::atomic::Ordering::Relaxed) {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        } else {
            well(method, path)
        }
    })
    .await;
    let app = frontend(&url);
    for _ in 0..3 {
        assert_eq!(get(&app, "/health/container").await.status, StatusCode::OK);
    }
    assert_eq!(asked.lock().unwrap().len(), 1, "the backend is not asked again");
}

#[tokio::test]
async fn versions_are_told() {
    let version: serde_json::Value = serde_json::from_str(&get(&frontend(&nowhere().await), "/version").await.body).unwrap();
    assert_eq!(version["name"], "frontend");
    assert_eq!(version["revision"], "0123456789abcdef");
}

#[tokio::test]
async fn a_panic_is_a_page() {
    let app = App::new(config(&nowhere().await, &source_dir())).unwrap();
    let pages = Router::new()
        .route(
            "/panic",
            axum::routing::get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(failure::from_panic))
        .layer(axum::middleware::from_fn_with_state(app.clone(), pages::render_failure));
    let page = get(&pages, "/panic").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.body.contains("Something broke") && !page.body.contains("on purpose"));
}

/// A copy of the site that can be edited, and a server that reads it again, or does not.
async fn edited(reload: bool) -> (tempfile::TempDir, Router) {
    let directory = tempfile::tempdir().unwrap();
    for part in ["static", "templates"] {
        std::fs::create_dir(directory.path().join(part)).unwrap();
        for entry in std::fs::read_dir(source_dir().join(part)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, directory.path().join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    let (url, _) = backend(well).await;
    let mut config = config(&url, directory.path());
    config.template_reload = reload;
    (directory, router(App::new(config).unwrap()))
}

#[tokio::test]
async fn each_mistake_in_a_template_is_a_page_with_its_place() {
    let (directory, app) = edited(true).await;
    assert_eq!(get(&app, "/").await.status, StatusCode::OK);
    let cases = [
        ("a syntax error", "board.html", "{% if %}", "syntax error: unexpected end of block"),
        ("a value that is not there", "board.html", "{{ tsk.title }}", "undefined value: `tsk` is undefined"),
        ("a filter that is not there", "board.html", "{{ 1 | momnt }}", "unknown filter: filter momnt is unknown"),
        ("a function that is not there", "board.html", "{{ aset('app.css') }}", "unknown function: aset is unknown"),
        (
            "an include that is not there",
            "board.html",
            "{% include 'none.html' %}",
            "template not found: tried to include non-existing template 'none.html'",
        ),
        (
            "an asset that is not there",
            "board.html",
            "{{ asset('none.css') }}",
            "invalid operation: `none.css` is not in `static/`; add it or correct the name",
        ),
        ("a mistake in what is included", "mark.html", "{{ oops }}", "undefined value: `oops` is undefined"),
        ("a mistake in the frame of every page", "layout.html", "{{ oops }}", "undefined value: `oops` is undefined"),
        ("a mistake with some data only", "board.html", "{% if session %}{{ oops }}{% endif %}", "undefined value: `oops` is undefined"),
    ];
    for (case, name, mistake, reason) in cases {
        let template = directory.path().join("templates").join(name);
        let original = std::fs::read_to_string(&template).unwrap();
        let at = ["<body>", "{% block main %}"].iter().find_map(|mark| Some(original.find(mark)? + mark.len())).unwrap_or(original.len());
        std::fs::write(&template, format!("{}{mistake}{}", &original[..at], &original[at..])).unwrap();
        // Also where the page is not open.
        let check = get(&app, "/health/site").await;
        assert_eq!(check.status, StatusCode::INTERNAL_SERVER_ERROR, "{case}");
        let (place, said) = check.body.split_once(": ").unwrap();
        assert!(place.rsplit_once(':').is_some_and(|(path, line)| path.ends_with(name) && line.parse::<u32>().is_ok()), "{case}: {place}");
        assert_eq!(said, reason, "{case}");
        let page = get(&app, "/").await;
        assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR, "{case}");
        assert!(page.header("content-type").starts_with("text/html") && page.body.contains("</head>"), "{case}: {}", page.body);
        assert!(page.body.contains(&format!("/templates/{name}")), "{case}: {}", page.body);
        std::fs::write(&template, original).unwrap();
        assert_eq!((get(&app, "/health/site").await.status, get(&app, "/").await.status), (StatusCode::OK, StatusCode::OK), "{case}");
    }
    std::fs::rename(directory.path().join("templates/board.html"), directory.path().join("templates/away.html")).unwrap();
    assert!(get(&app, "/health/site").await.body.contains("/templates/board.html: template not found"));
}

#[tokio::test]
async fn visitors_see_nothing_of_a_mistake() {
    let (directory, app) = edited(false).await;
    assert_eq!(get(&app, "/health/site").await.status, StatusCode::OK);
    std::fs::write(directory.path().join("templates/board.html"), "{% if %}").unwrap();
    assert_eq!(get(&app, "/").await.status, StatusCode::OK, "what was read at the start serves");
    let bare = crate::http::pages::bare(None);
    let body = String::from_utf8_lossy(&to_bytes(bare.into_body(), 1 << 20).await.unwrap()).into_owned();
    assert!(!body.contains("<pre>"), "{body}");
}

#[tokio::test]
async fn an_edit_is_served_without_a_restart_and_a_mistake_is_shown() {
    let (directory, app) = edited(true).await;
    let template = directory.path().join("templates/board.html");
    let original = std::fs::read_to_string(&template).unwrap();

    let style = |page: &str| page.split('"').find(|text| text.starts_with("/static/app.") && text.ends_with(".css")).unwrap().to_owned();
    let before = style(&get(&app, "/").await.body);
    std::fs::write(directory.path().join("static/app.css"), "body { color: teal }").unwrap();
    let after = style(&get(&app, "/").await.body);
    assert_ne!(before, after);
    assert_eq!(get(&app, &after).await.body, "body { color: teal }");

    std::fs::write(&template, original.replace("On the slip", "In the yard today")).unwrap();
    assert!(get(&app, "/").await.body.contains("In the yard today"));
    std::fs::write(&template, format!("{original}{{{{ oops")).unwrap();
    let broken = get(&app, "/").await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(broken.body.contains("board.html"), "{}", broken.body);
    std::fs::write(&template, original).unwrap();
    assert_eq!(get(&app, "/").await.status, StatusCode::OK);
}
