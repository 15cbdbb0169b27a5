//! What must not leave this machine, and taking it out of a text.

mod rules;

use std::collections::BTreeSet;
use std::path::Path;

use self::rules::Rule;
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
    /// What is secret whatever its value.
    rules: Vec<Rule>,
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

    /// For `values`, and for what is secret whatever its value.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let forms: BTreeSet<String> = values.into_iter().flat_map(|value| parts(&value)).flat_map(|part| forms(&part)).collect();
        let mut forms: Vec<String> = forms.into_iter().collect();
        // The part of another one must not be taken out of its middle.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self { forms, rules: rules::all() }
    }

    /// `text` without what is secret.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = self.forms.iter().fold(text.to_owned(), |text, form| {
            if form.chars().count() < SHORT { replace_words(&text, form) } else { text.replace(form.as_str(), REDACTED) }
        });
        self.rules.iter().fold(text, |text, rule| rule.apply(&text))
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
mod tests;
