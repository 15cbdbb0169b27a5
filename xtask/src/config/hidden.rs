//! Settings that no command shows: whoever knows them can do something with them.

use regex_lite::Regex;
use toml::Value;

/// What is shown in the place of such a value.
pub(crate) const HIDDEN: &str = "«hidden»";

/// What of the setting `key` may be shown.
pub(crate) fn shown(key: &str, value: &Value) -> Value {
    if is_hidden(key, value) { Value::String(HIDDEN.to_owned()) } else { value.clone() }
}

/// Whether nobody is shown what `key` is: an address that anybody may write to, a password in an address, a variable that is called as secrets are.
pub(crate) fn is_hidden(key: &str, value: &Value) -> bool {
    let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return false };
    let called = ["PASSWORD", "SECRET", "TOKEN", "API_KEY"]
        .iter()
        .any(|word| key.strip_prefix("variables.").is_some_and(|name| name.contains(word)));
    let opens = Regex::new(r"://[^/\s:@]*:[^\s]*@").is_ok_and(|pattern| pattern.is_match(text));
    key == "notify.webhook" || called || opens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_is_not_shown() {
        let text = |text: &str| Value::String(text.to_owned());
        for (key, value) in [
            ("notify.webhook", "https://hooks.example.com/a"),
            ("variables.MAIL_URL", "smtp://board:pa/ss@mail.example.com"),
            ("variables.MAP_TOKEN", "x"),
        ] {
            assert_eq!(shown(key, &text(value)), text(HIDDEN), "{key}");
        }
        for (key, value) in [("notify.webhook", ""), ("variables.MAIL_URL", "smtp://mail.example.com:587"), ("site.domain", "TOKEN")] {
            assert_eq!(shown(key, &text(value)), text(value), "{key}");
        }
        assert_eq!(shown("proxy.port", &Value::Integer(1)), Value::Integer(1));
    }
}
