//! The README's commands do what it says. The second one is what runs these tests.

use std::time::Duration;

use crate::harness::{Stack, shared};

/// As long as a build from the cache and a start may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// The commands of the README's first code block, without their comments.
fn commands(stack: &Stack) -> Vec<String> {
    let readme = std::fs::read_to_string(format!("{}/README.md", stack.root)).unwrap();
    let block = readme.split("```").nth(1).expect("the README has a code block");
    block.lines().skip(1).map(|line| line.split('#').next().unwrap().trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Removes an instance with its data when the test is over, however it ended.
struct Removed(Stack);

impl Drop for Removed {
    fn drop(&mut self) {
        let outcome = self.0.xtask(&["clean", "--yes"]);
        assert!(std::thread::panicking() || outcome.code == 0, "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn the_first_command_ends_with_a_url_that_serves_the_board() {
    let (shared, _turn) = shared().await;
    let commands = commands(&shared);
    assert_eq!(commands, ["cargo xtask dev --setup", "cargo xtask test --setup"]);

    // In the same checkout, as another instance. Its images come from the cache under names of their own: Compose labels images with the project, so
    // that the shared stack would no longer run those of its name.
    let mut stack = shared.clone();
    stack.instance = format!("{}-readme", shared.instance);
    stack.project = format!("slipway-{}", stack.instance);
    let _removed = Removed(stack.clone());
    let arguments: Vec<&str> = commands[0].split_whitespace().skip(2).collect();
    let mut dev = stack.xtask_start(&arguments);
    dev.see("Slipway is up", PATIENCE);
    let status = stack.status();
    stack.url = status["url"].as_str().expect("a stack that is up has a URL").to_owned();
    stack.skipper().await;
    let board = stack.get("/").await.with(200);
    assert!(board.body.contains("New task"), "{}", board.body);
    stack.create_task("Read the manual").await.with(201);
    dev.see("/api/v1/tasks", PATIENCE);

    dev.signal("INT");
    let (code, said) = dev.end();
    assert_eq!(code, 0, "{said}");
    let running = stack.docker(&["ps", "--quiet", "--filter", &format!("label=com.docker.compose.project={}", stack.project)]).good();
    assert_eq!(running.stdout, "", "Ctrl-C stops what `dev` started");
}
