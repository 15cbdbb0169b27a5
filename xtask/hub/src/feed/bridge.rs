//! `hub feed`: standard input to the hub's socket, and back. It runs by `docker exec -i` and ends when either side does.

use std::path::Path;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncWriteExt as _, copy, stdin, stdout};
use tokio::net::UnixStream;

/// Bridges until standard input or the hub ends.
pub(crate) async fn run(socket: &Path) -> anyhow::Result<()> {
    let stream = UnixStream::connect(socket)
        .await
        .with_context(|| format!("the hub does not answer at `{}`; start it with `hub serve`", socket.display()))?;
    let (mut from_hub, mut to_hub) = stream.into_split();
    let (mut input, mut output) = (stdin(), stdout());
    let sent = async {
        copy(&mut input, &mut to_hub).await?;
        to_hub.shutdown().await
    };
    tokio::select! {
        sent = sent => sent.context("the hub took no more"),
        received = copy(&mut from_hub, &mut output) => match received.context("standard output took no more") {
            Ok(_) => bail!("the hub ended this feed: it stops, or a newer feed came"),
            Err(error) => Err(error),
        },
    }
}
