//! Where messages are posted.

use toml::Value;

use super::shown;

/// An address of HTTP; none where the setting is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Webhook(pub(crate) Option<String>);

impl TryFrom<Value> for Webhook {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let wrong = || format!("{} is no address: write \"https://hooks.example.com/…\", or \"\" for none", shown(&value));
        let text = value.as_str().ok_or_else(wrong)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
        let plain = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '{' | '}' | '[' | ']' | '`'));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || !plain { Err(wrong()) } else { Ok(Self(Some(text.to_owned()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_http_are_taken() {
        let read = |text: &str| Webhook::try_from(Value::String(text.to_owned()));
        assert_eq!(read(""), Ok(Webhook(None)));
        for good in ["https://hooks.example.com/a?b=c", "http://127.0.0.1:9000/"] {
            assert_eq!(read(good), Ok(Webhook(Some(good.to_owned()))));
        }
        for bad in
            ["hooks.example.com", "ftp://a/", "https://", "https:///a", "http://a b", "http://a/\"x", "http://a/\nb", "http://[::1]/{x}"]
        {
            assert!(read(bad).is_err_and(|error| error.contains("is no address")), "{bad}");
        }
        assert!(Webhook::try_from(Value::Integer(1)).is_err());
    }
}
