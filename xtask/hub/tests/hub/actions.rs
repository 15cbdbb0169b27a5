//! Actions: from a browser through the hub and its feed, and back.

use serde_json::{Value, json};

use crate::harness::Hub;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn an_action_goes_to_the_feed_and_its_answer_to_whoever_asked() {
    let hub = Hub::start().await;
    let act = async |body: Value| hub.send("POST", "/_dev/actions", &[JSON, ("Origin", "http://localhost:8080")], &body.to_string()).await;
    let (status, body) = act(json!({ "name": "migrate" })).await;
    assert!(status == 503 && body.contains("`cargo xtask dev` is not attached"), "{status} {body}");

    let mut feed = hub.feed().await;
    feed.say(json!({ "type": "state", "services": [{ "name": "backend" }], "actions": ["restart", "migrate"] })).await;
    feed.say(json!({ "type": "log", "at": "", "service": "db", "text": "the state was taken" })).await;
    hub.until(|health| health["log_lines"] == 1).await;
    for unknown in [json!({ "name": "format" }), json!({ "name": "restart", "service": "--all" })] {
        assert_eq!(act(unknown).await.0, 404);
    }
    for wrong in [json!({ "service": "backend" }), json!({ "name": "migrate", "more": 1 })] {
        assert_eq!(act(wrong).await.0, 422);
    }

    // Two at once, answered in the other order.
    let both = async { tokio::join!(act(json!({ "name": "restart", "service": "backend" })), act(json!({ "name": "migrate" }))) };
    let answering = async {
        let (first, second) = (feed.hear().await, feed.hear().await);
        for action in [&second["action"], &first["action"]] {
            let ok = action["name"] == "restart";
            assert_eq!(action.get("service").is_some(), ok, "{action}");
            feed.say(json!({ "type": "action", "id": action["id"], "ok": ok, "text": format!("about {}", action["name"]) })).await;
        }
    };
    let ((restart, migrate), ()) = tokio::join!(both, answering);
    let read = |(status, body): (u16, String)| (status, serde_json::from_str::<Value>(&body).unwrap());
    assert_eq!(read(restart), (200, json!({ "ok": true, "text": "about \"restart\"" })));
    assert_eq!(read(migrate), (200, json!({ "ok": false, "text": "about \"migrate\"" })));

    // A feed that ends answers nobody.
    let ((status, body), ()) = tokio::join!(act(json!({ "name": "migrate" })), async {
        feed.hear().await;
        feed.end().await;
    });
    assert!(status == 502 && body.contains("ended before it answered"), "{status} {body}");
}

#[tokio::test]
async fn strangers_cannot_act() {
    let hub = Hub::start().await;
    let strangers: [&[(&str, &str)]; 6] = [
        &[("Content-Type", "text/plain")],
        &[],
        &[JSON, ("Origin", "http://evil.example")],
        &[JSON, ("Sec-Fetch-Site", "cross-site")],
        &[JSON, ("Host", "evil.example:8080")],
        &[JSON, ("Host", "10.1.2.3")],
    ];
    for headers in strangers {
        assert_eq!(hub.send("POST", "/_dev/actions", headers, r#"{"name":"migrate"}"#).await.0, 403, "{headers:?}");
    }
    assert_eq!(hub.send("GET", "/_dev/actions", &[JSON], "").await.0, 405);
    assert_eq!(hub.send("POST", "/_dev/actions", &[JSON], &format!("{{\"name\":\"{}\"}}", "a".repeat(5000))).await.0, 413);
}
