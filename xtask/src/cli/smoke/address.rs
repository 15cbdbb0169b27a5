//! `--url`: the address of a stack that is elsewhere. Pure.

use std::net::Ipv6Addr;

use crate::report::Failure;

/// Whether `url` is a scheme, a host and perhaps a port, and nothing more: each check has a path of its own, and cookies are its only credentials.
///
/// # Errors
/// When it is something else.
pub(super) fn check(url: &str) -> Result<(), Failure> {
    let example = "`--url https://board.example.com` asks a stack that is elsewhere";
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        return Err(Failure::new(format!("`--url {url}` is no address of HTTP")).hint(example));
    };
    let (authority, more) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if !is_host(host) {
        return Err(Failure::new(format!("`--url {scheme}://{host}` has no host, or no port that there can be")).hint(example));
    }
    let only = format!("`--url {scheme}://{host}` asks this stack");
    if host != authority {
        // Not shown: a password is in it, most likely.
        return Err(Failure::new("the address of `--url` has a user or a password in it, which no check would send").hint(only));
    }
    match more {
        "" | "/" => Ok(()),
        more => Err(Failure::new(format!("`--url {url}` has `{more}` after its host, which no check would ask for"))
            .hint(format!("{only}; each check has its own path"))),
    }
}

/// Whether `text` is a host, with a port or without. What names there are is for whoever looks them up.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let named = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')),
    };
    named && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_enough() {
        let addresses =
            ["https://board.example.com", "https://board.example.com/", "http://localhost:8080", "http://[::1]:8080/", "http://127.0.0.1"];
        for url in addresses {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_would_be_dropped_is_refused() {
        let addresses = [
            "board.example.com",
            "ftp://board.example.com",
            "https://",
            "https://:443",
            "https://board.example.com:0",
            "https://board.example.com:x",
            "https://a b",
            "https://host\\sub",
            "https://[::1",
            "https://[::x]:80",
            "https://board.example.com/sub",
            "https://board.example.com:8443?a=b",
            "https://board.example.com/#top",
            "https://somebody:secret@board.example.com/",
        ];
        let said = addresses.map(|url| check(url).expect_err(url).to_string());
        insta::assert_snapshot!(said.join("\n----\n"));
    }
}
