//! Password resets in PostgreSQL: the links in mails that set a new password. A link has a random token, the table its hash; it works once, for an hour.
use crate::accounts::{self, Account, Email};
use crate::jobs::{self, NewJob};
use crate::sessions::Token;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

/// The kind of the job that sends a mail with a link.
pub const MAIL: &str = "send_password_reset";
/// How long a link works, from the moment its mail is sent; also how long a request waits for its mail to be sent.
pub const LIFETIME: time::Duration = time::Duration::hours(1);

/// A request for a link. Whether the address has an account is looked up by the job: the answer takes as long either way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The address that was typed.
    pub email: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Asks for a mail with a link.
pub async fn request(pool: &PgPool, email: &Email) -> Result<(), sqlx::Error> {
    let payload = json!(Request { email: email.as_str().to_owned(), at: OffsetDateTime::now_utc() });
    let mut connection = pool.acquire().await?;
    jobs::enqueue(&mut connection, &NewJob { kind: MAIL, coalesce_key: None, payload, max_attempts: 10 }).await.map(drop)
}

/// Makes the token of a link for an account.
pub async fn create(pool: &PgPool, account: Uuid) -> anyhow::Result<Token> {
    let token = Token::random()?;
    let sql = "INSERT INTO password_resets (token_hash, user_id, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))";
    sqlx::query(sql).bind(hash(&token)).bind(account).bind(LIFETIME.as_seconds_f64()).execute(pool).await?;
    Ok(token)
}

/// The account whose password a token may set.
pub async fn find(pool: &PgPool, token: &Token) -> Result<Option<Account>, sqlx::Error> {
    let sql = "SELECT user_id FROM password_resets WHERE token_hash = $1 AND expires_at > now()";
    match sqlx::query_scalar(sql).bind(hash(token)).fetch_optional(pool).await? {
        Some(id) => accounts::get(pool, id).await,
        None => Ok(None),
    }
}

/// Sets the password of `account`, whose token it is. `false`: the token does not work any more.
pub async fn complete(pool: &PgPool, token: &Token, account: &Account, password_hash: &str) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Of two at the same moment, one removes the row.
    let sql = "DELETE FROM password_resets WHERE token_hash = $1 AND user_id = $2 AND expires_at > now()";
    let works = sqlx::query(sql).bind(hash(token)).bind(account.id).execute(&mut *transaction).await?.rows_affected() > 0;
    if !works || accounts::change_password(&mut *transaction, account, password_hash).await?.is_none() {
        return Ok(false);
    }
    transaction.commit().await?;
    Ok(true)
}

/// Removes tokens that do not work any more, a batch at a time, and says how many.
pub async fn prune(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let sql =
        "DELETE FROM password_resets WHERE token_hash IN (SELECT token_hash FROM password_resets WHERE expires_at <= now() LIMIT 10000)";
    Ok(sqlx::query(sql).execute(pool).await?.rows_affected())
}

fn hash(token: &Token) -> Vec<u8> {
    Sha256::digest(token.as_str()).to_vec()
}
