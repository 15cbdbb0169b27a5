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

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use tokio::sync::watch;

use crate::ask::Common;
use crate::choose::choose;
use crate::facts::Facts;
use crate::report::Report;
use crate::run::Run;
use crate::values::Values;

/// The exit code where somebody asked to stop, as shells have it for Ctrl-C.
const INTERRUPTED: u8 = 130;

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
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn smoke() -> anyhow::Result<ExitCode> {
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
    let begun = Instant::now();
    let run = Arc::new(Run { common: Arc::new(common), defaults: suite.defaults.clone(), stop: watch::Sender::new(false) });
    tokio::spawn({
        let run = Arc::clone(&run);
        async move {
            // What was begun is cleaned up, however often somebody asks.
            if asked_to_end().await.is_ok() {
                run.stop.send_replace(true);
            }
        }
    });
    let mut outcomes = Arc::clone(&run).all(checks, journeys, &values, usize::from(options.parallel)).await;
    outcomes.iter_mut().for_each(|outcome| blame::heed(&suite.components, outcome));
    let report = Report::new(&outcomes, &suite.components, begun.elapsed());
    let mut lines = if options.verbose { report.lines() } else { Vec::new() };
    if run.is_stopped() {
        // What was ended before all was asked says nothing of the whole: a person reads how far it came, programs read nothing.
        lines.push(report.text());
        if !options.json {
            print(&mut std::io::stdout(), &lines)?;
        }
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if let Some(path) = &options.junit {
        junit::write(path, &report.junit())?;
    }
    if let Some(path) = options.record {
        std::fs::write(&path, report.json().to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    lines.push(if options.json { serde_json::to_string_pretty(&report.json())? } else { report.text() });
    print(&mut std::io::stdout(), &lines)?;
    Ok(if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes `lines` to `out`. Whoever reads no further (`… | head`) has all that it wants.
fn print(out: &mut impl Write, lines: &[String]) -> anyhow::Result<()> {
    match writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write what was found"),
        _ => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that cannot be written.
    struct Out(ErrorKind);

    impl Write for Out {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_reads_no_further_is_no_mistake() {
        let lines = ["1 passed".to_owned()];
        assert!(print(&mut Out(ErrorKind::BrokenPipe), &lines).is_ok());
        assert!(print(&mut Out(ErrorKind::StorageFull), &lines).is_err());
    }
}
