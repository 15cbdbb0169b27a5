//! Suites with mistakes, and what is said of each.

use std::time::Duration;

use super::*;
use crate::choose::choose;
use crate::facts::tests::here;

/// Within so long the guard notices what hangs, and restarts it.
const HEALED: Duration = Duration::from_secs(10);

fn facts() -> Facts {
    let values = [("environment".to_owned(), "local".to_owned())].into();
    Facts { values, ..here(&["backend", "db"]) }
}

fn refused(text: &str) -> String {
    parse(text, &facts()).expect_err("it has mistakes").join("\n")
}

#[test]
fn the_suite_of_this_repository_is_right() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/smoke.toml");
    let mut facts = facts();
    facts.values.insert("MAX_ATTACHMENT_BYTES".to_owned(), "1".to_owned());
    let suite = read(Path::new(file), &facts).expect("valid");
    // Mail is caught, and shown by the proxy, in development only.
    let asked = |services: &[&str]| {
        let (checks, _) = choose(file, &suite, &["mail".to_owned()].into(), &here(services)).ok()?;
        Some(checks.into_iter().filter_map(|check| check.component).collect::<Vec<_>>())
    };
    assert_eq!(asked(&["hub", "mail"]), Some(vec!["mail".to_owned()]));
    assert_eq!((asked(&["hub"]), asked(&["mail"])), (None, None));
    // So is the hub, which no other check would notice to hang.
    let hub = suite.checks.iter().find(|check| check.component.as_deref() == Some("hub")).expect("it is asked");
    assert!(hub.request.is_some() && hub.with == ["hub".to_owned()].into(), "{hub:?}");
    // Whoever tried as long as that would find what hung healed, and say that nothing was wrong.
    let retries = suite.journeys.iter().flat_map(|journey| &journey.steps).chain(&suite.checks).filter_map(|check| check.retry);
    assert!(retries.max() < Some(HEALED), "the guard is faster");
}

#[test]
fn all_wrong_values_are_named_at_once() {
    insta::assert_snapshot!("values", refused(include_str!("values.toml")));
}

#[test]
fn all_that_does_not_fit_together_is_named_at_once() {
    insta::assert_snapshot!("together", refused(include_str!("together.toml")));
}

#[test]
fn a_file_without_a_question_is_told_so() {
    let said = [refused(""), refused("# nothing\n"), refused("[defaults]\ntimeout = '1s'\n"), refused("[components.a]\n")];
    assert!(said.iter().all(|text| text == &said[0]), "{said:#?}");
    insta::assert_snapshot!("empty", said[0]);
}

#[test]
fn what_is_no_list_or_table_has_nothing_that_follows_from_it() {
    insta::assert_snapshot!("kinds", refused("check = 5\ncomponents = 1\n[journey]\nname = 'x'\n"));
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    insta::assert_snapshot!("syntax", refused("[components.a]\n[[check]\nname = 'x'\n"));
}

#[test]
fn a_file_that_is_wrong_or_not_there_is_refused_with_what_to_do() {
    let missing = read(Path::new("no/such.toml"), &facts()).expect_err("it is not there");
    let dir = std::env::temp_dir().join(format!("smoke-read-{}.toml", std::process::id()));
    std::fs::write(&dir, "").expect("written");
    let empty = read(&dir, &facts()).expect_err("it is empty").to_string().replace(&dir.display().to_string(), "empty.toml");
    std::fs::remove_file(&dir).expect("removed");
    insta::assert_snapshot!("refusals", format!("{missing}\n----\n{empty}"));
}

#[test]
fn services_are_only_known_on_this_machine() {
    let text = "[components.a]\n[[check]]\nname = 'x'\ncomponent = 'a'\nservice = 'mail'\nwhen = 'here'\n";
    assert!(refused(text).contains("the service `mail`"), "{}", refused(text));
    assert!(parse(text, &Facts { services: None, ..facts() }).is_ok());
}
