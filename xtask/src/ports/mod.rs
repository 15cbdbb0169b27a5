//! The one published port: choosing it, and naming who holds it.

pub(crate) mod holder;
pub(crate) mod published;

use std::fmt;
use std::net::{IpAddr, TcpListener};

use crate::config::environment::Proxy;
use crate::engine::containers::Container;
use crate::report::{Failure, Style, paint};

/// The service that publishes the stack's one port, and that port inside its container.
pub(crate) const PROXY: (&str, u16) = ("proxy", 80);

/// How many ports, the environment's own included, the instances of one environment share.
const TRIES: u16 = 100;

/// Where the stack answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The host address.
    pub(crate) bind: IpAddr,
    /// The host port.
    pub(crate) port: u16,
    /// The wanted port and who holds it, when another one is used.
    pub(crate) instead_of: Option<(u16, String)>,
}

impl Address {
    /// The URL for a browser on this machine.
    pub(crate) fn url(&self) -> String {
        let host = match self.bind {
            bind if bind.is_loopback() || bind.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(bind) => bind.to_string(),
            IpAddr::V6(bind) => format!("[{bind}]"),
        };
        if self.port == 80 { format!("http://{host}") } else { format!("http://{host}:{}", self.port) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", paint(Style::Strong, &self.url()))?;
        match &self.instead_of {
            Some((wanted, holder)) => write!(f, " (port {wanted} is taken by {holder})"),
            None => Ok(()),
        }
    }
}

/// The address for the proxy. A port that the instance already has stays, so that bookmarks and sessions do. `apart` is the name of an instance
/// that runs beside the main one: it has a port of its own, the same after `down` and on the next day.
///
/// # Errors
/// When the port is taken and another one may not, or cannot, be used.
pub(crate) fn choose(settings: &Proxy, apart: Option<&str>, proxy: Option<&Container>) -> anyhow::Result<Address> {
    let running = proxy.filter(|proxy| proxy.running()).map(Container::host_ports).unwrap_or_default();
    let usable = |port: u16| running.contains(&port) || free(settings.bind, port);
    let previous = proxy.and_then(|proxy| proxy.configured_port(PROXY.1));
    let wanted = wanted(settings, apart);
    let port = pick(settings, wanted, previous, usable);
    if port == Some(wanted) {
        return Ok(Address { bind: settings.bind, port: wanted, instead_of: None });
    }
    let holder = holder::name(wanted);
    match port {
        Some(port) => Ok(Address { bind: settings.bind, port, instead_of: holder.map(|holder| (wanted, holder)) }),
        None => Err(taken(settings, &holder.unwrap_or_else(|| "a process that this user may not see".to_owned())).into()),
    }
}

/// The port that is tried first: the environment's for the main instance, one of those after it for each other one.
fn wanted(settings: &Proxy, apart: Option<&str>) -> u16 {
    match apart {
        Some(name) if settings.port_fallback => settings.port.checked_add(step(name)).unwrap_or(settings.port),
        _ => settings.port,
    }
}

/// From 1 to 99, always the same for a name (FNV-1a: the hashes of the standard library may change with it).
fn step(name: &str) -> u16 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The remainder is below 99.
    1 + (hash % u64::from(TRIES - 1)) as u16
}

fn pick(settings: &Proxy, wanted: u16, previous: Option<u16>, usable: impl Fn(u16) -> bool) -> Option<u16> {
    let last = settings.port.saturating_add(TRIES - 1);
    let near = |port: &u16| (settings.port..=last).contains(port);
    let mut candidates: Vec<u16> = Vec::new();
    if settings.port_fallback {
        candidates.extend(previous.filter(near));
    }
    candidates.push(wanted);
    if settings.port_fallback {
        candidates.extend(wanted.saturating_add(1)..=last);
        // The environment's own port comes last: the main instance wants it.
        candidates.extend(settings.port.saturating_add(1)..wanted);
        candidates.push(settings.port);
    }
    candidates.into_iter().find(|port| usable(*port))
}

fn free(bind: IpAddr, port: u16) -> bool {
    TcpListener::bind((bind, port)).is_ok()
}

fn taken(settings: &Proxy, holder: &str) -> Failure {
    let failure = Failure::new(format!("port {} is taken by {holder}", settings.port))
        .hint("stop it, or choose another `proxy.port` in the environment's file");
    if settings.port_fallback { failure.detail(format!("and so are the {} ports after it", TRIES - 1)) } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(port: u16, port_fallback: bool) -> Proxy {
        Proxy { bind: IpAddr::from([127, 0, 0, 1]), port, port_fallback }
    }

    fn main(port: u16, port_fallback: bool, previous: Option<u16>, usable: impl Fn(u16) -> bool) -> Option<u16> {
        pick(&settings(port, port_fallback), port, previous, usable)
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
        assert_eq!(pick(&settings(8080, true), 8130, Some(8082), |_| true), Some(8082));
    }

    #[test]
    fn each_worktree_has_a_port_of_its_own() {
        let port = |name: &str| wanted(&settings(8080, true), Some(name));
        // These must not change: people have bookmarks.
        assert_eq!(["fix", "login", "search", "review"].map(port), [8092, 8157, 8102, 8137]);
        assert!((0..1000).all(|n| (8081..=8179).contains(&port(&format!("worktree-{n}")))));
        assert_eq!(wanted(&settings(8080, true), None), 8080);
        assert_eq!(wanted(&settings(8080, false), Some("fix")), 8080, "without fallback there is one port");
        assert_eq!(wanted(&settings(65535, true), Some("fix")), 65535);
    }

    #[test]
    fn where_two_names_have_one_port_the_next_free_one_is_used() {
        let settings = settings(8080, true);
        assert_eq!(pick(&settings, 8130, None, |port| port != 8130), Some(8131));
        assert_eq!(pick(&settings, 8178, None, |port| port < 8178), Some(8081), "from the begin again");
        assert_eq!(pick(&settings, 8178, None, |port| port == 8080), Some(8080), "the main instance's port comes last");
    }

    #[test]
    fn a_taken_port_is_refused_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let error = choose(&settings(port, false), None, None).expect_err("taken").to_string();
        let expected = format!("port {port} is taken by ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains(&format!("(pid {})", std::process::id())), "{error}");
        let address = choose(&settings(port, true), None, None).expect("the next one");
        assert!(address.port > port);
        assert!(address.to_string().contains(&format!("(port {port} is taken by ")));
    }

    #[test]
    fn urls_are_what_a_browser_takes() {
        let url = |bind: &str, port| Address { bind: bind.parse().expect("an address"), port, instead_of: None }.url();
        assert_eq!(url("127.0.0.1", 8080), "http://localhost:8080");
        assert_eq!(url("0.0.0.0", 80), "http://localhost");
        assert_eq!(url("10.0.0.5", 80), "http://10.0.0.5");
        assert_eq!(url("fd00::1", 8080), "http://[fd00::1]:8080");
    }
}
