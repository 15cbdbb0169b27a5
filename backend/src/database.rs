//! The connection pool of PostgreSQL, and which errors mean that the database is away.
use crate::config::{DatabaseConfig, DatabaseSecret};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::time::Duration;

/// How long a request waits for a connection: shorter than people's patience, longer than a restart of a pooled connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long PostgreSQL works on one statement of ours.
const STATEMENT_TIMEOUT: &str = "5s";
const MAX_CONNECTIONS: u32 = 10;
/// How often the file with the password is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A pool that connects when it is first used, so that a process starts without the database. New connections take a new password as soon as it is in
/// its file; those that are open need none.
pub fn pool(config: &DatabaseConfig, application_name: &str) -> PgPool {
    let options = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = options.connect_lazy_with(session(config.options.clone(), application_name));
    if let Some(secret) = &config.secret {
        tokio::spawn(follow(pool.clone(), secret.clone(), config.options.clone(), application_name.to_owned()));
    }
    pool
}

/// `options` with what every session of ours has.
fn session(options: PgConnectOptions, application_name: &str) -> PgConnectOptions {
    let bounds = [("statement_timeout", STATEMENT_TIMEOUT), ("idle_in_transaction_session_timeout", "15s")];
    options.application_name(application_name).options(bounds)
}

/// Brings what is in the file to the pool, until that is closed.
async fn follow(pool: PgPool, secret: DatabaseSecret, options: PgConnectOptions, application_name: String) {
    let mut known = secret.now();
    let closed = pool.close_event();
    tokio::pin!(closed);
    loop {
        tokio::select! {
            () = &mut closed => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = secret.now();
        if now.is_some() && now != known {
            if let Some(options) = now.as_deref().and_then(|value| secret.apply(&options, value)) {
                pool.set_connect_options(session(options, &application_name));
                tracing::info!("the database's password has changed: new connections use the new one");
            }
            known = now;
        }
    }
}

/// Whether an error will pass by itself: the database is away, starting, overloaded, or not migrated yet.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_unavailable_code(&code)),
        _ => false,
    }
}

/// Whether the database is there but refuses us: a wrong password or user, or no such database. It passes when somebody sets that right.
pub fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("28") || code == "3D000")
}

/// The error in one sentence. The library's own text repeats itself and names lines of the server's source.
pub fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    }
}

/// By SQLSTATE: connection exceptions, a refused login (passwords are rotated), serialisation failures, insufficient resources, a full or locked object, operator intervention,
/// a read-only server (a standby), a missing database, and a table that the migrations have not created yet.
fn is_unavailable_code(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "28" | "40" | "53" | "55" | "57")) || matches!(code, "25006" | "3D000" | "42P01")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_errors_are_told_from_lasting_ones() {
        assert!(is_unavailable(&sqlx::Error::PoolTimedOut));
        assert!(is_unavailable(&sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into())));
        assert!(!is_unavailable(&sqlx::Error::RowNotFound));
        for code in ["57P01", "57P03", "57014", "53300", "08006", "28P01", "40001", "42P01", "25006"] {
            assert!(is_unavailable_code(code), "{code}");
        }
        for code in ["23505", "42601", "22001", "2"] {
            assert!(!is_unavailable_code(code), "{code}");
        }
    }
}
