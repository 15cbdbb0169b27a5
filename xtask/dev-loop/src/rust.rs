//! A save of a handler of the backend, until the new code answers.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::edit::HANDLER;
use crate::journal::{Journal, Line};
use crate::lines;
use crate::plan::{Kind, Loop};
use crate::stats::Figures;
use crate::traffic::Traffic;

/// How long it asks before the save.
const BEFORE: Duration = Duration::from_millis(500);
/// How long it goes on asking, so that it sees the old process go.
const AFTER: Duration = Duration::from_secs(2);
/// How long new code may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a loop may take to say that it is done.
const LATE: Duration = Duration::from_secs(30);

/// Measures one save, of `number`.
pub(crate) async fn measure(plan: &Loop, journal: &Journal, number: u32) -> anyhow::Result<Figures> {
    let mut traffic = Traffic::start(&plan.url, number)?;
    tokio::time::sleep(BEFORE).await;
    let saved = HANDLER.put(&plan.root, number)?;
    let live = tokio::select! {
        live = traffic.live(PATIENCE) => live,
        trouble = journal.trouble(saved) => Err(trouble),
    };
    tokio::time::sleep(AFTER).await;
    let (live, tally) = (live?, traffic.stop().await?);

    let mut figures = Figures::default();
    figures.put("total_ms", live - saved);
    let (decided, cargo) = match plan.kind {
        Kind::Slipway => {
            let done = |line: &str| lines::change(&[(saved, line.to_owned())], HANDLER.file).is_some();
            journal.until(saved, LATE, done).await?;
            let change = lines::change(&journal.since(saved), HANDLER.file).context("the hub tells of no change")?;
            figures.put("detect_of_loop_ms", change.detect_ms);
            figures.put_if("swap_of_loop_ms", change.swap_ms);
            (lines::moment(&change.at), change.build_ms)
        }
        Kind::Rebuild => {
            let said = journal.since(saved);
            (lines::compose_decided(&said), lines::cargo(&said))
        }
        Kind::Sync => (lines::compose_decided(&journal.since(saved)), lines::cargo(&logged(&plan.container("backend"), saved).await?)),
        Kind::Watchexec => {
            let said = logged(&plan.container("backend"), saved).await?;
            (lines::watchexec_decided(&said), lines::cargo(&said))
        }
    };
    figures.put_if("detect_ms", decided.map(|decided| decided - saved));
    figures.put_if("cargo_ms", cargo);
    figures.put_if("rest_ms", cargo.map(|cargo| live - saved - cargo));
    if plan.kind == Kind::Slipway {
        // The others do not begin with cargo when they decide.
        figures.put_if("built_to_live_ms", decided.zip(cargo).map(|(decided, cargo)| live - decided - cargo));
    }
    let (begin, end) = linked(plan).await?;
    if begin < saved {
        bail!("the program in {} was linked before the save: what answers is not what was built", plan.container("backend"));
    }
    figures.put("link_ms", end - begin);
    figures.put_if("compile_ms", cargo.map(|cargo| cargo - (end - begin)));
    figures.put("linked_to_live_ms", live - end);
    figures.put("asked", f64::from(tally.asked));
    figures.put("failed", f64::from(tally.failed));
    figures.put("away_ms", tally.away);
    figures.put("slowest_ms", tally.slowest);
    Ok(figures)
}

/// What a container wrote since `moment`, with the engine's times.
pub(crate) async fn logged(container: &str, moment: f64) -> anyhow::Result<Vec<Line>> {
    let since = format!("{:.3}", moment / 1000.0);
    let text = docker(&["container", "logs", "--timestamps", "--since", &since, container]).await?;
    Ok(lines::logged(&text))
}

/// When the program that runs was linked.
async fn linked(plan: &Loop) -> anyhow::Result<(f64, f64)> {
    let (container, program) = (plan.container("backend"), plan.kind.program());
    let end = docker(&["container", "exec", &container, "tail", "-c", "48", program]).await?;
    lines::linked(&end)
        .with_context(|| format!("{program} in {container} has no times of its linker at its end: was it built with another image?"))
}

/// What a command of the engine writes to both streams.
pub(crate) async fn docker(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(args).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`docker {}`: {}", args.join(" "), text.trim());
    }
    Ok(text)
}
