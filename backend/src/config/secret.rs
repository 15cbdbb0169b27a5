//! Secrets in files that variables name.
use super::Env;
use std::path::PathBuf;

/// A file with a secret. It may get another value while this process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// The file that a variable names, and what is in it. The inner `None`: the variable is not set.
    pub fn read(env: &Env<'_>, variable: &'static str) -> Option<Option<(Self, String)>> {
        let Some(path) = env.text(variable) else { return Some(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Some((SecretFile(PathBuf::from(path)), trimmed(&text)))),
            Err(error) => {
                let problem = format!("names `{path}`, which cannot be read: {error}");
                env.refuse(variable, problem, "create the file, or make it readable for this user");
                None
            }
        }
    }

    /// What is in it now; `None` where it cannot be read or is just being written.
    pub fn now(&self) -> Option<String> {
        std::fs::read_to_string(&self.0).ok().map(|text| trimmed(&text)).filter(|text| !text.is_empty())
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches(['\r', '\n']).to_owned()
}
