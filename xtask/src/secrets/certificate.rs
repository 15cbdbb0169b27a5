//! Certificates of our own making, for trials: a program in the image of the service that uses them makes them, so that the host needs none.

use std::net::IpAddr;

use crate::config::values::Host;
use crate::process::Invocation;

/// What browsers take at most, in days.
const DAYS: u32 = 397;

/// Makes a key and a certificate for `hosts` with the `openssl` of `image`, and prints both. Nothing of it is kept in the container.
pub(super) fn make(image: &str, hosts: &[Host]) -> Invocation {
    let names: Vec<String> = hosts
        .iter()
        .map(|host| match host.to_string().parse::<IpAddr>() {
            Ok(address) => format!("IP:{address}"),
            Err(_) => format!("DNS:{host}"),
        })
        .collect();
    // Names in certificates end after 64 characters; what counts is the list of alternatives.
    let common: String = hosts.first().map(ToString::to_string).unwrap_or_default().chars().take(64).collect();
    let script = format!(
        "umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /tmp/key && cat /tmp/key && \
         openssl req -x509 -new -sha256 -key /tmp/key -days {DAYS} -subj /CN={common} -addext subjectAltName={} -addext basicConstraints=critical,CA:FALSE",
        names.join(",")
    );
    Invocation::new("docker")
        .args(["container", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"])
        .args(["--entrypoint", "sh", image, "-c"])
        .arg(script)
}

/// The certificates, one after the other, and the private key in `text`; nothing where one of both is missing.
pub(crate) fn pair(text: &str) -> Option<(String, String)> {
    let mut certificates = Vec::new();
    let mut key = None;
    let mut rest = text;
    while let Some(from) = rest.find("-----BEGIN ") {
        let (label, _) = rest[from + "-----BEGIN ".len()..].split_once("-----")?;
        let end = format!("-----END {label}-----");
        let to = from + rest[from..].find(&end)? + end.len();
        let block = &rest[from..to];
        if label == "CERTIFICATE" {
            certificates.push(block);
        } else if label.ends_with("PRIVATE KEY") {
            key = Some(block.to_owned());
        }
        rest = &rest[to..];
    }
    Some((certificates.join("\n"), key?)).filter(|(chain, _)| !chain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_site_are_in_the_command() {
        let hosts = ["board.example.com", "localhost", "::1"].map(|name| Host::try_from(toml::Value::from(name)).expect("a host"));
        insta::assert_snapshot!(make("slipway/proxy:main", &hosts), @"docker container run --rm --network none --read-only --tmpfs /tmp --cap-drop ALL --entrypoint sh slipway/proxy:main -c 'umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /tmp/key && cat /tmp/key && openssl req -x509 -new -sha256 -key /tmp/key -days 397 -subj /CN=board.example.com -addext subjectAltName=DNS:board.example.com,DNS:localhost,IP:::1 -addext basicConstraints=critical,CA:FALSE'");
    }

    #[test]
    fn both_parts_are_found() {
        let key = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----";
        let certificate = "-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----";
        let parameters = "-----BEGIN EC PARAMETERS-----\nCC\n-----END EC PARAMETERS-----";
        let text = format!("{parameters}\n{key}\nnoise\n{certificate}\n{certificate}\n");
        assert_eq!(pair(&text), Some((format!("{certificate}\n{certificate}"), key.to_owned())));
        assert_eq!([pair(key), pair(certificate), pair("-----BEGIN x"), pair("")], [None, None, None, None]);
    }
}
