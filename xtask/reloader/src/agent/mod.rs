//! `reloader agent`: builds programs when asked to, the newest request first, and hands them to the containers that run them.
mod build;
mod builder;
pub(crate) mod built;
mod programs;
mod touch;

use crate::server::{self, Clients};
use crate::termination;
use anyhow::Context;
use builder::Builder;
use built::{SOCKET, marker};
use clap::Args;
use programs::Programs;
use std::fs;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// How many messages of cargo may wait; then cargo waits.
const WAITING: usize = 256;

/// The flags of `reloader agent`.
#[derive(Debug, Args)]
pub(crate) struct Agent {
    /// The workspace to build
    #[arg(long, value_name = "DIR")]
    workspace: PathBuf,
    /// Where programs are put
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A package whose programs are built at the start; may be given several times
    #[arg(long = "package", value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    /// The control socket
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
}

impl Agent {
    /// Builds until a termination signal.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut stop = std::pin::pin!(termination()?);
        let marker = marker(&self.socket);
        let _ = fs::remove_file(&marker);
        let programs = Programs::open(&self.out)?;
        programs.put_reloader().with_context(|| format!("the reloader cannot be put into `{}`", self.out.display()))?;
        let workspace = fs::canonicalize(&self.workspace)
            .with_context(|| format!("`{}` cannot be read: mount the workspace there", self.workspace.display()))?;
        let (answers, mut answered) = mpsc::channel(WAITING);
        let clients = Clients::listen(&self.socket)?;
        let mut builder = Builder::new(workspace, self.packages, marker, programs, clients, answers);
        while !builder.is_hopeless() {
            tokio::select! {
                () = &mut stop => break,
                // The builder keeps the other end.
                Some(answer) = answered.recv() => builder.pass_on(answer),
                event = builder.clients.next() => match event {
                    server::Event::Joined(client) => builder.greet(client),
                    server::Event::Said(client, line) => builder.answer(client, &line),
                },
            }
        }
        let _ = fs::remove_file(&self.socket);
        builder.give_up();
        while builder.is_busy() {
            // The builder keeps the other end.
            let Some(answer) = answered.recv().await else { break };
            builder.pass_on(answer);
        }
        let hopeless = builder.is_hopeless();
        builder.clients.close().await;
        anyhow::ensure!(!hopeless, "the sources do not compile, and there are no older programs: mend them and start again");
        Ok(())
    }
}
