//! What is wrong with our own keys in the compose files: Compose passes them on without reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Develop, Exposed, Keep, Migrations, Model, Note};
use crate::config::decode::words;
use crate::config::problem::{Place, Problem, did_you_mean};
use crate::report::Failure;

/// The keys, with what reads each.
const KEYS: [(&str, Read); 8] = [
    ("x-develop", as_type::<Develop>),
    ("x-backup", as_type::<BTreeMap<String, Keep>>),
    ("x-secrets", as_type::<BTreeMap<String, Note>>),
    ("x-shell", as_type::<BTreeMap<String, Vec<String>>>),
    ("x-migrations", as_type::<Migrations>),
    ("x-tests", as_type::<BTreeMap<String, String>>),
    ("x-expose", as_type::<BTreeMap<String, Exposed>>),
    ("x-drill", as_type::<BTreeMap<String, String>>),
];

/// The path below the key and the library's message, where a value is not what it should be.
type Read = fn(&Value) -> Result<(), (Vec<String>, String)>;

fn as_type<T: DeserializeOwned>(value: &Value) -> Result<(), (Vec<String>, String)> {
    let error = match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let path = error.path().iter().map(ToString::to_string).filter(|step| step != "?").collect();
    Err((path, error.inner().to_string()))
}

/// A compose file: its path from the root of the checkout, and its text.
pub(super) type File = (String, String);

/// The compose files `files` in the directory `infra`.
pub(super) fn read(infra: &Path, files: &[PathBuf]) -> Vec<File> {
    let name = |file: &Path| format!("infra/{}", file.strip_prefix(infra).unwrap_or(file).display());
    files.iter().map(|file| (name(file), std::fs::read_to_string(file).unwrap_or_default())).collect()
}

/// Looks at the keys in `json`, which Compose made of `files`.
///
/// # Errors
/// With all values that are not what they should be.
pub(super) fn check_types(json: &Value, files: &[File]) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for (key, read) in KEYS {
        let Some(Err((mut path, message))) = json.get(key).map(read) else { continue };
        let text = match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(field) => {
                path.push(field.to_owned());
                "is missing".to_owned()
            }
            None => words(&message, path.last().map_or("", String::as_str)),
        };
        problems.push(problem(files, key, &path, text));
    }
    let given = json.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    for key in given.filter(|key| key.starts_with("x-") && KEYS.iter().all(|(known, _)| known != key)) {
        let near = did_you_mean(key, KEYS.map(|(known, _)| known));
        if !near.is_empty() {
            problems.push(problem(files, key, &[], format!("there is no such key{near} Another name for your own keys keeps them apart")));
        }
    }
    refuse(problems)
}

/// Looks at the services that the keys of `model` name.
///
/// # Errors
/// With all that are in none of `files`.
pub(super) fn check_services(model: &Model, files: &[File]) -> Result<(), Failure> {
    // Those whose profile is off are in the files alone.
    let known: BTreeSet<&str> =
        files.iter().flat_map(|(_, text)| services(text)).chain(model.services.keys().map(String::as_str)).collect();
    let mut named: Vec<(&str, Vec<&str>, &str)> = Vec::new();
    if let Some(develop) = &model.develop {
        named.push(("x-develop", vec!["builder"], &develop.builder));
        named.push(("x-develop", vec!["hub"], &develop.hub));
        named.extend(develop.programs.keys().map(|name| ("x-develop", vec!["programs", name], name.as_str())));
        named.extend(develop.reload.keys().map(|name| ("x-develop", vec!["reload", name], name.as_str())));
    }
    if let Some(migrations) = &model.migrations {
        named.push(("x-migrations", vec!["service"], &migrations.service));
        named.extend(migrations.sizes.iter().map(|sizes| ("x-migrations", vec!["sizes", "service"], sizes.service.as_str())));
    }
    named.extend(model.shells.keys().map(|name| ("x-shell", vec![name.as_str()], name.as_str())));
    let rotated = model.secret_notes.iter().filter_map(|(secret, note)| Some((secret, note.rotate.as_ref()?)));
    named.extend(rotated.map(|(secret, rotate)| ("x-secrets", vec![secret.as_str(), "rotate", "service"], rotate.service.as_str())));
    let unknown = named.into_iter().filter(|(.., name)| !known.contains(name));
    let problems = unknown.map(|(key, path, name)| {
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        problem(files, key, &path, format!("there is no service `{name}`{}", did_you_mean(name, known.iter().copied())))
    });
    refuse(problems.collect())
}

/// The services that the text of a compose file has.
fn services(text: &str) -> impl Iterator<Item = &str> {
    let section = text.lines().skip_while(|line| !line.starts_with("services:")).skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    section.filter_map(|line| {
        line.strip_prefix("  ").filter(|line| !line.starts_with([' ', '#', '-']))?.split_once(':').map(|(name, _)| name.trim())
    })
}

fn problem(files: &[File], key: &str, path: &[String], text: String) -> Problem {
    let dotted = std::iter::once(key).chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(".").replace(".[", "[");
    Problem { place: place(files, key, path), key: dotted, text }
}

