//! What must not leave this machine, and taking it out of a text.

use std::collections::BTreeSet;
use std::path::Path;

use regex_lite::Regex;

use crate::config::hidden::is_hidden;
use crate::config::layers::{Directory, leaves};
use crate::model::Model;
use crate::project::Project;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "«redacted»";
/// Shorter values are parts of innocent words: only whole words are taken for them.
const SHORT: usize = 6;
/// Shorter lines of a value of several lines say nothing.
const LINE: usize = 8;

/// Takes secrets out of texts.
#[derive(Clone, Debug)]
pub(crate) struct Redactor {
    /// Values as they may be written, longest first.
    forms: Vec<String>,
    /// What is secret whatever its value, each with what stays of it.
    rules: Vec<(Regex, String)>,
}

impl Redactor {
    /// For everything that is secret in the checkout of `project`: its secret files, those that services of `model` have mounted, and the settings that
    /// nobody is shown, of every environment.
    pub(crate) fn of(project: &Project, model: Option<&Model>) -> Self {
        let mut values = BTreeSet::new();
        for directory in files(&project.infra().join("secrets")) {
            values.extend(files(&directory).iter().filter_map(|file| read(file)));
        }
        let mounted = model.into_iter().flat_map(|model| {
            let used = |name: &str| model.services.values().any(|service| service.has_secret(name));
            model.secrets.iter().filter(move |(name, _)| used(name)).filter_map(|(_, secret)| read(secret.file.as_ref()?))
        });
        values.extend(mounted);
        let settings = Directory::of(&project.infra());
        for name in settings.names() {
            // What is wrong with a file is told elsewhere.
            let tree = settings.read(&name, &mut Vec::new()).tree;
            let hidden = leaves(&tree).into_iter().filter(|(key, value)| is_hidden(key, value));
            values.extend(hidden.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
        }
        Self::new(values)
    }

    /// For `values`, and for passwords in addresses.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let forms: BTreeSet<String> = values.into_iter().flat_map(|value| parts(&value)).flat_map(|part| forms(&part)).collect();
        let mut forms: Vec<String> = forms.into_iter().collect();
        // The part of another one must not be taken out of its middle.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let rules = [
            // The password of an address, to the last `@` of the word: it may have one itself.
            (r#"(://[^/\s:@"']*:)[^\s"']*@"#, format!("${{1}}{REDACTED}@")),
            // A token in place of a name.
            (r#"(https?://)[^/\s:@"']+@"#, format!("${{1}}{REDACTED}@")),
            // A file of settings that is not valid is quoted where it is told of.
            (r#"(webhook"?\s*[=:]\s*")[^"]+"#, format!("${{1}}{REDACTED}")),
            // What a client proves itself with, to the end of the header: a cookie is many values, and some schemes have many parts. In JSON a header
            // ends with a quote, and begins with one that may be escaped itself.
            (r#"(?i)(\b(?:set-)?cookie\\?"?[ \t]*[:=][ \t]*\[?\\?"?)[^"\r\n\\]+"#, format!("${{1}}{REDACTED}")),
            (r"(?i)(\bdigest[ \t]+)username\b[^\r\n]*", format!("${{1}}{REDACTED}")),
            (
                r#"(?i)(\bauthorization\\?"?[ \t]*[:=][ \t]*\[?\\?"?(?:(?:basic|bearer|digest|token)[ \t]+)?)[^"\s\\][^"\r\n\\]*"#,
                format!("${{1}}{REDACTED}"),
            ),
            (r"(?i)(\bbearer[ \t]+)[A-Za-z0-9._~+/=-]+", format!("${{1}}{REDACTED}")),
            // In a statement that PostgreSQL logs because it is slow, or wrong; to the end of the line where it is cut off.
            (r"(?i)(\bpassword[ \t]*=?[ \t]*)E?'(?:[^'\r\n]|'')*'?", format!("${{1}}'{REDACTED}'")),
        ];
        let rules = rules.into_iter().filter_map(|(rule, by)| Some((Regex::new(rule).ok()?, by))).collect();
        Self { forms, rules }
    }

    /// `text` without what is secret.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = self.forms.iter().fold(text.to_owned(), |text, form| {
            if form.chars().count() < SHORT { replace_words(&text, form) } else { text.replace(form.as_str(), REDACTED) }
        });
        self.rules.iter().fold(text, |text, (rule, by)| rule.replace_all(&text, by.as_str()).into_owned())
    }
}

/// What is in `directory`; nothing where it is none.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn read(file: &Path) -> Option<String> {
    std::fs::read(file).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A value, its lines, and the password in it where it is an address.
fn parts(value: &str) -> Vec<String> {
    let value = value.trim();
    let mut parts = vec![value.to_owned()];
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE && !line.starts_with("-----"));
    parts.extend(lines.map(str::to_owned));
    let user = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    parts.extend(user.and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password.to_owned()));
    parts.retain(|part| !part.is_empty());
    parts
}

/// The ways in which `value` may be written: as it is, in JSON, in JSON as the engine's programs write it, and in an address.
fn forms(value: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(value).to_string();
    let json = quoted[1..quoted.len() - 1].to_owned();
    let html = json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    vec![value.to_owned(), json, html, escaped]
}

