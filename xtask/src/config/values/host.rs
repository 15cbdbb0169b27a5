//! Names and addresses of machines.

use std::fmt;
use std::net::IpAddr;

use toml::Value;

use super::shown;

/// A host name or an IP address, in lower case, without scheme, port or path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Host(String);

impl Host {
    /// The name of this machine for itself.
    pub(crate) fn local() -> Self {
        Self("localhost".to_owned())
    }
}

impl TryFrom<Value> for Host {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let refuse = |hint: &str| format!("{} is not a host name: {hint}", shown(&value));
        let Some(text) = value.as_str() else { return Err(refuse("write one in quotes, for example \"board.example.com\"")) };
        let lower = text.to_ascii_lowercase();
        if let Ok(address) = lower.parse::<IpAddr>() {
            return Ok(Self(address.to_string()));
        }
        if lower.contains("://") || lower.contains('/') || lower.contains(':') {
            return Err(refuse("write it without scheme, port and path, for example \"board.example.com\""));
        }
        // RFC 1123, section 2.1, and RFC 1035, section 2.3.4, for the lengths.
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // Only an address ends with a number.
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        if lower.len() <= 253 && lower.split('.').all(is_label) && !lower.rsplit('.').next().is_some_and(is_number) {
            return Ok(Self(lower));
        }
        Err(refuse("labels of a-z, 0-9 and `-` with dots between them, for example \"board.example.com\""))
    }
}

impl Host {
    /// As a browser has it in an address: IPv6 addresses in brackets.
    pub(crate) fn in_url(&self) -> String {
        if self.0.contains(':') { format!("[{}]", self.0) } else { self.0.clone() }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Result<String, String> {
        Host::try_from(Value::String(text.to_owned())).map(|host| host.in_url())
    }

    #[test]
    fn names_and_addresses_are_taken() {
        assert_eq!(
            ["localhost", "Board.Example.com", "127.0.0.1", "::1", "x-1.dev"].map(|text| host(text).expect("a host")),
            ["localhost", "board.example.com", "127.0.0.1", "[::1]", "x-1.dev"]
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", ".", "a..b", "-a", "a-", "exa mple", "a_b", "https://a.b", "a.b:80", "a.b/c", "300.1.1.1", "a.b.", "ü.de", "*"] {
            assert!(host(text).is_err(), "{text}");
        }
        assert!(host(&"a".repeat(64)).is_err() && host(&["a"; 128].join(".")).is_err());
        insta::assert_snapshot!(host("https://a.b").expect_err("refused"), @r#"`https://a.b` is not a host name: write it without scheme, port and path, for example "board.example.com""#);
    }
}