/// The line that the last known step of `path` is on, in the file that has `key`; of several files, in the last one that has that step.
fn place(files: &[File], key: &str, path: &[String]) -> Option<Place> {
    let mut best: Option<(usize, Place)> = None;
    for (file, text) in files {
        let mut lines = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with(&format!("{key}:")));
        let Some((first, line)) = lines.next() else { continue };
        let section: Vec<(usize, &str)> = std::iter::once((first, &line[key.len() + 1..]))
            .chain(lines.take_while(|(_, line)| line.is_empty() || line.starts_with([' ', '#', '}', ']'])))
            .collect();
        let (mut at, mut depth) = (0, 0);
        for step in path {
            let names = |line: &str| {
                line.trim_start().trim_start_matches('#').split([' ', '{', ',', '"', '\'']).any(|word| word == format!("{step}:"))
            };
            let Some(found) = section[at..].iter().position(|(_, line)| !line.trim_start().starts_with('#') && names(line)) else { break };
            (at, depth) = (at + found, depth + 1);
        }
        if best.as_ref().is_none_or(|(before, _)| depth >= *before) {
            best = Some((depth, Place { file: file.clone(), line: section[at].0 + 1 }));
        }
    }
    best.map(|(_, place)| place)
}

fn refuse(mut problems: Vec<Problem>) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    let failure = Failure::new("the compose files have keys of ours that cannot be used");
    let failure = problems.iter().fold(failure, |failure, problem| failure.detail(problem.to_string()));
    Err(failure
        .hint("fix them and run the command again; the comments in infra/compose.yaml and docs/development.md say what each key takes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "# x-develop: none\nservices:\n  builder:\n    image: a\n  hub: {}\n  # no: service\n  proxy:\n    image: b\nx-shell:\n  db: [\"psql\"]\n\
        x-develop:\n  # builder: old\n  builder: builder\n  hub: hub\n  programs: {}\n  reload:\n    proxy:\n      check: [\"a\"]\n      chek: [\"a\"]\nvolumes:\n  builder:\n";

    fn said(json: &str) -> String {
        let files =
            [("infra/compose.yaml".to_owned(), YAML.to_owned()), ("infra/compose.dev.yaml".to_owned(), "services: {}\n".to_owned())];
        let json: Value = serde_json::from_str(json).expect("JSON");
        let checked = check_types(&json, &files).and_then(|()| {
            let model: Model = serde_json::from_value(json).expect("a model");
            check_services(&model, &files)
        });
        checked.err().map_or_else(|| "right\n".to_owned(), |failure| format!("{failure}\n"))
    }

    #[test]
    fn each_mistake_names_file_key_and_what_it_may_be() {
        let develop = |more: &str| format!(r#"{{"services":{{}},"x-develop":{{"builder":"builder","hub":"hub"{more}}}}}"#);
        let cases = [
            ("right", develop(r#","programs":{"proxy":"proxy"}"#)),
            ("a key that is missing", develop("")),
            ("an unknown key", develop(r#","programs":{},"bulder":"x""#)),
            ("an unknown key further in", develop(r#","programs":{},"reload":{"proxy":{"check":["a"],"chek":["a"]}}"#)),
            ("text for a list", develop(r#","programs":{},"reload":{"proxy":{"check":"nginx -t"}}"#)),
            ("a list for a map", develop(r#","programs":["backend"]"#)),
            ("a number in a list", develop(r#","programs":{},"reload":{"proxy":{"check":["a",1]}}"#)),
            ("nothing at all", r#"{"services":{},"x-develop":null}"#.to_owned()),
            ("a service that does not exist", r#"{"services":{},"x-develop":{"builder":"bilder","hub":"hub","programs":{"nobody":"a"},"reload":{"nobody":{"check":[]}}}}"#.to_owned()),
            ("a kind that there is not", r#"{"services":{},"x-backup":{"media":{"kind":"postgress"}}}"#.to_owned()),
            ("a command as text", r#"{"services":{},"x-shell":{"db":"psql"}}"#.to_owned()),
            ("a shell in no service", r#"{"services":{},"x-shell":{"dbb":["psql"]}}"#.to_owned()),
            ("a secret", r#"{"services":{},"x-secrets":{"a":{"kind":"randm"},"b":{"rotate":{"service":"hub"}}}}"#.to_owned()),
            ("a rotation elsewhere", r#"{"services":{},"x-secrets":{"a":{"rotate":{"service":"hubb","command":[]}}}}"#.to_owned()),
            ("migrations", r#"{"services":{},"x-migrations":{"service":"hub","up":[],"status":[],"revert":[]}}"#.to_owned()),
            ("a number for a variable", r#"{"services":{},"x-tests":{"PORT":1},"x-drill":{"A":true}}"#.to_owned()),
            ("an address", r#"{"services":{},"x-expose":{"db":{"conect":"x"}}}"#.to_owned()),
            ("a key that is nearly ours", r#"{"services":{},"x-develp":{},"x-program":{}}"#.to_owned()),
        ];
        let said: String = cases.iter().map(|(case, json)| format!("# {case}\n{}\n", said(json).replace("\n\nhint: fix them and run the command again; the comments in infra/compose.yaml and docs/development.md say what each key takes", ""))).collect();
        insta::assert_snapshot!(said);
    }
}
