//! What the development loop needs beside a stack: a builder, a hub, and a `cargo` that knows of no package.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{Checkout, write};

impl Checkout {
    /// With the development loop; `services` are looked after by rules of their own (`develop.watch`).
    pub(crate) fn looping(mut self, services: &[(&str, Value)]) -> Self {
        self.model["x-develop"] = json!({ "builder": "builder", "hub": "hub", "programs": {} });
        let foreign = services.iter().map(|(name, watch)| (*name, json!({ "image": "redis:8", "develop": { "watch": watch } })));
        for (name, service) in
            [("builder", json!({ "image": "redis:8" })), ("hub", json!({ "image": "redis:8" }))].into_iter().chain(foreign)
        {
            self.model["services"][name] = service;
            for (file, text) in [("image", "redis:8\n"), ("behaviour", "healthy\n"), ("check", "\n"), ("log", "")] {
                self.of_service(name, file, text);
            }
            self.idle_service(name);
        }
        let cargo = self.dir.path().join("bin/cargo");
        write(&cargo, &format!("#!/bin/sh\necho '{}'\n", json!({ "packages": [], "workspace_root": self.root() })));
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).expect("a program");
        self
    }

    /// The engine tells of these events of the container of `service`: an action, and what belongs to it (`die exitCode=1`).
    pub(crate) fn happens(&self, service: &str, events: &[&str]) {
        let mut file = std::fs::File::options().append(true).open(self.dir.path().join("engine/events")).expect("the events");
        for event in events {
            let (action, more) = event.split_once(' ').unwrap_or((event, ""));
            let mut attributes = json!({ "name": format!("slipway-{service}-1"), "com.docker.compose.service": service });
            if let Some((key, value)) = more.split_once('=') {
                attributes[key] = value.into();
            }
            let line = json!({ "Type": "container", "Action": action, "Actor": { "ID": format!("c-slipway-{service}"), "Attributes": attributes } });
            writeln!(file, "{line}").expect("written");
        }
    }
}
