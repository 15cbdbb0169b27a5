//! docs/compose.md against the specification, the refusals and the tests that it names; and the walk through a model that both rest on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::json;

use super::{attributes, unsupported};

/// A row of a table of the page.
struct Row {
    path: String,
    class: String,
    text: String,
    test: String,
}

/// The rows that wait for the test of a change that is not here yet; the name of the test takes the place of the dash.
const WITHOUT_TEST: [&str; 4] =
    ["services.*.develop.watch.exec", "services.*.develop.watch.initial_sync", "services.*.logging", "services.*.logging.driver"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/compose.md")).expect("readable")
}

/// The rows about attributes: those whose first cell is code with nothing behind it, and whose second is a class.
fn rows(page: &str) -> Vec<Row> {
    let row = Regex::new(r"(?m)^\| `([^`]+)` \| (passed on|understood|refused) \|(.*)\| (?:`([a-z0-9_]+)`|–) \|$").expect("an expression");
    let text = |found: Option<regex_lite::Match<'_>>| found.map(|found| found.as_str().to_owned()).unwrap_or_default();
    row.captures_iter(page)
        .map(|found| Row {
            path: text(found.get(1)),
            class: text(found.get(2)),
            text: text(found.get(3)).trim().to_owned(),
            test: text(found.get(4)),
        })
        .collect()
}

/// The path in the specification of one in a model: `services.web.image` is `services.*.image`.
fn general(path: &str) -> String {
    path.split('.').enumerate().map(|(index, part)| if index == 1 { "*" } else { part }).collect::<Vec<_>>().join(".")
}

#[test]
fn the_page_has_a_row_for_each_attribute_and_no_other() {
    let rows = rows(&page());
    let listed: BTreeSet<&str> = attributes::PATHS.lines().collect();
    let explained: BTreeSet<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    let missing: Vec<_> = listed.difference(&explained).collect();
    let extra: Vec<_> = explained.difference(&listed).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "docs/compose.md has no row for {missing:#?}, and attributes.txt does not have {extra:#?}"
    );
    assert_eq!(rows.len(), explained.len(), "an attribute has two rows");
    assert_eq!(listed.len(), attributes::PATHS.lines().count(), "attributes.txt has a path twice");
}

#[test]
fn the_page_counts_its_rows() {
    let page = page();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    rows(&page).into_iter().for_each(|row| *counts.entry(row.class).or_default() += 1);
    let total: usize = counts.values().sum();
    let line = format!(
        "{total} attributes: {} passed on, {} understood, {} refused.",
        counts["passed on"], counts["understood"], counts["refused"]
    );
    assert!(page.contains(&line), "docs/compose.md does not say: {line}");
}

#[test]
fn the_page_has_the_text_of_each_refusal() {
    let rows = rows(&page());
    let mut refused: BTreeSet<String> = BTreeSet::new();
    for problem in unsupported::tests::refused() {
        let path = general(&problem.path);
        let row = rows.iter().find(|row| row.path == path).unwrap_or_else(|| panic!("docs/compose.md has no row for {path}"));
        assert!(row.text.contains(&problem.to_string()), "docs/compose.md does not have this text at `{path}`: {problem}");
        refused.insert(path);
    }
    let listed: BTreeSet<String> = rows.into_iter().filter(|row| row.class == "refused").map(|row| row.path).collect();
    assert_eq!(listed, refused, "the rows that docs/compose.md calls refused, and what is refused");
}

/// The names of all tests below `dir`.
fn tests(dir: PathBuf, name: &Regex, found: &mut BTreeSet<String>) {
    for path in std::fs::read_dir(dir).expect("readable").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            tests(path, name, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("readable");
            found.extend(name.captures_iter(&text).filter_map(|test| Some(test.get(1)?.as_str().to_owned())));
        }
    }
}

#[test]
fn the_tests_that_the_page_names_exist() {
    let name = Regex::new(r"#\[(?:tokio::)?test\]\s*(?:async )?fn ([a-z0-9_]+)\(").expect("an expression");
    let mut found = BTreeSet::new();
    for dir in ["xtask/src", "xtask/tests", "xtask/e2e/tests"] {
        tests(root().join(dir), &name, &mut found);
    }
    for row in rows(&page()) {
        let dash = row.class == "passed on" || WITHOUT_TEST.contains(&row.path.as_str());
        assert_eq!(row.test.is_empty(), dash, "docs/compose.md: `{}`, which is {}", row.path, row.class);
        assert!(row.test.is_empty() || found.contains(&row.test), "docs/compose.md names the test `{}`, which does not exist", row.test);
    }
}

#[test]
fn keys_have_the_paths_of_the_specification() {
    let model = json!({
        "name": "a",
        "services": { "name": {
            "blkio_config": { "weight_device": [{ "Path": "/dev/sda" }] },
            "labels": { "any.name": "a", "x-more": "b" },
            "ports": [{ "target": 80 }, { "target": 81, "lane": 1 }],
            "shape": { "round": true },
            "x-own": { "image": "a" }
        } },
        "x-shell": {}
    });
    let expected = [
        ("name", Some("name")),
        ("services", Some("services")),
        ("services.name", Some("services.*")),
        ("services.name.blkio_config", Some("services.*.blkio_config")),
        ("services.name.blkio_config.weight_device", Some("services.*.blkio_config.weight_device")),
        ("services.name.blkio_config.weight_device.Path", Some("services.*.blkio_config.weight_device.path")),
        ("services.name.labels", Some("services.*.labels")),
        ("services.name.labels.any.name", Some("services.*.labels.*")),
        ("services.name.labels.x-more", Some("services.*.labels.*")),
        ("services.name.ports", Some("services.*.ports")),
        ("services.name.ports.lane", None),
        ("services.name.ports.target", Some("services.*.ports.target")),
        ("services.name.shape", None),
    ];
    let expected: BTreeMap<String, Option<String>> =
        expected.into_iter().map(|(key, path)| (key.to_owned(), path.map(str::to_owned))).collect();
    assert_eq!(attributes::paths(&model), expected);
}

#[test]
fn a_page_is_read_row_by_row() {
    let page = "| `a.*` | passed on | | – |\n| `b` | refused | `b`: no; `c` | `a_test` |\n| `env` | for |\n";
    let rows: Vec<String> = rows(page).into_iter().map(|row| [row.path, row.class, row.text, row.test].join("/")).collect();
    assert_eq!(rows, ["a.*/passed on//", "b/refused/`b`: no; `c`/a_test"]);
}
