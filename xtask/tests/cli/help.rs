//! `--help` of everything, completions, and a command line that cannot be parsed.

use insta::assert_snapshot;

use crate::harness::Checkout;

/// The names in the section `Commands:` of a help text, so that a new command cannot be forgotten here.
fn commands(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that is broken into lines is indented further.
    section
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   ")).map(str::to_owned))
        .collect()
}

fn help(checkout: &Checkout, path: &[String]) -> String {
    let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
    args.push("--help");
    let outcome = checkout.start_in(&checkout.root(), &args).finish().success();
    assert_eq!((outcome.stderr.as_str(), &outcome.log), ("", &vec![]), "help is the product, and asks nobody");
    outcome.stdout
}

#[test]
fn every_command_has_help() {
    let checkout = Checkout::new();
    let mut paths = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(path) = paths.pop() {
        let text = help(&checkout, &path);
        paths.extend(commands(&text).into_iter().map(|name| [path.as_slice(), &[name]].concat()));
        let name = ["help"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("_");
        assert_snapshot!(name.as_str(), text);
        seen.push(name);
    }
    assert!(["help_up", "help_migrate_new", "help_completions"].iter().all(|name| seen.iter().any(|seen| seen == name)), "{seen:?}");
}

#[test]
fn a_command_line_that_cannot_be_parsed_is_the_user_s_to_mend() {
    let checkout = Checkout::new();
    assert_snapshot!("no_command", checkout.run([]));
    assert_snapshot!("an_unknown_command", checkout.run(["upp"]));
    assert_snapshot!("an_unknown_flag", checkout.run(["up", "--biuld"]));
    assert_snapshot!("a_wrong_value", checkout.run(["up", "--timeout", "soon"]));
    assert_snapshot!("flags_that_exclude_each_other", checkout.run(["up", "--quiet", "--verbose"]));
}

#[test]
fn the_version_is_the_product() {
    let outcome = Checkout::new().run(["--version"]).success();
    assert_eq!(outcome.stdout, format!("cargo xtask {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_know_every_command() {
    let checkout = Checkout::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = checkout.run(["completions", shell]).success();
        assert!(outcome.stdout.contains("rebuild") && outcome.stdout.contains("instance"), "{shell}: {outcome}");
    }
    assert_snapshot!("an_unknown_shell", checkout.run(["completions", "tcsh"]));
}
