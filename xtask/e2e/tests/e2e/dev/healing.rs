//! Services that are not well while somebody is attached: they are restarted, and the loop goes on.

use anyhow::ensure;

use super::{rename, serves};
use crate::harness::eventually;
use crate::harness::workshop::{PATIENCE, Workshop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_or_ends_comes_back() {
    let mut workshop = Workshop::open().await;
    // A program that stops in its tracks: its container runs, and its checks wait in vain.
    let before = workshop.stack.inspect("backend")["State"]["StartedAt"].clone();
    let processes = workshop.stack.docker(&["top", &workshop.stack.container("backend"), "-eo", "pid,args"]).good().stdout;
    let program = processes.lines().find(|line| line.contains("/srv/bin/.builds/backend")).unwrap_or_else(|| panic!("{processes}"));
    workshop.stack.signal(program.split_whitespace().next().unwrap(), "STOP");
    workshop.see("is unhealthy and is restarted");
    eventually("the backend is well", PATIENCE, || async {
        let state = workshop.stack.inspect("backend")["State"].clone();
        ensure!(state["StartedAt"] != before && state["Health"]["Status"] == "healthy", "{state}");
        Ok(())
    })
    .await;
    serves(&workshop.stack, "backend").await;

    // Caught mail is shown through the proxy; a mail service that hangs is named by who asks for it, and comes back as well.
    let smoke = || workshop.stack.xtask(&["smoke", "--tag", "mail"]);
    smoke().good();
    workshop.stack.signal_service("mail", "STOP");
    let found = smoke();
    assert!(found.code == 1 && found.stdout.contains("mail"), "{found:?}");
    eventually("mail is shown again", PATIENCE, || async {
        let found = smoke();
        ensure!(found.code == 0, "{found:?}");
        Ok(())
    })
    .await;

    // A builder that ends in the middle of a build.
    rename(&workshop, "half built");
    workshop.stack.docker(&["kill", &workshop.stack.container("builder")]).good();
    workshop.see("the builder is away: nothing can be built");
    workshop.stack.docker(&["start", &workshop.stack.container("builder")]).good();
    serves(&workshop.stack, "half built").await;
}
