//! Figures of the development loop: edits files of stacks that run, in turn, and measures when what was edited is there. `cargo xtask bench dev-loop`
//! prepares the stacks and removes them; `--plan` names its file, which says where they are.
//!
//! All times are milliseconds since 1970 by the clock of the machine, which is that of its containers and of the browser in one of them as well.

mod browser;
mod edit;
mod journal;
mod lines;
mod pages;
mod plan;
mod raw;
mod rust;
mod stats;
mod summary;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::browser::Browser;
use crate::journal::Journal;
use crate::plan::{Kind, Loop};
use crate::raw::{Raw, Row, What};

/// What to measure.
#[derive(Parser)]
struct Options {
    /// The file that says which stacks there are
    #[arg(long)]
    plan: PathBuf,
    /// How often each is measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where each single measurement goes
    #[arg(long)]
    raw: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Whatever was started ends when what holds it is dropped.
    tokio::select! {
        result = run(&options) => result.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

/// A loop at work.
struct Running {
    plan: Loop,
    journal: Journal,
    browser: Browser,
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let loops = plan::read(&options.plan)?;
    let mut raw = Raw::open(options.raw.as_deref())?;
    let mut running = Vec::new();
    for plan in loops {
        let start = async {
            let journal = Journal::start(&plan).await?;
            let browser = Browser::start(&plan).await?;
            anyhow::Ok((journal, browser))
        };
        let (journal, browser) = start.await.with_context(|| format!("the loop `{}` does not start", plan.name))?;
        running.push(Running { plan, journal, browser });
    }
    // What is put into files must differ from what an earlier run left there.
    let first = (now() / 1000.0) as u32 % 1_000_000;
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        for one in &running {
            let name = &one.plan.name;
            summary::say(&format!("round {round} of {}: {name}", options.rounds));
            for (what, figures) in one.measure(first + round).await.with_context(|| format!("`{name}` could not be measured"))? {
                let row = Row { name: name.clone(), what, round, figures };
                raw.write(&row)?;
                rows.push(row);
            }
        }
    }
    summary::print(&rows)
}

impl Running {
    /// One round of everything; `number` is what the edits put into files.
    async fn measure(&self, number: u32) -> anyhow::Result<Vec<(What, stats::Figures)>> {
        let mut found = vec![(What::Rust, rust::measure(&self.plan, &self.journal, number).await?)];
        let page = pages::Page { plan: &self.plan, journal: &self.journal, browser: &self.browser };
        if self.plan.kind == Kind::Slipway {
            found.push((What::Style, page.style(number).await?));
            found.push((What::Mistake, page.mistake().await?));
        }
        found.push((What::Template, page.template(number).await?));
        Ok(found)
    }
}

/// The moment that it is.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64() * 1000.0
}
