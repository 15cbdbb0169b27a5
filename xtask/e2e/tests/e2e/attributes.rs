//! The attributes that the installed Compose prints: each is in the list that `docs/compose.md` explains. Needs Compose, and no engine.

#[path = "../../../src/model/attributes.rs"]
mod list;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What a Compose says that is too old for an attribute or one of its values.
const TOO_OLD: [&str; 3] = ["is not allowed", "must be one of the following", "unsupported env_file format"];

/// A file for each way to use attributes.
fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/attributes"))
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixtures().join(name)).unwrap()).unwrap()
}

#[allow(clippy::disallowed_methods)]
fn compose(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.arg("compose").args(args).args(["--profile", "*", "config", "--format", "json"]).current_dir(dir);
    command
}

/// The keys of what Compose printed that are not in the list.
fn unknown(output: &Output) -> BTreeSet<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let model = serde_json::from_slice(&output.stdout).expect("Compose prints JSON");
    list::paths(&model).into_iter().filter(|(_, path)| path.is_none()).map(|(key, _)| key).collect()
}

#[test]
fn the_fixtures_use_each_attribute() {
    let models = [read("everything.json"), read("newer.json")];
    let keys = models.iter().flat_map(|model| match model {
        Value::Array(models) => models.iter().flat_map(list::paths).collect::<Vec<_>>(),
        model => list::paths(model).into_iter().collect(),
    });
    let used: BTreeSet<String> = keys.map(|(key, path)| path.unwrap_or_else(|| panic!("`{key}` is not in the list"))).collect();
    let unused: Vec<&str> = list::PATHS.lines().filter(|path| !used.contains(*path)).collect();
    assert!(unused.is_empty(), "no file in {} uses {unused:#?}", fixtures().display());
}

#[test]
fn the_installed_compose_prints_no_attribute_that_is_not_listed() {
    let all = compose(fixtures(), &["--file", "everything.json"]).output().unwrap();
    assert_eq!(unknown(&all), BTreeSet::new());
    let dir = std::env::temp_dir().join(format!("slipway-attributes-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for (index, model) in read("newer.json").as_array().unwrap().iter().enumerate() {
        let file = dir.join(format!("{index}.json"));
        std::fs::write(&file, model.to_string()).unwrap();
        let here = fixtures().to_str().unwrap();
        let output = compose(&dir, &["--project-directory", here, "--file", file.to_str().unwrap()]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            assert_eq!(unknown(&output), BTreeSet::new(), "{model}");
        } else {
            assert!(TOO_OLD.iter().any(|reason| said.contains(reason)), "{model}: {said}");
            eprintln!("not in this Compose: {}", said.trim());
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_compose_files_of_this_repository_have_listed_attributes_only() {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").join("infra");
    let names = std::fs::read_dir(&infra).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = names.filter(|name| name.starts_with("compose.") && name.ends_with(".yaml")).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in &files {
        let base: &[&str] = if file == "compose.yaml" { &[] } else { &["--file", "compose.yaml"] };
        let output = compose(&infra, &[base, &["--file", file]].concat()).output().unwrap();
        assert_eq!(unknown(&output), BTreeSet::new(), "{file}");
    }
}
