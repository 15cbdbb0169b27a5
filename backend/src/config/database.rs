//! How to reach PostgreSQL: `DATABASE_URL` and `DATABASE_PASSWORD_FILE`.
use super::{Env, read_secret};
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Host, port, user, password and database. Its `Debug` form leaves the password out.
    pub options: PgConnectOptions,
}

impl DatabaseConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        let url = env.required("DATABASE_URL", "set it to something like `postgres://slipway@db:5432/slipway`");
        let password = read_secret(env, "DATABASE_PASSWORD_FILE");
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
            Ok(options) => Some(DatabaseConfig {
                options: match password? {
                    Some(password) => options.password(&password),
                    None => options,
                },
            }),
            Err(error) => {
                let problem = format!("cannot be `{url}`: {error}");
                env.refuse("DATABASE_URL", problem, "write it as `postgres://USER@HOST:PORT/DATABASE`");
                None
            }
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
