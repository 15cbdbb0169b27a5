//! How to reach PostgreSQL: `DATABASE_URL` and `DATABASE_PASSWORD_FILE`, or `DATABASE_URL_FILE` for a URL with a password in it.
use super::{Env, SecretFile};
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Host, port, user, password and database. Its `Debug` form leaves the password out.
    pub options: PgConnectOptions,
    /// Where the password comes from, if it is in a file.
    pub secret: Option<DatabaseSecret>,
}

/// A file with a part of [`DatabaseConfig::options`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseSecret {
    /// It has the password.
    Password(SecretFile),
    /// It has everything, as a URL.
    Url(SecretFile),
}

impl DatabaseConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        const FORM: &str = "write it as `postgres://USER@HOST:PORT/DATABASE`";
        if let Some((file, url)) = SecretFile::read(env, "DATABASE_URL_FILE")? {
            // The error would repeat a part of the URL.
            let Ok(options) = PgConnectOptions::from_str(&url) else {
                env.refuse("DATABASE_URL_FILE", "names a file that has no URL in it", FORM);
                return None;
            };
            return Some(DatabaseConfig { options, secret: Some(DatabaseSecret::Url(file)) });
        }
        let url = env.required("DATABASE_URL", "set it to something like `postgres://slipway@db:5432/slipway`");
        let password = SecretFile::read(env, "DATABASE_PASSWORD_FILE");
        let url = url?;
        if has_password(&url) {
            env.refuse(
                "DATABASE_URL",
                "contains a password, which everybody who can inspect the process could read",
                "write the password to a file and name it in `DATABASE_PASSWORD_FILE`",
            );
            return None;
        }
        match PgConnectOptions::from_str(&url) {
            Ok(options) => Some(match password? {
                Some((file, password)) => {
                    DatabaseConfig { options: options.password(&password), secret: Some(DatabaseSecret::Password(file)) }
                }
                None => DatabaseConfig { options, secret: None },
            }),
            Err(error) => {
                let problem = format!("cannot be `{url}`: {error}");
                env.refuse("DATABASE_URL", problem, FORM);
                None
            }
        }
    }
}

impl DatabaseSecret {
    /// What is in the file now.
    pub fn now(&self) -> Option<String> {
        match self {
            DatabaseSecret::Password(file) | DatabaseSecret::Url(file) => file.now(),
        }
    }

    /// `options` with `value` in the place of what the file had; `None` where it makes no sense.
    pub fn apply(&self, options: &PgConnectOptions, value: &str) -> Option<PgConnectOptions> {
        match self {
            DatabaseSecret::Password(_) => Some(options.clone().password(value)),
            DatabaseSecret::Url(_) => PgConnectOptions::from_str(value).ok(),
        }
    }
}

/// Whether the authority of a URL reads `user:password@host`, or its query sets `password`.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, query) = (rest.split(['/', '?']).next().unwrap_or(rest), rest.split_once('?').map(|(_, query)| query));
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
        || query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("password=")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_noticed() {
        assert!(has_password("postgres://slipway:secret@db:5432/slipway"));
        assert!(has_password("postgres://slipway@db/slipway?password=secret"));
        assert!(!has_password("postgres://slipway@db:5432/slipway?sslmode=disable"));
        assert!(!has_password("postgres://db:5432/slipway"));
    }
}
