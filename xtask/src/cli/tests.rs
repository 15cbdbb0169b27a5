//! That the command line is one, and that what the documentation and CI run is in it.

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The command lines in the code blocks of `text`, without comments.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).map(|line| line.trim_start_matches("$ "));
    let bare = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    lines.filter(|line| line.starts_with("cargo xtask")).map(bare).collect()
}

/// What is wrong with the command line `command`, as a shell has it.
fn refusal(command: &str) -> Option<clap::Error> {
    // What follows is the shell's.
    let own = command.split(['<', '>', '|', '&']).next().unwrap_or_default();
    let parsed = Cli::try_parse_from(["cargo xtask"].into_iter().chain(own.split_whitespace().skip(2)));
    parsed.err().filter(clap::Error::use_stderr)
}

fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

#[test]
fn the_workflow_of_ci_runs_commands_that_exist() {
    let text = std::fs::read_to_string(root().join(".github/workflows/ci.yml")).expect("the workflow");
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- ").trim_start_matches("run: "));
    let commands: Vec<&str> = lines.filter(|line| line.starts_with("cargo ")).collect();
    for command in &commands {
        let error = refusal(command).map(|error| error.to_string());
        assert!(command.starts_with("cargo xtask ") && error.is_none(), "`{command}`: {error:?}");
    }
    for needed in ["cargo xtask test --setup", "cargo xtask smoke --env test --junit target/smoke.xml"] {
        assert!(commands.contains(&needed), "{commands:?}");
    }
    assert!(refusal("cargo xtask smoke --junti smoke.xml").is_some());
}

#[test]
fn the_documentation_shows_commands_that_exist() {
    let pages = std::fs::read_dir(root().join("docs")).expect("docs").flatten().map(|entry| entry.path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut seen = 0;
    for page in pages.chain([root().join("README.md")]) {
        for command in commands(&std::fs::read_to_string(&page).expect("a page")) {
            let error = refusal(&command).map(|error| error.to_string());
            assert!(error.is_none(), "{}: `{command}`: {}", page.display(), error.unwrap_or_default());
            seen += 1;
        }
    }
    assert!(seen > 5, "the documentation shows {seen} commands: are they in code blocks?");
}
