//! Load figures of the application: fills a running stack, asks it through the proxy as browsers and programs do, and prints tables.
//!
//! The stack must be empty and used by nobody else. A static file from the same proxy is measured in turn with everything else: on a machine whose
//! processors are shared, ratios say more than times.

mod api;
mod board;
mod rate;
mod sockets;
mod stack;
mod table;
mod upload;

use std::time::Duration;

use clap::Parser;

use crate::api::Api;
use crate::stack::Stack;

/// What to measure.
#[derive(Parser)]
struct Options {
    /// Where the proxy answers
    #[arg(long)]
    url: String,
    /// The name of the Compose project
    #[arg(long)]
    project: String,
    /// How many tasks there are; several numbers are measured one after the other
    #[arg(long, value_delimiter = ',', default_value = "100000")]
    tasks: Vec<u32>,
    /// How many sockets are open
    #[arg(long, value_delimiter = ',', default_value = "200,2000")]
    sockets: Vec<usize>,
    /// The size of an upload in bytes
    #[arg(long, value_delimiter = ',', default_value = "104857600,1073741824")]
    upload: Vec<u64>,
    /// How often each is measured; the figures are medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many seconds each takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut options = Options::parse();
    // Tasks are only added.
    options.tasks.sort_unstable();
    let stack = Stack::new(&options.project);
    let pace = rate::Pace { rounds: options.rounds, time: Duration::from_secs(options.seconds) };
    // Makes the accounts, too.
    let account = stack.seed(0).await?;
    let api = Api::sign_in(&options.url, &account).await?;
    for tasks in &options.tasks {
        board::measure(&stack, &api, *tasks, pace).await?;
    }
    sockets::measure(&stack, &api, &options.sockets, options.rounds).await?;
    upload::measure(&stack, &api, &options.upload).await
}
