//! The one published port: choosing it, and naming who holds it.

pub(crate) mod holder;

use std::fmt;
use std::net::{IpAddr, TcpListener};

use crate::config::environment::Proxy;
use crate::engine::containers::Container;
use crate::report::{Failure, Style, paint};

/// The service that publishes the stack's one port, and that port inside its container.
pub(crate) const PROXY: (&str, u16) = ("proxy", 80);

/// How many ports after the wanted one are tried.
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

/// The address for the proxy. A port that the instance already has stays, so that bookmarks and sessions do.
///
/// # Errors
/// When the port is taken and another one may not, or cannot, be used.
pub(crate) fn choose(settings: &Proxy, proxy: Option<&Container>) -> anyhow::Result<Address> {
    let running = proxy.filter(|proxy| proxy.running()).map(Container::host_ports).unwrap_or_default();
    let usable = |port: u16| running.contains(&port) || free(settings.bind, port);
    let previous = proxy.and_then(|proxy| proxy.configured_port(PROXY.1));
    let port = pick(settings, previous, usable);
    if port == Some(settings.port) {
        return Ok(Address { bind: settings.bind, port: settings.port, instead_of: None });
    }
    let holder = holder::name(settings.port);
    match port {
        Some(port) => Ok(Address { bind: settings.bind, port, instead_of: holder.map(|holder| (settings.port, holder)) }),
        None => Err(taken(settings, &holder.unwrap_or_else(|| "a process that this user may not see".to_owned())).into()),
    }
}

fn pick(settings: &Proxy, previous: Option<u16>, usable: impl Fn(u16) -> bool) -> Option<u16> {
    let next = (1..TRIES).filter_map(|step| settings.port.checked_add(step));
    let near = |port: &u16| (settings.port..settings.port.saturating_add(TRIES)).contains(port);
    let mut candidates: Vec<u16> = Vec::new();
    if settings.port_fallback {
        candidates.extend(previous.filter(near));
    }
    candidates.push(settings.port);
    if settings.port_fallback {
        candidates.extend(next);
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

    #[test]
    fn the_wanted_port_then_the_next_free_one() {
        assert_eq!(pick(&settings(8080, true), None, |_| true), Some(8080));
        assert_eq!(pick(&settings(8080, true), None, |port| port > 8081), Some(8082));
        assert_eq!(pick(&settings(8080, false), None, |port| port > 8081), None);
        assert_eq!(pick(&settings(65535, true), None, |_| false), None);
    }

    #[test]
    fn an_instance_keeps_its_port() {
        assert_eq!(pick(&settings(8080, true), Some(8082), |_| true), Some(8082));
        assert_eq!(pick(&settings(8080, true), Some(8082), |port| port != 8082), Some(8080));
        assert_eq!(pick(&settings(9000, true), Some(8082), |_| true), Some(9000), "a new setting counts");
    }

    #[test]
    fn a_taken_port_is_refused_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let error = choose(&settings(port, false), None).expect_err("taken").to_string();
        let expected = format!("port {port} is taken by ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains(&format!("(pid {})", std::process::id())), "{error}");
        let address = choose(&settings(port, true), None).expect("the next one");
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
