//! A service that is built from another repository, by one untracked line (R12).

use std::fs;
use std::path::Path;

use crate::harness::checkout::Checkout;
use crate::harness::shared;
use crate::start::free_port;

const CONFIGURATION: &str = r#"
pid /tmp/other.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    server {
        listen 3000;
        location = /health { return 200 "well"; }
        location / { return 200 "from the other repository"; }
    }
}
"#;

/// A repository with a service in it that has nothing to do with Rust.
fn other(directory: &Path, image: &str, health: &str) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("other.conf"), CONFIGURATION).unwrap();
    // What the base image says about its health is about another port.
    let dockerfile = format!(
        "FROM {image}\nCOPY other.conf /etc/other.conf\nENTRYPOINT []\nHEALTHCHECK {health}\n\
         CMD [\"nginx\", \"-c\", \"/etc/other.conf\", \"-e\", \"stderr\", \"-g\", \"daemon off;\"]\n"
    );
    fs::write(directory.join("Dockerfile"), dockerfile).unwrap();
}

#[tokio::test]
async fn one_untracked_line_builds_a_service_from_another_repository() {
    let (shared, _turn) = shared().await;
    let checkout = Checkout::new(&shared, "sources", &[], free_port());
    let mut stack = checkout.stack.clone();
    let directory = checkout.path("../sources-other");
    let image = shared.inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned();
    fs::write(checkout.path("infra/env/test.override.toml"), "sources.frontend = \"../sources-other\"\n").unwrap();

    let _ = fs::remove_dir_all(&directory);
    // A run that was cut off leaves it, and an image that is there is not built.
    let built = format!("slipway/frontend-source:{}", shared.instance);
    stack.docker(&["image", "rm", "--force", &built]);
    let nowhere = stack.xtask(&["up"]);
    assert!(nowhere.code == 1 && nowhere.stderr.contains("`frontend` cannot be built: there is no directory"), "{nowhere:?}");

    other(&directory, &image, "NONE");
    let mute = stack.xtask(&["up"]);
    assert!(
        mute.code == 1
            && mute.stderr.contains("error: the image of `frontend`, built from ")
            && mute.stderr.contains("has no health check"),
        "{mute:?}"
    );
    assert_eq!(checkout.left().containers, [""; 0]);

    other(&directory, &image, "--start-period=30s --start-interval=250ms CMD curl --fail --silent http://127.0.0.1:$PORT/health");
    stack.xtask(&["images", "build", "frontend"]).good();
    stack.url = stack.xtask(&["up"]).good().stdout.trim().to_owned();
    assert_eq!(stack.get("/").await.with(200).body, "from the other repository");
    stack.get("/api/v1/version").await.with(200);
    let environment = stack.inspect("frontend")["Config"]["Env"].to_string();
    assert!(environment.contains("PORT=3000") && environment.contains("ENVIRONMENT=test"), "{environment}");
    fs::remove_dir_all(&directory).unwrap();
    stack.xtask(&["down"]).good();
    stack.docker(&["image", "rm", &built]).good();
}
