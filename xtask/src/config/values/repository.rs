//! Where a repository of backups is: a directory, or an address that restic takes.

use std::path::{Path, PathBuf};

use toml::Value;

use super::shown;

/// A repository of restic; none where the setting is empty.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum BackupRepository {
    /// There is none: each backup is a file.
    None,
    /// A directory of this machine, from the root of the checkout where it is relative.
    Directory(PathBuf),
    /// Somewhere else: its address.
    Remote(Scheme, String),
}

/// How a repository somewhere else is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Object storage, with the secrets `backup_s3_key_id` and `backup_s3_secret`.
    S3,
    /// Files on another machine, with the secrets `backup_ssh_key` and `backup_ssh_known_hosts`.
    Sftp,
    /// A server of restic's own protocol that knows nobody.
    Rest,
    /// One that wants to know who it is, with the secret `backup_rest_password`.
    RestUser,
}

impl TryFrom<Value> for BackupRepository {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let wrong = |reason: &str| {
            format!(
                "{} {reason}: write a directory, or an address such as \"s3:https://s3.example.com/bucket\", \"sftp:user@host:/path\" or \
                 \"rest:https://backup.example.com/\"; \"\" for files",
                shown(&value)
            )
        };
        let Some(text) = value.as_str().filter(|text| !text.contains(['\n', '\r', '\0', '$'])) else {
            return Err(wrong("is no repository of backups"));
        };
        if text.is_empty() {
            return Ok(Self::None);
        }
        if text.starts_with('~') {
            return Err(wrong("begins with `~`, which only a shell knows"));
        }
        let (scheme, rest) = match text.split_once(':') {
            Some(("s3", rest)) => (Scheme::S3, rest),
            Some(("sftp", rest)) => (Scheme::Sftp, rest),
            Some(("rest", rest)) => (Scheme::Rest, rest),
            // A letter is a drive.
            Some((other, _)) if other.len() > 1 && !other.contains(['/', '\\']) => return Err(wrong("is of a kind that is not supported")),
            _ if text.trim().is_empty() => return Err(wrong("is no repository of backups")),
            _ => return Ok(Self::Directory(PathBuf::from(text))),
        };
        if rest.trim().is_empty() || text.contains(char::is_whitespace) {
            return Err(wrong("is no whole address"));
        }
        // Addresses are shown, and stand in command lines.
        let authority = rest.split_once("//").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
        match user {
            Some(user) if user.contains(':') => {
                Err("has a password in it, and settings are no place for secrets: that of a server is `backup_rest_password`".to_owned())
            }
            Some(_) if scheme == Scheme::Rest => Ok(Self::Remote(Scheme::RestUser, text.to_owned())),
            _ => Ok(Self::Remote(scheme, text.to_owned())),
        }
    }
}

impl BackupRepository {
    /// Whether backups go into one.
    pub(crate) fn is_on(&self) -> bool {
        *self != Self::None
    }

    /// How it is reached, if it is somewhere else.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Remote(scheme, _) => Some(*scheme),
            _ => None,
        }
    }

    /// The directory, for a checkout whose root is `root`, if it is one.
    pub(crate) fn directory(&self, root: &Path) -> Option<PathBuf> {
        match self {
            Self::Directory(path) => Some(root.join(path)),
            _ => None,
        }
    }

    /// As people call it; nothing where there is none.
    pub(crate) fn address(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Directory(path) => Some(path.display().to_string()),
            Self::Remote(_, address) => Some(address.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_told_from_addresses() {
        let repository = |text: &str| BackupRepository::try_from(Value::from(text)).expect("a repository");
        assert_eq!(repository(""), BackupRepository::None);
        let root = Path::new("/checkout");
        assert_eq!(repository("../vault").directory(root), Some(root.join("../vault")));
        assert_eq!(repository("/srv/vault:2").directory(root), Some("/srv/vault:2".into()));
        assert_eq!(repository("C:\\vault").scheme(), None);
        let schemes = ["s3:https://s3.example.com/bucket", "sftp:user@host:/path", "rest:https://user@backup.example.com:8000/"];
        assert_eq!(schemes.map(|text| repository(text).scheme()), [Some(Scheme::S3), Some(Scheme::Sftp), Some(Scheme::RestUser)]);
        assert_eq!(repository("rest:http://backup:8000/").scheme(), Some(Scheme::Rest));
        assert_eq!(schemes.map(|text| repository(text).address()), schemes.map(|text| Some(text.to_owned())));
    }

    #[test]
    fn what_is_unknown_or_secret_is_refused() {
        let refused = |value: Value| BackupRepository::try_from(value).expect_err("refused");
        for (text, reason) in [
            (" ", "is no repository"),
            ("$HOME/vault", "is no repository"),
            ("a\nb", "is no repository"),
            ("~/vault", "only a shell knows"),
            ("b2:bucket", "is not supported"),
            ("https://host/", "is not supported"),
            ("s3:", "is no whole address"),
            ("rest:https://a b/", "is no whole address"),
        ] {
            assert!(refused(Value::from(text)).contains(reason), "{text}");
        }
        let said = refused(Value::from("rest:https://user:hunter2@host/"));
        assert!(said.contains("password") && !said.contains("hunter2"), "{said}");
        assert!(refused(Value::from(1)).contains("is no repository"));
    }
}
