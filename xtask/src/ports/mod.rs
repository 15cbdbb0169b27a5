//! The one published port: choosing it, and naming who holds it.

pub(crate) mod holder;
pub(crate) mod published;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use crate::config::environment::Environment;
use crate::config::values::Host;
use crate::engine::containers::Container;
use crate::model::Protocol;
use crate::report::Failure;

/// The service that publishes the stack's ports, and the port of plain HTTP inside its container.
pub(crate) const PROXY: (&str, u16) = ("proxy", 80);
/// The port of HTTPS inside that container.
const HTTPS: u16 = 443;

/// How long who listens on a port of this machine may take to answer.
const ANSWER: Duration = Duration::from_millis(200);

/// How many ports, the environment's own included, the instances of one environment share.
const TRIES: u16 = 100;

/// Where the stack answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The host address.
    pub(crate) bind: IpAddr,
    /// The name that links use.
    pub(crate) domain: Host,
    /// The host port of plain HTTP.
    pub(crate) port: u16,
    /// The host port of HTTPS, where there is TLS.
    pub(crate) https_port: Option<u16>,
    /// The wanted port and who holds it, when another one is used.
    pub(crate) instead_of: Option<(u16, String)>,
}

impl Address {
    /// The URL for a browser: on this machine, or, with TLS, under the name that the certificate is for.
    pub(crate) fn url(&self) -> String {
        let host = match self.bind {
            _ if self.https_port.is_some() => self.domain.in_url(),
            bind if bind.is_loopback() || bind.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(bind) => bind.to_string(),
            IpAddr::V6(bind) => format!("[{bind}]"),
        };
        self.url_of(&host)
    }

    /// Why it is another port than the settings say, where it is.
    pub(crate) fn note(&self) -> Option<String> {
        self.instead_of.as_ref().map(|(wanted, holder)| format!("port {wanted} is taken by {holder}, so another one is used"))
    }

    /// The URL that links in mails begin with.
    pub(crate) fn public_url(&self) -> String {
        self.url_of(&self.domain.in_url())
    }

    fn url_of(&self, host: &str) -> String {
        match (self.https_port, self.port) {
            (Some(HTTPS), _) => format!("https://{host}"),
            (Some(port), _) => format!("https://{host}:{port}"),
            (None, 80) => format!("http://{host}"),
            (None, port) => format!("http://{host}:{port}"),
        }
    }
}

/// What the settings say about one port of the host.
#[derive(Clone, Copy, Debug)]
struct Setting {
    bind: IpAddr,
    port: u16,
    fallback: bool,
    /// The port inside the container.
    inside: u16,
    /// Where it is set.
    key: &'static str,
}

/// The address for the proxy. A port that the instance already has stays, so that bookmarks and sessions do. `apart` is the name of an instance
/// that runs beside the main one: it has a port of its own, the same after `down` and on the next day.
///
/// # Errors
/// When a port is taken and another one may not, or cannot, be used.
pub(crate) fn choose(environment: &Environment, apart: Option<&str>, proxy: Option<&Container>) -> anyhow::Result<Address> {
    let Environment { proxy: settings, tls, site, .. } = environment;
    let (bind, fallback) = (settings.bind.0, settings.port_fallback);
    let http = Setting { bind, port: settings.port.0, fallback, inside: PROXY.1, key: "proxy.port" };
    let https = Setting { port: settings.https_port.0, inside: HTTPS, key: "proxy.https_port", ..http };
    let (port, mut instead_of) = http.choose(apart, proxy)?;
    let mut https_port = None;
    if tls.is_on() {
        let (port, https_instead_of) = https.choose(apart, proxy)?;
        (https_port, instead_of) = (Some(port), https_instead_of.or(instead_of));
    }
    Ok(Address { bind, domain: site.domain.clone(), port, https_port, instead_of })
}

