//! The compose files for people who use plain Compose, and the images that they build.

use std::collections::BTreeMap;

use crate::harness::{Stack, shared};

/// What Compose makes of `files` when nothing of ours sets a variable.
fn config(stack: &Stack, files: &[&str], more: &[&str]) -> String {
    let files = files.iter().flat_map(|file| ["--file", file]);
    let args: Vec<&str> = ["compose"].into_iter().chain(files).chain(more.iter().copied()).collect();
    let outcome = stack.docker_bare(&args).good();
    // A variable without a default is a warning.
    assert_eq!(outcome.stderr, "");
    outcome.stdout
}

#[tokio::test]
async fn the_files_are_valid_without_xtask() {
    let (stack, _turn) = shared().await;
    let plain = config(&stack, &["infra/compose.yaml"], &["config", "--format", "json"]);
    let model: serde_json::Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(model["name"], "slipway");
    assert!(model["services"]["worker"].is_null(), "the worker is optional");
    assert_eq!(model["services"]["proxy"]["ports"][0]["published"], "8080");
    for more in ["infra/compose.dev.yaml", "infra/compose.test.yaml", "infra/compose.bench.yaml"] {
        config(&stack, &["infra/compose.yaml", more], &["--profile", "*", "config", "--quiet"]);
    }
    // Secrets are files: their values are in no variable that `docker inspect` shows.
    for service in ["db", "backend", "worker"] {
        let variables = stack.inspect(service)["Config"]["Env"].to_string();
        let secret = std::fs::read_to_string(format!("{}/infra/secrets/test/postgres_password", stack.root)).unwrap();
        assert!(!variables.contains(secret.trim()), "{service}");
    }
}

/// The images that are built from the checkout.
const OURS: [&str; 4] = ["proxy", "frontend", "backend", "checks"];

/// Images of a test's own; they are removed when this goes.
struct Images {
    stack: Stack,
    tag: String,
}

impl Images {
    /// Builds all, and returns their ids.
    fn build(&self) -> BTreeMap<&str, String> {
        self.stack.xtask(&["--quiet", "images", "build"]).good();
        let id = |name: &'static str| {
            let image = format!("slipway/{name}:{}", self.tag);
            (name, self.stack.docker(&["image", "inspect", "--format", "{{.Id}}", &image]).good().stdout)
        };
        OURS.map(id).into()
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let names = OURS.map(|name| format!("slipway/{name}:{}", self.tag));
        self.stack.docker(&[&["image", "rm"][..], &names.each_ref().map(String::as_str)].concat());
    }
}

#[tokio::test]
async fn an_unchanged_build_makes_no_new_image() {
    let (stack, _turn) = shared().await;
    // Under a name of their own: what others start meanwhile must not depend on it.
    let tag = format!("{}-again", stack.instance);
    let images = Images { stack: stack.with_variable("IMAGE_TAG", &tag), tag };
    let first = images.build();
    assert_eq!(images.build(), first);
}
