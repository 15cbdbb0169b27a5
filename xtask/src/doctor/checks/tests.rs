//! Verdicts on machines that are well and machines that are not.

use super::*;
use crate::doctor::Report;
use crate::doctor::facts::{Contents, Host};
use crate::engine::containers::tests::sample;
use crate::images::inventory::Facts as ImageFacts;
use crate::ports::Address;

fn entry(image: &str, here: bool) -> Entry {
    let facts = here.then(|| ImageFacts { id: "0123".to_owned(), size: "1MB".to_owned(), age: "1 day ago".to_owned() });
    Entry { image: image.to_owned(), facts, purpose: "builds".to_owned() }
}

fn well() -> Facts {
    let text = |text: &str| Some(text.to_owned());
    Facts {
        flags: String::new(),
        trouble: None,
        client: text("28.2.2"),
        server: text("26.1.5"),
        compose: text("2.26.1"),
        buildx: text("v0.13.1"),
        host: Some(Host { root: "/var/lib/docker".into(), memory: 8 << 30 }),
        free: Some(50 << 30),
        environment: Ok(Some(Contents {
            images: Some((vec![entry("slipway/backend:main", false)], vec![entry("redis:8", true)])),
            secrets: Vec::new(),
            undecided: Vec::new(),
            address: Ok(Address::sample()),
        })),
        containers: Ok(vec![sample("db", "running", Some("healthy")), sample("migrate", "exited", None)]),
        ignored: Some(true),
        pinned: text("1.95.0"),
        rust: text("1.95.0"),
    }
}

#[test]
fn a_machine_that_is_well() {
    let report = Report::new(all(&well()));
    assert!(report.ok());
    insta::assert_snapshot!(report.render());
}

#[test]
fn the_json_has_the_documented_fields() {
    let checks = all(&Facts { pinned: Some("1.96.0".to_owned()), ..well() });
    let chosen = checks.into_iter().filter(|check| ["engine", "toolchain"].contains(&check.name)).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&Report::new(chosen)).expect("serializable"));
}

#[test]
fn a_machine_with_everything_wrong_that_can_be_at_once() {
    let facts = Facts {
        flags: " --env test".to_owned(),
        buildx: None,
        host: Some(Host { root: "/var/lib/docker".into(), memory: 2 << 30 }),
        free: Some(3 << 30),
        environment: Ok(Some(Contents {
            images: Some((vec![entry("slipway/backend:main", true)], vec![entry("redis:8", false)])),
            secrets: vec!["/repo/infra/secrets/test/postgres_password".into()],
            undecided: vec!["uploads".to_owned()],
            address: Err("port 8080 is taken by `nginx` (pid 7)\n\nhint: stop it, or choose another".to_owned()),
        })),
        containers: Ok(vec![sample("db", "running", Some("unhealthy"))]),
        ignored: Some(false),
        rust: Some("1.94.0".to_owned()),
        ..well()
    };
    let report = Report::new(all(&facts));
    assert!(!report.ok());
    insta::assert_snapshot!(report.render());
}

#[test]
fn without_an_engine_one_fix_mends_all() {
    let bare = Facts {
        trouble: Some(Trouble::NoClient),
        client: None,
        server: None,
        compose: None,
        buildx: None,
        host: None,
        free: None,
        environment: Ok(None),
        containers: Err("cannot run `docker`".to_owned()),
        ignored: None,
        ..well()
    };
    insta::assert_snapshot!(Report::new(all(&bare)).render());
}

#[test]
fn every_failure_has_a_fix_and_only_failures_have() {
    let stopped =
        Facts { trouble: Some(Trouble::NoEngine("no".to_owned())), server: None, host: None, containers: Err("no".to_owned()), ..well() };
    let wrong = Facts { environment: Err("`infra/env/x.toml` is not valid\n\nhint: the comments say".to_owned()), rust: None, ..well() };
    for check in [well(), stopped, wrong].iter().flat_map(all) {
        assert_eq!(check.ok, check.fix.is_none(), "{check:?}");
        assert_ne!(check.fix.as_deref(), Some(""), "{check:?}");
    }
}
