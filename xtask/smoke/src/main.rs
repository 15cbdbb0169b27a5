//! Asks a running stack from outside whether it does what it is for, and says which component is broken. `cargo xtask smoke` runs it; what is
//! asked stands in a file, `infra/smoke.toml`.

mod ask;
mod blame;
mod choose;
mod facts;
mod hints;
mod judge;
mod junit;
mod outcome;
mod read;
mod refusal;
mod report;
mod run;
mod suite;
mod validate;
mod values;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;

use crate::ask::Common;
use crate::choose::choose;
use crate::facts::Facts;
use crate::report::Report;
use crate::run::Run;
use crate::values::Values;

/// How to ask.
#[derive(Parser)]
struct Options {
    /// The file with the checks
    #[arg(long)]
    suite: PathBuf,
    /// Only what has one of these tags
    #[arg(long)]
    tag: Vec<String>,
    /// How many at the same time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    parallel: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print a line for each check
    #[arg(long)]
    verbose: bool,
    /// Write JUnit XML to this file
    #[arg(long)]
    junit: Option<PathBuf>,
    /// Write what `--json` prints to this file too, for whoever looks at the stack later
    #[arg(long)]
    record: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads");
    let result = runtime.and_then(|runtime| {
        let result = runtime.block_on(smoke());
        // An expression that still searches, or a name that is still looked up, interests nobody any more.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn smoke() -> anyhow::Result<bool> {
    let options = Options::parse();
    let facts: Facts =
        serde_json::from_reader(std::io::stdin()).context("stdin says nothing of the stack: `cargo xtask smoke` runs this program")?;
    let suite = read::read(&options.suite, &facts)?;
    let tags = options.tag.into_iter().collect();
    let (checks, journeys) = choose(&options.suite.display().to_string(), &suite, &tags, &facts)?;
    let values = Values::new(facts.values.clone());
    if let Some(path) = &options.junit {
        junit::prepare(path)?;
    }

    let tls = ask::trust(facts.trusted.as_deref())?;
    let common = Common { client: ask::client(tls.clone()), tls, facts };
    let stop = Arc::new(AtomicBool::new(false));
    tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            // What was begun is cleaned up, however often somebody asks.
            if asked_to_end().await.is_ok() {
                stop.store(true, Ordering::SeqCst);
            }
        }
    });
    let (begun, stopped) = (Instant::now(), Arc::clone(&stop));
    let run = Arc::new(Run { common: Arc::new(common), defaults: suite.defaults.clone(), stop });
    let mut outcomes = run.all(checks, journeys, &values, usize::from(options.parallel)).await;
    outcomes.iter_mut().for_each(|outcome| blame::heed(&suite.components, outcome));
    let report = Report::new(&outcomes, &suite.components, begun.elapsed());
    if let Some(path) = &options.junit {
        junit::write(path, &report.junit())?;
    }
    // What was ended before all was asked says nothing of the whole.
    if let Some(path) = options.record.filter(|_| !stopped.load(Ordering::SeqCst)) {
        std::fs::write(&path, report.json().to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut lines = if options.verbose { report.lines() } else { Vec::new() };
    lines.push(if options.json { serde_json::to_string_pretty(&report.json())? } else { report.text() });
    writeln!(std::io::stdout(), "{}", lines.join("\n"))?;
    Ok(report.ok())
}

/// Waits until somebody asks this program to end.
async fn asked_to_end() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
