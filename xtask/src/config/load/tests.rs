//! The files of this repository, and what becomes of wrong ones.

use super::*;

fn infra() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")
}

#[test]
fn every_environment_of_this_repository_is_valid() {
    let names = Directory::of(&infra()).names();
    assert_eq!(names, ["bench", "bench-repository", "local", "production", "staging", "test"]);
    for name in names {
        load(&infra(), &name).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn the_base_file_says_of_every_setting_what_it_means() {
    let text = std::fs::read_to_string(Directory::of(&infra()).file(BASE)).expect("readable");
    // What each service may use is explained at the first one.
    let explained = text.split("[limits.frontend]").next().expect("text");
    let mut commented = false;
    let mut keys = 0;
    for line in explained.lines() {
        let is_key = !line.starts_with('#') && line.contains(" = ");
        assert!(!is_key || commented, "`{line}` has no comment above it");
        keys += usize::from(is_key);
        commented = line.starts_with('#') || (is_key && !commented);
    }
    assert!(keys > 20, "{keys} keys were looked at");
}

/// `decode` refuses a missing field, so `base.toml` alone has all of them; a field that may be missing would not be noticed.
#[test]
fn only_limits_may_be_left_out() {
    let source = include_str!("../environment.rs");
    let optional: Vec<&str> = source.lines().filter(|line| line.contains(": Option<") || line.contains("serde(default")).collect();
    assert_eq!(optional.len(), 4, "{optional:?}");
}

#[test]
fn plain_compose_has_the_defaults_of_the_base_file() {
    let text = std::fs::read_to_string(infra().join("compose.yaml")).expect("readable");
    let base = load(&infra(), "local").expect("valid").base;
    for (variable, value) in base.optional_variables() {
        let start = text.find(&format!("${{{variable}:-")).unwrap_or_else(|| panic!("`{variable}` has no default"));
        let default = text[start..].split_once(":-").and_then(|(_, rest)| rest.split_once('}')).expect("a default").0;
        assert_eq!(amount(default), amount(&value), "`{variable}`");
    }
}

/// A size in bytes, whoever writes it; other values as they are.
fn amount(text: &str) -> String {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit {
        "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return text.to_owned(),
    };
    (digits.parse::<u64>().expect("a number") << shift).to_string()
}

#[test]
fn what_differs_from_the_defaults_becomes_variables() {
    let Loaded { environment, base, .. } = load(&infra(), "staging").expect("valid");
    let variables = environment.variables("staging", &base);
    let lines: Vec<String> = variables.iter().map(|(key, value)| format!("{key}={value}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    BIND_ADDRESS=0.0.0.0
    CARGO_PROFILE=release
    COMPOSE_PROFILES=worker
    ENVIRONMENT=staging
    HSTS_SECONDS=0
    IMAGE_REPOSITORY=slipway
    LOG_LEVEL=info
    SECRETS_DIR=./secrets/staging
    SITE_HOSTS=staging.example.com localhost
    ");
}
