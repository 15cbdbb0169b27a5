//! The development loop on a real stack: saves, swaps, mistakes, settings and services that are not well.

mod dashboard;
mod everything;
mod faults;
mod healing;
mod load;
mod overlay;
mod refresh;
mod saves;
mod swaps;
mod windows;

use std::time::Duration;

use crate::harness::workshop::{PATIENCE, Workshop};
use crate::harness::{Stack, eventually};

/// Where the backend says what it is: a file whose edits are seen from outside.
const VERSION: &str = "backend/src/http/version.rs";

/// Lets the backend's code say `name` in place of what it said before.
fn rename(workshop: &Workshop, name: &str) {
    let text = workshop.text(VERSION);
    let before = text.split_once("\"name\": \"").and_then(|(_, rest)| rest.split_once('"')).expect("the version has a name").0;
    workshop.edit(VERSION, &format!("\"name\": \"{before}\""), &format!("\"name\": \"{name}\""));
}

/// What the backend says that it is.
async fn name(stack: &Stack) -> String {
    stack.get("/api/v1/version").await.with(200).json()["name"].as_str().unwrap().to_owned()
}

/// Waits until the backend says `wanted`.
async fn serves(stack: &Stack, wanted: &str) {
    eventually(&format!("`{wanted}` serves"), PATIENCE, || async {
        let name = name(stack).await;
        anyhow::ensure!(name == wanted, "`{name}` serves");
        Ok(())
    })
    .await;
}

/// A number that the environment may make larger than the tests need, for figures.
fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// How long clients may take to connect again.
const RECONNECT: Duration = Duration::from_secs(15);
