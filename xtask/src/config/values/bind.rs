//! Addresses of this machine.

use std::fmt;
use std::net::IpAddr;

use toml::Value;

use super::shown;

/// An address of the host that ports are published on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Bind(pub(crate) IpAddr);

impl TryFrom<Value> for Bind {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        value.as_str().and_then(|text| text.parse().ok()).map(Self).ok_or_else(|| {
            format!(
                "{} is not an address: write \"127.0.0.1\" for this machine only, \"0.0.0.0\" for every network it is in",
                shown(&value)
            )
        })
    }
}

impl fmt::Display for Bind {
    /// As a port mapping takes it: IPv6 addresses in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_what_a_port_mapping_takes() {
        let shown = |text: &str| Bind::try_from(Value::from(text)).map(|bind| bind.to_string());
        assert_eq!([shown("0.0.0.0"), shown("::1")], [Ok("0.0.0.0".to_owned()), Ok("[::1]".to_owned())]);
        insta::assert_snapshot!(shown("localhost").expect_err("refused"), @r#"`localhost` is not an address: write "127.0.0.1" for this machine only, "0.0.0.0" for every network it is in"#);
    }
}
