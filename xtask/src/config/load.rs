//! An environment from its files: read, merged, typed, and checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::decode::decode;
use super::environment::Environment;
use super::layers::{BASE, Directory, Layers, shown};
use super::problem::{Problem, did_you_mean, refusal};
use super::references::references;
use crate::images::tag;
use crate::report::Failure;

/// The least memory that the engine takes as a limit.
const LEAST_MEMORY: u64 = 6 << 20;

/// What an environment's files say.
pub(crate) struct Loaded {
    /// The environment.
    pub(crate) environment: Environment,
    /// What it would be if it said nothing of its own.
    pub(crate) base: Environment,
    /// Where each value was said.
    pub(crate) layers: Layers,
}

/// The environment `name` of the settings in `infra`.
///
/// # Errors
/// When there is no such environment, or something in its files is wrong: all of it, each with file, line, key and what would be right.
pub(crate) fn load(infra: &Path, name: &str) -> Result<Loaded, Failure> {
    let directory = Directory::of(infra);
    if name == BASE || !directory.file(name).is_file() {
        return Err(unknown(&directory, name));
    }
    let mut problems = Vec::new();
    let layers = directory.read(name, &mut problems);
    if layers.torn {
        return Err(refusal(name, problems));
    }
    let environment = decode::<Environment>(&layers, &mut problems);
    if let Some(environment) = &environment {
        check(environment, infra, name, &mut |key: &str, text: String| {
            problems.push(Problem { place: layers.place(key), key: key.to_owned(), text });
        });
    }
    let base = decode::<Environment>(&Layers { tree: layers.base.clone(), ..layers.clone() }, &mut problems);
    match (environment, base) {
        (Some(environment), Some(base)) if problems.is_empty() => Ok(Loaded { environment, base, layers }),
        _ => Err(refusal(name, problems)),
    }
}

fn unknown(directory: &Directory, name: &str) -> Failure {
    let names = directory.names();
    let reason = if name == BASE {
        "`base` is what every environment builds on, and none itself".to_owned()
    } else {
        let near = did_you_mean(name, names.iter().map(String::as_str));
        format!("there is no environment `{name}`: `{}` does not exist{near}", shown(name))
    };
    let failure = Failure::new(reason).hint(format!("environments here: {}", names.join(", ")));
    if name == BASE { failure } else { failure.hint(format!("`cargo xtask env new {name} --from local` makes it")) }
}

fn check(environment: &Environment, infra: &Path, name: &str, refuse: &mut impl FnMut(&str, String)) {
    let text = check_files(environment, infra, refuse);
    let proxy = &environment.proxy;
    if environment.tls.is_on() && proxy.port == proxy.https_port {
        refuse("proxy.https_port", format!("is {}, and so is `proxy.port`: choose another one", proxy.port.0));
    }
    if !(1..=100).contains(&environment.logs.max_files) {
        refuse("logs.max_files", format!("`{}` is out of range: choose one from 1 to 100", environment.logs.max_files));
    }
    if environment.logs.max_size.0 < 64 << 10 {
        refuse("logs.max_size", "is too small to find anything in: choose 64KB or more".to_owned());
    }
    check_limits(environment, refuse);
    // What files that cannot be read would take is not known.
    if let Some(text) = text {
        let taken = references(&text).into_iter().map(|(name, _)| name).collect();
        check_limited(environment, &taken, refuse);
        check_variables(environment, name, &taken, refuse);
    }
}

/// The text of all compose files; nothing where one cannot be used.
fn check_files(environment: &Environment, infra: &Path, refuse: &mut impl FnMut(&str, String)) -> Option<String> {
    let mut text = Some(String::new());
    let mut refuse = |reason: String| refuse("compose.files", reason);
    if environment.compose.files.is_empty() {
        refuse("is empty: name at least \"compose.yaml\"".to_owned());
        return None;
    }
    for file in environment.files() {
        let mut parts = Path::new(&file).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        let content = if plain {
            std::fs::read_to_string(infra.join(&file)).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    let near = compose_files(infra);
                    format!("there is no `infra/{file}`{}", did_you_mean(&file, near.iter().map(String::as_str)))
                }
                _ => format!("`infra/{file}` cannot be read: {error}"),
            })
        } else {
            Err(format!("`{file}`: name files of `infra/` without a directory"))
        };
        match content {
            Ok(content) => text = text.map(|text| text + &content),
            Err(reason) => {
                refuse(reason);
                text = None;
            }
        }
    }
    text
}

fn check_limits(environment: &Environment, refuse: &mut impl FnMut(&str, String)) {
    for (service, limits) in &environment.limits {
        let key = |field: &str| format!("limits.{service}.{field}");
        for (field, size) in [("memory", limits.memory), ("memory_reservation", limits.memory_reservation)] {
            if size.is_some_and(|size| size.0 < LEAST_MEMORY) {
                refuse(&key(field), "is out of range: the engine takes 6MB or more".to_owned());
            }
        }
        if limits.memory.zip(limits.memory_reservation).is_some_and(|(most, least)| least > most) {
            refuse(&key("memory_reservation"), format!("is more than `{}`: nothing can be kept beyond the limit", key("memory")));
        }
    }
}

/// Refuses limits that would not limit anything.
fn check_limited(environment: &Environment, taken: &BTreeSet<String>, refuse: &mut impl FnMut(&str, String)) {
    let services: BTreeSet<String> = taken.iter().filter_map(|name| Some(name.strip_suffix("_CPUS")?.to_lowercase())).collect();
    for (service, limits) in &environment.limits {
        let unused: Vec<String> = limits.variables(service).map(|(variable, _)| variable).filter(|name| !taken.contains(name)).collect();
        if !unused.is_empty() {
            let known = services.iter().map(String::as_str).filter(|known| known != service);
            refuse(&format!("limits.{service}"), format!("no compose file takes {}{}", dollars(&unused), did_you_mean(service, known)));
        }
    }
}

fn check_variables(environment: &Environment, name: &str, taken: &BTreeSet<String>, refuse: &mut impl FnMut(&str, String)) {
    let mut made = environment.own_variables(name);
    made.extend(Environment { variables: BTreeMap::new(), ..environment.clone() }.optional_variables());
    let of_start = ["HTTP_PORT", "HTTPS_PORT", "PUBLIC_URL", "IMAGE_TAG", "CA_BUNDLE"];
    let of_start = of_start.iter().chain(&tag::VARIABLES);
    for variable in environment.variables.keys() {
        let key = format!("variables.{variable}");
        if made.contains_key(variable) || of_start.clone().any(|name| name == variable) {
            refuse(&key, "is made from other keys, which say what it may be".to_owned());
        } else if !taken.contains(variable) {
            let near = did_you_mean(variable, taken.iter().map(String::as_str));
            refuse(&key, format!("no compose file takes it{near}; there it is `${{{variable}}}`"));
        }
    }
}

fn compose_files(infra: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(infra).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.ends_with(".yaml")).collect()
}

fn dollars(names: &[String]) -> String {
    names.iter().map(|name| format!("`${{{name}}}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
