//! `images`: what is here, what is built, what is taken to other machines, and what is in it.

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply};

#[test]
fn missing_ones_are_listed_too() {
    let outcome = Checkout::new().without_image("slipway/proxy:main").run(["images", "list"]).success();
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn those_of_a_service_are_built() {
    let checkout = Checkout::new();
    assert_eq!(checkout.run(["images", "build", "migrate"]).success().mutations(), ["compose build backend"], "they share an image");
    assert_eq!(checkout.run(["images", "build"]).success().mutations(), ["compose build backend frontend proxy"]);
    assert_snapshot!(checkout.run(["images", "build", "redis"]));
}

/// A place for images that can be pushed to, and a commit.
const PUBLISHED: &str = "repository = \"registry.example.com/board\"\ntag = \"commit\"";
/// Images that somebody else built.
const PINNED: &str = "repository = \"registry.example.com/board\"\ntag = \"1.4.2\"";

#[test]
fn those_of_a_commit_are_pushed() {
    let checkout = Checkout::new().images(PUBLISHED).committed("");
    let outcome = checkout.run(["images", "push"]).success();
    assert_eq!(outcome.mutations(), ["compose push backend frontend proxy"]);
    assert_snapshot!(outcome);
    assert_eq!(checkout.run(["images", "push", "--dry-run"]).success().mutations(), [""; 0]);
    let denied = checkout.docker("compose *push*", Reply::fails(1, "denied: requested access to the resource is denied\n"));
    assert_snapshot!("the_registry_refuses_a_push", denied.run(["images", "push", "--quiet"]));
}

#[test]
fn what_is_not_known_is_not_pushed() {
    let refused = |name: &str, checkout: Checkout| {
        let outcome = checkout.run(["images", "push"]);
        assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]), "{outcome}");
        assert_snapshot!(name, outcome);
    };
    refused("a_push_without_a_registry", Checkout::new().images("tag = \"commit\"").committed(""));
    refused("a_push_of_an_instance", Checkout::new().images("repository = \"registry.example.com/board\""));
    refused("a_push_with_changes", Checkout::new().images(PUBLISHED).committed(" M backend/src/lib.rs\0"));
    refused("a_push_of_what_is_not_here", Checkout::new().images(PUBLISHED).committed("").without_image("slipway/proxy:main"));
}

#[test]
fn all_are_saved_and_loaded_elsewhere() {
    let checkout = Checkout::new();
    let outcome = checkout.run(["images", "save"]).success();
    assert_eq!(
        outcome.mutations(),
        ["image save --output slipway-main.tar.partial slipway/backend:main slipway/frontend:main slipway/proxy:main postgres:17 redis:8"]
    );
    assert_eq!(outcome.stdout, "slipway-main.tar\n");
    assert!(!checkout.root().join("slipway-main.tar.partial").exists());
    assert_snapshot!("an_archive_is_not_overwritten", checkout.run(["images", "save"]));

    let other = Checkout::new().without_image("slipway/proxy:main").without_image("postgres:17");
    let archive = checkout.root().join("slipway-main.tar").display().to_string();
    let dry = other.run(["images", "load", &archive, "--dry-run"]).success();
    assert_eq!(dry.mutations(), [""; 0]);
    let loaded = other.run(["images", "load", &archive]).success();
    assert_eq!(loaded.stdout, "slipway/backend:main\nslipway/frontend:main\nslipway/proxy:main\npostgres:17\nredis:8\n");
    assert_eq!(loaded.stderr, "all images of `local` are here: `cargo xtask up`\n");
}

#[test]
fn what_an_archive_does_not_bring_is_said() {
    let checkout = Checkout::new();
    checkout.run(["images", "save", "all.tar"]).success();
    let checkout = checkout.without_image("postgres:17").docker("image load *", Reply::default());
    assert_snapshot!(checkout.run(["images", "load", "all.tar"]).success());
}

#[test]
fn an_archive_that_is_not_complete_leaves_nothing() {
    let checkout = Checkout::new().without_image("redis:8").without_image("slipway/proxy:main");
    assert_snapshot!("a_save_without_all_images", checkout.run(["images", "save"]));
    let pinned = Checkout::new().images(PINNED).without_image("slipway/proxy:main");
    assert_snapshot!("a_save_of_what_somebody_else_built", pinned.run(["images", "save"]));
    assert_snapshot!("a_save_to_nowhere", Checkout::new().run(["images", "save", "away/all.tar"]));
    let checkout = Checkout::new().docker("image save *", Reply::fails(1, "no space left on device\n"));
    assert_snapshot!("a_save_that_fails", checkout.run(["images", "save", "--quiet"]));
    let files: Vec<_> = std::fs::read_dir(checkout.root()).expect("readable").flatten().map(|entry| entry.file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().contains(".tar")), "{files:?}");
}

