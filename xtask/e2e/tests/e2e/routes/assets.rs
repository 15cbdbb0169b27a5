//! Fingerprinted assets: cached for ever, compressed, and asked for again only by their tag.

use http::Method;

use crate::harness::{Stack, shared};

/// The addresses of all assets that the board's page names.
async fn assets(stack: &Stack) -> Vec<String> {
    let page = stack.get("/").await.with(200).body;
    let assets: Vec<String> = page.split('"').filter(|word| word.starts_with("/static/")).map(|word| word.replace("&#x2f;", "/")).collect();
    assert!(assets.iter().any(|asset| asset.ends_with(".css")) && assets.iter().any(|asset| asset.ends_with(".js")), "{assets:?}");
    assets
}

#[tokio::test]
async fn every_asset_of_the_page_is_there_and_may_be_kept_for_ever() {
    let (stack, _turn) = shared().await;
    for asset in assets(&stack).await {
        let answer = stack.get(&asset).await.with(200);
        let caching = answer.header("cache-control");
        assert!(caching.contains("immutable") && caching.contains("max-age=31536000"), "{asset}: {caching}");
        assert!(answer.headers.contains_key("etag"), "{asset}: {answer:#?}");
        assert!(!answer.header("content-type").is_empty());
    }
}

#[tokio::test]
async fn text_is_compressed_for_those_who_can_read_it() {
    let (stack, _turn) = shared().await;
    for path in assets(&stack).await.into_iter().filter(|asset| asset.ends_with(".css")).chain(["/".to_owned()]) {
        let plain = stack.get(&path).await.with(200);
        let packed = stack.send(Method::GET, &path, &[("accept-encoding", "gzip")]).await.with(200);
        assert!(plain.lacks("content-encoding"), "{path}");
        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        for answer in [&plain, &packed] {
            assert_eq!(answer.header("vary").to_lowercase(), "accept-encoding", "a cache must tell them apart: {path}");
        }
        assert!(packed.body.len() < plain.body.len(), "{path}");
    }
}

#[tokio::test]
async fn an_asset_that_did_not_change_is_not_sent_again() {
    let (stack, _turn) = shared().await;
    for asset in assets(&stack).await {
        for encoding in ["identity", "gzip"] {
            let tag = stack.send(Method::GET, &asset, &[("accept-encoding", encoding)]).await.with(200).header("etag").to_owned();
            let again = stack.send(Method::GET, &asset, &[("accept-encoding", encoding), ("if-none-match", &tag)]).await;
            assert_eq!(again.status, 304, "{asset}, {encoding}, {tag}: {again:#?}");
            assert_eq!(again.body, "");
        }
        stack.send(Method::GET, &asset, &[("if-none-match", "\"another\"")]).await.with(200);
    }
}

#[tokio::test]
async fn an_asset_of_another_version_is_not_kept_under_that_name() {
    let (stack, _turn) = shared().await;
    // A page that was loaded before an update names files of then. It gets today's, but no cache may take them for what the name says.
    let outdated = stack.get("/static/app.000000000000.css").await.with(200);
    assert_eq!(outdated.header("cache-control"), "no-cache");
    for path in ["/static/none.000000000000.css", "/static/"] {
        let missing = stack.get(path).await.with(404);
        let kept = missing.headers.get("cache-control").is_some_and(|value| value.to_str().unwrap().contains("max-age"));
        assert!(!kept, "{missing:#?}");
    }
}
