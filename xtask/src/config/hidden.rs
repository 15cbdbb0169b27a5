//! Settings that no command shows: whoever knows them can do something with them.

use regex_lite::Regex;
use toml::Value;

/// What is shown in the place of such a value.
pub(crate) const HIDDEN: &str = "«hidden»";

/// What names of secrets have in them, as a pattern; whether letters are large does not matter.
pub(crate) const SECRET: &str = "password|passwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credential";

/// Whether a variable or a field `name` is called as secrets are.
pub(crate) fn is_secret_name(name: &str) -> bool {
    !is_a_path(name) && Regex::new(&format!("(?i){SECRET}")).is_ok_and(|pattern| pattern.is_match(name))
}

/// Whether `name` says that it is where a secret is, and not the secret.
pub(crate) fn is_a_path(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("_file") || name.ends_with("-file")
}

/// What of the setting `key` may be shown.
pub(crate) fn shown(key: &str, value: &Value) -> Value {
    if is_hidden(key, value) { Value::String(HIDDEN.to_owned()) } else { value.clone() }
}

/// Whether nobody is shown what `key` is: an address that anybody may write to, a password in an address, a variable that is called as secrets are.
pub(crate) fn is_hidden(key: &str, value: &Value) -> bool {
    let Some(text) = value.as_str().filter(|text| !text.is_empty()) else { return false };
    let called = key.strip_prefix("variables.").is_some_and(is_secret_name);
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
            ("variables.map_access_key", "x"),
        ] {
            assert_eq!(shown(key, &text(value)), text(HIDDEN), "{key}");
        }
        for (key, value) in [
            ("notify.webhook", ""),
            ("variables.MAIL_URL", "smtp://mail.example.com:587"),
            ("site.domain", "TOKEN"),
            ("variables.TOKEN_FILE", "/a"),
        ] {
            assert_eq!(shown(key, &text(value)), text(value), "{key}");
        }
        assert_eq!(shown("proxy.port", &Value::Integer(1)), Value::Integer(1));
    }
}