#[test]
fn only_image_archives_are_loaded() {
    let checkout = Checkout::new();
    checkout.file("notes.tar", "text");
    for (name, file) in [("no_archive", "notes.tar"), ("no_file", "none.tar"), ("a_directory", "infra")] {
        let outcome = checkout.run(["images", "load", file]);
        assert_eq!(outcome.mutations(), [""; 0]);
        assert_snapshot!(format!("{name}_is_not_loaded"), outcome);
    }
}

#[test]
fn what_somebody_else_built_is_pulled_and_not_built() {
    let missing = |lines: &str| Checkout::new().images(lines).without_image("slipway/proxy:main");
    let outcome = missing(PINNED).run(["up"]).success();
    assert!(outcome.mutations().contains(&"image pull slipway/proxy:main"), "{:?}", outcome.mutations());
    assert!(outcome.mutations().iter().all(|call| !call.starts_with("compose build")), "{:?}", outcome.mutations());
    let absent = missing(PINNED).docker("image pull *", Reply::fails(1, "manifest unknown\n"));
    assert_snapshot!("a_tag_that_cannot_be_pulled", absent.run(["up", "--quiet"]));
    let outcome = missing("tag = \"1.4.2\"").run(["up"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert!(!outcome.stderr.contains("made the secret"), "a refusal changes nothing: {outcome}");
    assert_snapshot!("a_tag_without_a_registry", outcome);
    for args in [["up", "--build"], ["rebuild", "proxy"], ["images", "sbom"]] {
        let outcome = missing(PINNED).run(args);
        assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]), "{args:?}: {outcome}");
    }
    assert_snapshot!("a_tag_that_is_not_built", missing(PINNED).run(["up", "--build"]));
}

#[test]
fn what_is_in_them_is_written_down() {
    let crates = "backend v1.2.3 (/workspace/backend)\tMIT\nserde v1.0.1\tMIT OR Apache-2.0\n";
    let packages = "debian\t13\tlibc6:amd64\t2.41-12\tamd64\tglibc\t2.41-12\n";
    let checkout = Checkout::new().images("tag = \"commit\"").committed("").material("backend", "crates", crates);
    let checkout = checkout.material("backend", "rust", "rustc 1.95.0 (0 2026-01-01)\n").material("proxy", "packages", packages);
    checkout.file("Cargo.lock", "[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nchecksum = \"c98264\"\n");
    let outcome = checkout.run(["images", "sbom", "migrate", "proxy", "--out", "out"]).success();
    assert_eq!(outcome.stdout, "out/backend.cdx.json\nout/proxy.cdx.json\n");
    let read = |name: &str| std::fs::read_to_string(checkout.root().join("out").join(name)).expect("written");
    let first = read("backend.cdx.json");
    for part in ["pkg:cargo/serde@1.0.1", "c98264", "pkg:generic/rust-std@1.95.0", "2023-11-14T22:13:20Z", "https://example.com/board.git"]
    {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(read("proxy.cdx.json").contains("pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc%402.41-12"));
    checkout.run(["images", "sbom", "backend", "--out", "out"]).success();
    assert_eq!(first, read("backend.cdx.json"), "the same image gives the same document");
    assert_snapshot!("an_image_that_does_not_say_what_is_in_it", checkout.run(["images", "sbom", "frontend"]));
    assert_snapshot!("an_image_of_somebody_else_is_not_described", checkout.run(["images", "sbom", "redis"]));
}

#[test]
fn an_image_without_a_dockerfile_of_its_own_is_not_described() {
    let mut checkout = Checkout::new().images("tag = \"commit\"").committed("");
    checkout.model["services"]["proxy"]["build"] = serde_json::json!({ "context": "/repo", "dockerfile_inline": "FROM scratch" });
    let outcome = checkout.run(["images", "sbom", "proxy"]);
    assert_eq!(outcome.mutations(), [""; 0]);
    assert_snapshot!(outcome);
}
