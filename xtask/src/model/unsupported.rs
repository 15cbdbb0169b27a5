//! What Compose accepts and Slipway refuses, because it would break a stack or be ignored without a word. Pure.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::images;

/// An attribute that a start refuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Where it is, as in `services.web.container_name`.
    pub(crate) path: String,
    reason: String,
    /// What to do instead.
    fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}; {}", self.path, self.reason, self.fix)
    }
}

/// What is refused in every service that has it: the attribute, why, and what to do instead.
const OF_SERVICE: [(&str, &str, &str); 7] = [
    (
        "container_name",
        "an engine has each container name once, so a second instance of the stack cannot start",
        "remove it: commands and other services use the name of the service",
    ),
    (
        "models",
        "Compose asks a model runner for them, and Slipway starts containers only",
        "run the model in a service of its own and pass its address in `environment`",
    ),
    (
        "post_start",
        "Compose runs these commands only in containers that it starts itself, and Slipway starts containers",
        "run them from the `entrypoint` of the image",
    ),
    (
        "pre_start",
        "Compose runs these commands only before it starts a container itself, and Slipway starts containers",
        "make a service of them that this one waits for with `condition: service_completed_successfully`",
    ),
    (
        "pre_stop",
        "Compose runs these commands only in containers that it stops itself, and Slipway stops containers too",
        "let the program do it when it gets `stop_signal`, within `stop_grace_period`",
    ),
    (
        "provider",
        "Compose asks a plugin for the service, and Slipway starts containers only",
        "run it outside the stack and pass its address to other services in `environment`",
    ),
    (
        "use_api_socket",
        "Compose copies credentials into containers only when it starts them itself, and Slipway starts containers",
        "mount the socket of the engine under `volumes`, and the credentials as a secret",
    ),
];

/// What an entry of the top-level `secrets` or `configs` has that is no file: the attribute and why it is refused.
const OF_FILES: [(&str, &str); 5] = [
    ("content", "newer versions of Compose write it only into containers that they start themselves, and Slipway starts containers"),
    ("driver", "only Swarm has drivers for it"),
    ("environment", "newer versions of Compose write it only into containers that they start themselves, and Slipway starts containers"),
    ("external", "only Swarm keeps it outside a project"),
    ("template_driver", "only Swarm fills in templates"),
];

/// The problems of `model`, as Compose prints it, in the order of their paths. `here` says whether the engine has an image.
pub(crate) fn problems(model: &Value, here: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut found = Vec::new();
    let image = |service: &Value| service["image"].as_str().map(images::tagged);
    let built = entries(model, "services").filter(|(_, service)| is_set(&service["build"]));
    let built: BTreeSet<String> = built.filter_map(|(_, service)| image(service)).collect();
    for (name, service) in entries(model, "services") {
        let missing = image(service).filter(|image| !is_set(&service["build"]) && !built.contains(image) && !here(image));
        of_service(&format!("services.{name}"), service, missing.as_deref(), &mut found);
    }
    for kind in ["configs", "secrets"] {
        for (name, entry) in entries(model, kind) {
            for (key, reason) in OF_FILES.iter().filter(|(key, _)| is_set(&entry[*key])) {
                found.push(problem(format!("{kind}.{name}.{key}"), *reason, "put the content into a file and name it with `file`"));
            }
        }
    }
    of_names(model, &mut found);
    found.sort();
    found
}

/// Those of one service; `missing` is its image where Slipway would have to pull it.
fn of_service(path: &str, service: &Value, missing: Option<&str>, found: &mut Vec<Problem>) {
    for (key, reason, fix) in OF_SERVICE {
        if is_set(&service[key]) {
            found.push(problem(format!("{path}.{key}"), reason, fix));
        }
    }
    if service["network_mode"] == "host" && is_set(&service["ports"]) {
        found.push(problem(
            format!("{path}.network_mode"),
            "the engine publishes no `ports` of a container that uses the network of the host",
            "remove `ports`, or `network_mode`",
        ));
    }
    let policy = service["pull_policy"].as_str().unwrap_or_default();
    let refused = match (policy, missing) {
        ("" | "missing" | "if_not_present", _) | ("never", None) => None,
        ("never", Some(image)) => {
            Some((format!("it is `never`, and the image `{image}` is not on this engine"), "load the image, or remove `pull_policy`"))
        }
        ("build", _) => Some((
            "it is `build`, and Slipway builds only images that the engine does not have".to_owned(),
            "remove it; `cargo xtask up --build` builds all",
        )),
        (policy, _) => Some((
            format!("it is `{policy}`, and Slipway pulls only images that the engine does not have"),
            "remove it; `docker image pull` and then `cargo xtask up` replace an image",
        )),
    };
    found.extend(refused.map(|(reason, fix)| problem(format!("{path}.pull_policy"), reason, fix)));
    if let (Some(platform), Some(image)) = (service["platform"].as_str(), missing) {
        found.push(problem(
            format!("{path}.platform"),
            format!("Slipway pulls images for the platform of the engine, and `{image}` is not on it yet"),
            format!("run `docker image pull --platform {platform} {image}` first"),
        ));
    }
    for mount in service["volumes"].as_array().into_iter().flatten() {
        let target = mount["target"].as_str().unwrap_or_default();
        if let Some(kind @ ("cluster" | "npipe")) = mount["type"].as_str() {
            found.push(problem(
                format!("{path}.volumes.type"),
                format!("`{kind}` at `{target}` exists only in {}", if kind == "npipe" { "containers of Windows" } else { "Swarm" }),
                "use `volume` or `bind`",
            ));
        }
    }
}

/// Volumes and networks that two instances would share.
fn of_names(model: &Value, found: &mut Vec<Problem>) {
    let project = model["name"].as_str().unwrap_or_default();
    for (kind, effect) in [("networks", "requests for a service reach the others as well"), ("volumes", "they share their data")] {
        for (key, entry) in entries(model, kind) {
            let name = entry["name"].as_str().unwrap_or(key);
            if !is_set(&entry["external"]) && entry["name"].is_string() && !has_word(name, project) {
                found.push(problem(
                    format!("{kind}.{key}.name"),
                    format!("all instances of the stack have the name `{name}`, so {effect}"),
                    "remove it, or begin it with `${COMPOSE_PROJECT_NAME}`",
                ));
            }
        }
    }
    let kept = |volume: &str| {
        entries(model, "x-backup").any(|(part, keep)| keep["volume"].as_str().unwrap_or(part) == volume && keep["kind"] != "none")
    };
    for (key, _) in entries(model, "volumes").filter(|(key, volume)| is_set(&volume["external"]) && kept(key)) {
        found.push(problem(
            format!("volumes.{key}.external"),
            "`x-backup` names it, and a restore would overwrite data that does not belong to this stack",
            "remove `external`, or set `kind: none` in `x-backup`",
        ));
    }
}

/// Whether `name` has `word` in it, and not as a part of a longer one: that may be another instance.
fn has_word(name: &str, word: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    name.match_indices(word).any(|(at, _)| ends(name[..at].chars().next_back()) && ends(name[at + word.len()..].chars().next()))
}

fn problem(path: String, reason: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem { path, reason: reason.into(), fix: fix.into() }
}

fn entries<'a>(model: &'a Value, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    model[kind].as_object().into_iter().flatten().map(|(name, entry)| (name.as_str(), entry))
}

/// Whether a file said something with it: Compose prints empty values for what no file has.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

#[cfg(test)]
pub(super) mod tests;
