//! Files that lie over one another, and files that do not fit.

use super::*;

fn directory(files: &[(&str, &str)]) -> (tempfile::TempDir, Directory) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("env")).expect("created");
    for (name, text) in files {
        std::fs::write(dir.path().join("env").join(format!("{name}.toml")), text).expect("written");
    }
    let directory = Directory::of(dir.path());
    (dir, directory)
}

#[test]
fn later_files_win_key_by_key_and_each_value_knows_its_place() {
    let (_dir, directory) = directory(&[
        ("base", "a = 1\nb = 1\n[t]\nc = 1\nd = 1\nlist = [1, 2]\n"),
        ("staging", "b = 2\n[t]\nc = 2\nlist = [3]\n"),
        ("qa", "base = \"staging\"\n[t]\n\nd = 3\n"),
        ("qa.override", "t.c = 4\n"),
    ]);
    let mut problems = Vec::new();
    let layers = directory.read("qa", &mut problems);
    assert_eq!(problems, []);
    let lines: Vec<String> =
        leaves(&layers.tree).iter().map(|(key, value)| format!("{key} = {value} ({})", layers.place(key).expect("a place"))).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    a = 1 (infra/env/base.toml:1)
    b = 2 (infra/env/staging.toml:1)
    t.c = 4 (infra/env/qa.override.toml:1)
    t.d = 3 (infra/env/qa.toml:4)
    t.list = [3] (infra/env/staging.toml:4)
    ");
    assert_eq!(directory.names(), ["qa", "staging"]);
}

#[test]
fn a_chain_that_leads_nowhere_is_named() {
    let (_dir, directory) = directory(&[
        ("base", ""),
        ("a", "base = \"b\""),
        ("b", "\nbase = \"a\""),
        ("c", "base = \"aa\""),
        ("d", "base = 1"),
        ("e", "x = 1"),
        ("e.override", "base = \"a\""),
    ]);
    let said: Vec<String> = ["a", "c", "d", "e"]
        .iter()
        .flat_map(|name| {
            let mut problems = Vec::new();
            directory.read(name, &mut problems);
            problems.into_iter().map(|problem| problem.to_string())
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    infra/env/b.toml:2: `base`: goes round in a circle: a → b → a
    infra/env/c.toml:1: `base`: there is no environment `aa`, did you mean `a`?
    infra/env/d.toml:1: `base`: write the name of another environment in quotes, for example "staging"
    infra/env/e.override.toml:1: `base`: belongs in infra/env/e.toml
    "#);
}

#[test]
fn every_mistake_in_the_grammar_is_named_with_its_line() {
    let (_dir, directory) = directory(&[("base", "a = \nb = 1\nb = 2\n[t\n"), ("x", "")]);
    let mut problems = Vec::new();
    directory.read("x", &mut problems);
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"));
}
