//! What doctor asks of the machine beside the engine.

use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use super::ask::{Ask, Known};
use crate::watch;

/// How long a name server may take to say anything at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Names and limits of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// How much may be watched; nothing on systems that have no such limits.
    pub(crate) inotify: Option<Inotify>,
    /// The addresses of `localhost`.
    pub(crate) localhost: Known<Vec<IpAddr>>,
    /// The first name server, and whether it answers; nothing where none is named.
    pub(crate) name_server: Option<(IpAddr, bool)>,
}

/// The limits of inotify, for all programs of a user together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inotify {
    /// Directories.
    pub(crate) watches: u64,
    /// Programs.
    pub(crate) instances: u64,
}

impl Machine {
    /// Looks, and asks names.
    pub(super) fn find(ask: Ask) -> Self {
        let server = std::fs::read_to_string("/etc/resolv.conf").ok().and_then(|text| first_server(&text));
        std::thread::scope(|scope| {
            let answers = server.map(|server| scope.spawn(move || answers(server)));
            let localhost =
                ask.within("the look-up of `localhost`", || ("localhost", 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>));
            Self {
                inotify: watch::limit("max_user_watches")
                    .zip(watch::limit("max_user_instances"))
                    .map(|(watches, instances)| Inotify { watches, instances }),
                localhost: localhost.and_then(|found| {
                    found.map(|found| found.iter().map(std::net::SocketAddr::ip).collect()).map_err(|error| error.to_string())
                }),
                name_server: server.zip(answers.map(|answers| answers.join().unwrap_or(false))),
            }
        })
    }
}

/// The first name server in the text of `resolv.conf`.
fn first_server(text: &str) -> Option<IpAddr> {
    text.lines().find_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok())
}

/// Whether a name server says anything when it is asked for `localhost`, which it can answer without anybody else. What it says does not matter.
fn answers(server: IpAddr) -> bool {
    // One question, in recursion: type A, class IN.
    const QUESTION: &[u8] = b"\x53\x57\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01";
    let any: IpAddr = if server.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    let asked = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect((server, 53))?;
        socket.send(QUESTION)?;
        socket.recv(&mut [0; 512])
    };
    asked().is_ok_and(|length| length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_server_is_asked() {
        let text = "# nameserver 192.0.2.1\nsearch example.com\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n";
        assert_eq!(first_server(text), Some([10, 0, 0, 2].into()));
        assert_eq!((first_server(""), first_server("nameserver fe80::1%eth0\n")), (None, None));
    }
}
