//! A machine that is well, with a stack that runs.

use std::path::Path;

use crate::config::environment::Environment;
use crate::config::load;
use crate::data::store::tests::backup;
use crate::doctor::Facts;
use crate::doctor::facts::{Checkout, Contents, Data, Elsewhere, Engine, Images, Inotify, LookUp, Machine, Running, Waste};
use crate::engine::containers::{Container, tests::sample};
use crate::images::inventory::{Entry, Facts as ImageFacts};
use crate::migrations::drift;
use crate::model::tests::sample as model;
use crate::ports::Address;
use crate::secrets::State;

/// An image, here or missing.
pub(super) fn entry(image: &str, here: bool) -> Entry {
    let facts = here.then(|| ImageFacts { id: "0123".to_owned(), size: "1MB".to_owned(), age: "1 day ago".to_owned() });
    Entry { image: image.to_owned(), facts, purpose: "builds".to_owned() }
}

/// One of the environments of this repository.
pub(super) fn environment(name: &str) -> Environment {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("infra");
    load::load(&infra, name).map(|loaded| loaded.environment).expect("valid")
}

/// A container that is well.
pub(super) fn container(service: &str) -> Container {
    let (status, health) = if service == "migrate" { ("exited", None) } else { ("running", Some("healthy")) };
    let mut container = sample(service, status, health);
    container.restart_count = 0;
    container
}

/// What the engine says of its host where everything is well.
pub(super) fn host(memory: u64) -> crate::doctor::facts::Host {
    let json = serde_json::json!({
        "DockerRootDir": "/var/lib/docker", "MemTotal": memory, "NCPU": 4, "CgroupVersion": "2",
        "MemoryLimit": true, "CpuCfsQuota": true, "PidsLimit": true
    });
    serde_json::from_value(json).expect("valid")
}

/// Everything as it should be.
pub(super) fn well() -> Facts {
    let text = |text: &str| Some(text.to_owned());
    let model = model();
    let containers = model.services.keys().map(|service| container(service)).collect();
    let mut backup = backup("20261121T220000Z");
    backup.verified_at = text("2026-11-21T23:00:00Z");
    Facts {
        flags: String::new(),
        environment: Ok(environment("local")),
        engine: Engine {
            trouble: None,
            hangs: false,
            client: text("28.2.2"),
            server: text("26.1.5"),
            compose: Ok(text("2.26.1")),
            buildx: Ok(text("v0.13.1")),
            host: Ok(host(8 << 30)),
            ahead: Some(0),
            free: Some(50 << 30),
            waste: Ok(Waste { images: 0, cache: 4_000_000_000 }),
            checkouts: Some(Ok(vec![Elsewhere { project: "slipway".to_owned(), directory: "/repo/infra".into(), there: true }])),
        },
        machine: Machine {
            inotify: Some(Inotify { watches: 524_288, instances: 1024 }),
            localhost: Ok(vec![[127, 0, 0, 1].into()]),
            name_server: Some(([192, 0, 2, 1].into(), true)),
        },
        checkout: Checkout {
            exposed: Ok(Some(Vec::new())),
            committed: Ok(Vec::new()),
            past: Ok(Vec::new()),
            open: None,
            open_override: None,
            closed: Vec::new(),
            unwritable: Vec::new(),
            pinned: text("1.95.0"),
            rust: Ok("1.95.0".to_owned()),
        },
        contents: Ok(Contents {
            model,
            images: Ok(Images {
                own: vec![entry("slipway/backend:main", false)],
                bases: vec![entry("redis:8", true)],
                outdated: Ok(Vec::new()),
            }),
            secrets: vec![("postgres_password".to_owned(), State::Good)],
        }),
        running: Running {
            containers: Ok(containers),
            foreign: None,
            address: Ok(Ok(Address::sample())),
            migrations: Some(Ok(drift::parse("applied 1 a\napplied 2 b\n"))),
            look_up: Some(Ok(LookUp { name: "backend".to_owned(), found: Some(true) })),
            guarded: true,
            attached: false,
        },
        data: Some(Data {
            directory: "/repo/backups/slipway".into(),
            writable: true,
            obstacle: None,
            backups: Ok(vec![backup]),
            // 2026-11-22T00:00:00Z
            interrupted: None,
            now: 1_795_305_600,
        }),
    }
}
