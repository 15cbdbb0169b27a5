//! `reloader control`: a bridge between standard input and output and a control socket, for `docker exec -i`.
use anyhow::Context;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long the socket may take to appear: its process may be just about to start.
const APPEAR: Duration = Duration::from_secs(10);
/// How often to look for it.
const LOOK: Duration = Duration::from_millis(20);
/// How long the other side may take to answer what was asked last.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Passes on what comes, unbuffered, until one side ends.
pub(crate) fn bridge(path: &Path) -> anyhow::Result<()> {
    let socket = connect(path)?;
    // Files, because `io::stdout` keeps what does not end with a line.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);

    let (ended, ends) = mpsc::channel();
    let (to, from) = (socket.try_clone()?, socket.try_clone()?);
    let input_ended = ended.clone();
    thread::spawn(move || {
        pass(input, to);
        let _ = input_ended.send(false);
    });
    thread::spawn(move || {
        pass(from, output);
        let _ = ended.send(true);
    });
    let socket_ended = ends.recv()?;
    if !socket_ended {
        // The other side answers what it has read, and then closes too.
        let _ = socket.shutdown(Shutdown::Write);
        let _ = ends.recv_timeout(LAST_ANSWER);
    }
    Ok(())
}

/// Not `io::copy`: on Linux that leaves it to `splice`, which keeps who reads from a pipe waiting until more comes.
fn pass(mut from: impl Read, mut to: impl Write) {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match from.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(length) if length > 0 && to.write_all(&chunk[..length]).is_ok() => {}
            _ => return,
        }
    }
}

fn connect(path: &Path) -> anyhow::Result<UnixStream> {
    let deadline = Instant::now() + APPEAR;
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            // Looking again costs less than watching the directory, and sees a socket that nobody listens at, too.
            Err(_) if Instant::now() < deadline => thread::sleep(LOOK),
            Err(error) => {
                let seconds = APPEAR.as_secs();
                return Err(error)
                    .with_context(|| format!("nothing listens at `{}` after {seconds} s; is its container running?", path.display()));
            }
        }
    }
}
