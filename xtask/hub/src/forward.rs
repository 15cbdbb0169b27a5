//! `hub forward`: passes connections on, so that a service of a network without a way out can be reached from the machine it runs on.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::serve::Signals;

/// How many connections there are at once; more wait until one ends.
const CONNECTIONS: usize = 256;

/// How long the other end may take to accept.
const CONNECT: Duration = Duration::from_secs(5);

/// Passes connections on until SIGTERM or SIGINT.
pub(crate) async fn run(port: u16, target: String) -> anyhow::Result<()> {
    let mut signals = Signals::install()?;
    let target: Arc<str> = check(&target)?.into();
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .with_context(|| format!("port {port} cannot be opened; choose a free one as the first argument"))?;
    let port = listener.local_addr().map_or(port, |address| address.port());
    eprintln!("passing connections to port {port} on to {target}");
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::select! {
        () = signals.stop() => Ok(()),
        ended = accept(listener, target, places) => ended,
    }
}

fn check(target: &str) -> anyhow::Result<&str> {
    let port = target.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    port.with_context(|| format!("`{target}` is not an address; write it as `HOST:PORT`, like `db:5432`")).map(|_| target)
}

async fn accept(mut listener: TcpListener, target: Arc<str>, places: Arc<Semaphore>) -> anyhow::Result<()> {
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        // As a web server does: an error of one connection is passed over, and a lack of resources is waited out.
        let (stream, _) = axum::serve::Listener::accept(&mut listener).await;
        let target = Arc::clone(&target);
        tokio::spawn(async move {
            if let Err(error) = pass(stream, &target).await {
                eprintln!("a connection to {target} ended: {error}");
            }
            drop(place);
        });
    }
}

async fn pass(mut near: TcpStream, target: &str) -> std::io::Result<()> {
    let mut far = tokio::time::timeout(CONNECT, TcpStream::connect(target)).await??;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    copy_bidirectional(&mut near, &mut far).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        assert_eq!(check("db:5432").unwrap(), "db:5432");
        for wrong in ["db", "db:", ":5432", "db:port", "db:70000"] {
            assert!(check(wrong).unwrap_err().to_string().contains("HOST:PORT"), "{wrong}");
        }
    }
}