/// Replaces `word` where it is not a part of a longer one.
fn replace_words(text: &str, word: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let inside = letter(before.chars().last().or(out.chars().last())) || letter(after.chars().next());
        out.push_str(before);
        out.push_str(if inside { word } else { REDACTED });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(values: &[&str], text: &str) -> String {
        Redactor::new(values.iter().map(|value| (*value).to_owned())).redact(text)
    }

    #[test]
    fn a_value_is_found_however_it_is_written() {
        let secret = "a\"b&c<d\\e/f";
        let written = [
            secret.to_owned(),
            serde_json::json!({ "key": secret }).to_string(),
            r#"{"key":"a\"b\u0026c\u003cd\\e/f"}"#.to_owned(),
            "postgres:///?password=a%22b%26c%3Cd%5Ce%2Ff".to_owned(),
        ];
        for text in written {
            let out = redacted(&[secret], &text);
            assert!(out.contains(REDACTED) && !out.contains("b%26") && !out.contains("d\\"), "{text}: {out}");
        }
    }

    #[test]
    fn every_line_of_a_key_is_secret_and_its_head_is_not() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQE\n-----END PRIVATE KEY-----\n";
        assert_eq!(redacted(&[key], &format!("x\n{key}y")), format!("x\n{REDACTED}\ny"));
        assert_eq!(redacted(&[key], "-----BEGIN PRIVATE KEY----- kqhkiG9w0BAQE"), format!("-----BEGIN PRIVATE KEY----- {REDACTED}"));
    }

    #[test]
    fn the_password_of_an_address_is_secret_also_on_its_own() {
        let url = "postgres://board:s3cr%40t-word@db.example.com:5432/board";
        assert_eq!(redacted(&[url], "password s3cr%40t-word is wrong"), format!("password {REDACTED} is wrong"));
        insta::assert_snapshot!(
            redacted(&[], "redis://:pw@a:6379/0 smtp://u:p@ss@b:25 \"https://key@c/1\" http://localhost:8080/ ssh://git@d/e"),
            @r#"redis://:«redacted»@a:6379/0 smtp://u:«redacted»@b:25 "https://«redacted»@c/1" http://localhost:8080/ ssh://git@d/e"#
        );
        assert_eq!(redacted(&[], "in `webhook = \"https://a/b\"`"), format!("in `webhook = \"{REDACTED}\"`"));
    }

    #[test]
    fn what_a_client_proves_itself_with_is_secret() {
        insta::assert_snapshot!(
            redacted(
                &[],
                &[
                    "> Authorization: Bearer eyJh.bGci_-~+/=",
                    "authorization: basic dTpw",
                    "Authorization: Digest username=\"u\", response=\"0123\"",
                    "Proxy-Authorization: opaque and more",
                    r#"{"authorization":"Bearer xyz","path":"/a"}"#,
                    r#"{"message":"headers: {\"authorization\": \"Token abc\", \"host\": \"a\"}"}"#,
                    "it sent Bearer xyz, which is no token",
                    "Cookie: session=abc; theme=dark",
                    "< set-cookie: session=abc; HttpOnly",
                    r#"{"set-cookie":["session=abc"],"status":200}"#,
                ]
                .join("\n")
            ),
            @r#"
        > Authorization: Bearer «redacted»
        authorization: basic «redacted»
        Authorization: Digest «redacted»
        Proxy-Authorization: «redacted»
        {"authorization":"Bearer «redacted»","path":"/a"}
        {"message":"headers: {\"authorization\": \"Token «redacted»\", \"host\": \"a\"}"}
        it sent Bearer «redacted», which is no token
        Cookie: «redacted»
        < set-cookie: «redacted»
        {"set-cookie":["«redacted»"],"status":200}
        "#
        );
        for innocent in ["cookies are off", "no authorization", "a bearer", "the cookie_secure setting"] {
            assert_eq!(redacted(&[], innocent), innocent);
        }
    }

    #[test]
    fn the_password_in_a_statement_is_secret() {
        insta::assert_snapshot!(
            redacted(
                &[],
                &[
                    "STATEMENT:  ALTER ROLE slipway WITH LOGIN PASSWORD 'it''s' VALID UNTIL 'infinity'",
                    "create user a password E'pw' createdb;",
                    r#"{"query":"ALTER USER a WITH ENCRYPTED PASSWORD 'pw'","rows":0}"#,
                    "CREATE USER a PASSWORD 'cut off",
                    "host=db password='p w' user=a",
                ]
                .join("\n")
            ),
            @r#"
        STATEMENT:  ALTER ROLE slipway WITH LOGIN PASSWORD '«redacted»' VALID UNTIL 'infinity'
        create user a password '«redacted»' createdb;
        {"query":"ALTER USER a WITH ENCRYPTED PASSWORD '«redacted»'","rows":0}
        CREATE USER a PASSWORD '«redacted»'
        host=db password='«redacted»' user=a
        "#
        );
    }

    #[test]
    fn who_a_log_line_connects_as_is_no_secret_but_the_password_is() {
        let line = r#"{"level":"ERROR","message":"cannot connect to postgres://user:pw@host:5432/db?sslmode=disable"}"#;
        assert_eq!(redacted(&[], line), line.replace(":pw@", &format!(":{REDACTED}@")));
    }

    #[test]
    fn a_short_value_is_no_part_of_a_word_and_an_empty_one_is_nowhere() {
        assert_eq!(redacted(&["db", "", "\n"], "db: the dbs of db, adb"), format!("{REDACTED}: the dbs of {REDACTED}, adb"));
        assert_eq!(redacted(&["secret", "secret-2"], "secret-2 secret"), format!("{REDACTED} {REDACTED}"));
    }
}