/// Where a proxy that runs answers.
pub(crate) fn current(environment: &Environment, proxy: &Container) -> Option<Address> {
    let Environment { proxy: settings, tls, site, .. } = environment;
    let https_port = if tls.is_on() { Some(proxy.configured_port(HTTPS)?) } else { None };
    let port = proxy.configured_port(PROXY.1)?;
    Some(Address { bind: settings.bind.0, domain: site.domain.clone(), port, https_port, instead_of: None })
}

impl Setting {
    fn choose(self, apart: Option<&str>, proxy: Option<&Container>) -> anyhow::Result<(u16, Option<(u16, String)>)> {
        let running = proxy.filter(|proxy| proxy.running()).map(Container::host_ports).unwrap_or_default();
        let usable = |port: u16| running.contains(&port) || free(Protocol::Tcp, self.bind, port);
        let previous = proxy.and_then(|proxy| proxy.configured_port(self.inside));
        let wanted = self.wanted(apart);
        let port = self.pick(wanted, previous, usable);
        if port == Some(wanted) {
            return Ok((wanted, None));
        }
        let holder = holder::name(wanted);
        match port {
            Some(port) => Ok((port, holder.map(|holder| (wanted, holder)))),
            None => Err(self.taken(&holder.unwrap_or_else(|| "a process that this user may not see".to_owned())).into()),
        }
    }

    /// The port that is tried first: the environment's for the main instance, one of those after it for each other one.
    fn wanted(self, apart: Option<&str>) -> u16 {
        match apart {
            Some(name) if self.fallback => self.port.checked_add(step(name)).unwrap_or(self.port),
            _ => self.port,
        }
    }

    fn pick(self, wanted: u16, previous: Option<u16>, usable: impl Fn(u16) -> bool) -> Option<u16> {
        let last = self.port.saturating_add(TRIES - 1);
        let near = |port: &u16| (self.port..=last).contains(port);
        let mut candidates: Vec<u16> = Vec::new();
        if self.fallback {
            candidates.extend(previous.filter(near));
        }
        candidates.push(wanted);
        if self.fallback {
            candidates.extend(wanted.saturating_add(1)..=last);
            // The environment's own port comes last: the main instance wants it.
            candidates.extend(self.port.saturating_add(1)..wanted);
            candidates.push(self.port);
        }
        candidates.into_iter().find(|port| usable(*port))
    }

    fn taken(self, holder: &str) -> Failure {
        let failure = Failure::new(format!("port {} is taken by {holder}", self.port))
            .hint(format!("stop it, or choose another `{}` in the environment's file", self.key));
        if self.fallback { failure.detail(format!("and so are the {} ports after it", TRIES - 1)) } else { failure }
    }
}

/// From 1 to 99, always the same for a name (FNV-1a: the hashes of the standard library may change with it).
fn step(name: &str) -> u16 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The remainder is below 99.
    1 + (hash % u64::from(TRIES - 1)) as u16
}

