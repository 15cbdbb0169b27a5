//! The workflow that CI runs: it is one, and nothing in it is known to be unsafe.

use crate::harness::{Stack, shared};

/// Whether it fits the schema of workflows.
const SCHEMA: &[&str] = &["check-jsonschema", "--builtin-schema", "vendor.github-workflows", "--default-filetype", "yaml", "-"];
/// Whether a stranger's pull request, or a new version of an action, could do something with it that nobody wants.
const SAFETY: &[&str] = &["zizmor", "--offline", "--no-progress", "--format", "plain", "-"];

/// What `program` objects to in `workflow`; nothing where it is content.
fn objection(stack: &Stack, program: &[&str], workflow: &str) -> Option<String> {
    let outcome = stack.xtask_with(&[&["shell", "checks", "--"], program].concat(), workflow);
    (outcome.code != 0).then(|| format!("{}{}", outcome.stdout, outcome.stderr))
}

#[tokio::test]
async fn the_workflow_of_ci_is_right() {
    let (stack, _turn) = shared().await;
    let workflow = std::fs::read_to_string(format!("{}/.github/workflows/ci.yml", stack.root)).unwrap();
    for program in [SCHEMA, SAFETY] {
        assert_eq!(objection(&stack, program, &workflow), None);
    }
    // They would say so.
    let pin = workflow.lines().find_map(|line| line.split_once("actions/checkout@")).unwrap().1;
    for (program, from, to, said) in [
        (SCHEMA, "timeout-minutes: 60", "timeout-minutes: soon", "timeout-minutes"),
        (SCHEMA, "runs-on: ", "run-on: ", "run-on"),
        (SAFETY, pin, "v7", "unpinned-uses"),
        (SAFETY, "cargo xtask test --setup", "echo ${{ github.event.pull_request.title }}", "template-injection"),
        (SAFETY, "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        (SAFETY, "permissions:\n      contents: read", "permissions: write-all", "excessive-permissions"),
    ] {
        let planted = workflow.replacen(from, to, 1);
        assert_ne!(planted, workflow, "{from}");
        let objection = objection(&stack, program, &planted).unwrap_or_else(|| panic!("`{to}` is not objected to"));
        assert!(objection.contains(said), "{objection}");
    }
}