/// Whether `port` is free as far as this user can tell. Only what is in use is taken: the engine may bind a port that this user may not, or an address
/// that this machine does not have.
fn free(protocol: Protocol, bind: IpAddr, port: u16) -> bool {
    let refused = match protocol {
        Protocol::Tcp => TcpListener::bind((bind, port)).err(),
        Protocol::Udp => UdpSocket::bind((bind, port)).err(),
    };
    match refused.map(|error| error.kind()) {
        Some(ErrorKind::AddrInUse) => false,
        // The system does not say whether a port is in use that this user may not bind. Who listens there answers.
        Some(ErrorKind::PermissionDenied) if protocol == Protocol::Tcp => {
            let address = match bind {
                IpAddr::V4(bind) if bind.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(bind) if bind.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                bind => bind,
            };
            TcpStream::connect_timeout(&(address, port).into(), ANSWER).is_err()
        }
        _ => true,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Address {
        pub(crate) fn sample() -> Self {
            let domain = Host::try_from(toml::Value::from("board.example.com")).expect("a host");
            Address { bind: IpAddr::from([127, 0, 0, 1]), domain, port: 8080, https_port: None, instead_of: None }
        }
    }

    fn settings(port: u16, fallback: bool) -> Setting {
        Setting { bind: IpAddr::from([127, 0, 0, 1]), port, fallback, inside: PROXY.1, key: "proxy.port" }
    }

    fn main(port: u16, port_fallback: bool, previous: Option<u16>, usable: impl Fn(u16) -> bool) -> Option<u16> {
        settings(port, port_fallback).pick(port, previous, usable)
    }

    #[test]
    fn the_wanted_port_then_the_next_free_one() {
        assert_eq!(main(8080, true, None, |_| true), Some(8080));
        assert_eq!(main(8080, true, None, |port| port > 8081), Some(8082));
        assert_eq!(main(8080, true, None, |port| port > 8179), None);
        assert_eq!(main(8080, false, None, |port| port > 8081), None);
        assert_eq!(main(65535, true, None, |_| false), None);
    }

    #[test]
    fn an_instance_keeps_its_port() {
        assert_eq!(main(8080, true, Some(8082), |_| true), Some(8082));
        assert_eq!(main(8080, true, Some(8082), |port| port != 8082), Some(8080));
        assert_eq!(main(9000, true, Some(8082), |_| true), Some(9000), "a new setting counts");
        assert_eq!(settings(8080, true).pick(8130, Some(8082), |_| true), Some(8082));
    }

    #[test]
    fn each_worktree_has_a_port_of_its_own() {
        let port = |name: &str| settings(8080, true).wanted(Some(name));
        // These must not change: people have bookmarks.
        assert_eq!(["fix", "login", "search", "review"].map(port), [8092, 8157, 8102, 8137]);
        assert!((0..1000).all(|n| (8081..=8179).contains(&port(&format!("worktree-{n}")))));
        assert_eq!(settings(8080, true).wanted(None), 8080);
        assert_eq!(settings(8080, false).wanted(Some("fix")), 8080, "without fallback there is one port");
        assert_eq!(settings(65535, true).wanted(Some("fix")), 65535);
    }

    #[test]
    fn where_two_names_have_one_port_the_next_free_one_is_used() {
        let settings = settings(8080, true);
        assert_eq!(settings.pick(8130, None, |port| port != 8130), Some(8131));
        assert_eq!(settings.pick(8178, None, |port| port < 8178), Some(8081), "from the begin again");
        assert_eq!(settings.pick(8178, None, |port| port == 8080), Some(8080), "the main instance's port comes last");
    }

    #[test]
    fn a_taken_port_is_refused_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let error = settings(port, false).choose(None, None).expect_err("taken").to_string();
        let expected = format!("port {port} is taken by ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains(&format!("(pid {})", std::process::id())), "{error}");
        let (next, instead_of) = settings(port, true).choose(None, None).expect("the next one");
        assert!(next > port && instead_of.is_some_and(|(wanted, _)| wanted == port));
    }

    #[test]
    fn urls_are_what_a_browser_takes() {
        let address =
            |bind: &str, port, https_port| Address { bind: bind.parse().expect("an address"), port, https_port, ..Address::sample() };
        let url = |bind: &str, port| address(bind, port, None).url();
        assert_eq!(url("127.0.0.1", 8080), "http://localhost:8080");
        assert_eq!(url("0.0.0.0", 80), "http://localhost");
        assert_eq!(url("10.0.0.5", 80), "http://10.0.0.5");
        assert_eq!(url("fd00::1", 8080), "http://[fd00::1]:8080");
        assert_eq!(address("0.0.0.0", 80, Some(443)).url(), "https://board.example.com");
        assert_eq!(address("127.0.0.1", 8080, Some(8443)).url(), "https://board.example.com:8443");
        assert_eq!(address("127.0.0.1", 8080, None).public_url(), "http://board.example.com:8080");
    }
}
