//! Create requests with an `Idempotency-Key`: what was answered is kept for a day and answered again, so that a request that was sent twice, because
//! the first answer was lost, creates once. The record is part of the transaction that creates.
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

/// How long an answer is kept.
const KEEP: &str = "1 day";

/// A key that a client chose for one request.
#[derive(Debug, Clone)]
pub struct Key {
    user: Uuid,
    key: String,
    fingerprint: String,
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: do the work and [`record`] the answer.
    Nothing,
    /// It was done, and this was answered.
    Answered(Value),
    /// It stands for another request.
    Mismatch,
}

impl Key {
    /// A client's key for a request. `None`: it is not 1 to 255 printable ASCII characters.
    pub fn new(user: Uuid, key: &str, route: &str, body: &impl std::fmt::Debug) -> Option<Self> {
        let sane = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let fingerprint = format!("{:x}", Sha256::digest(format!("{route}\n{body:?}")));
        sane.then(|| Key { user, key: key.to_owned(), fingerprint })
    }
}

/// Takes a key, in the transaction that creates. While another transaction has it, this waits for that one's end.
pub async fn claim(connection: &mut PgConnection, key: &Key) -> Result<Known, sqlx::Error> {
    let sql = "INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let insert = sqlx::query(sql).bind(key.user).bind(&key.key).bind(&key.fingerprint);
    if insert.execute(&mut *connection).await?.rows_affected() == 1 {
        return Ok(Known::Nothing);
    }
    let sql = "SELECT fingerprint, response FROM idempotency_keys WHERE user_id = $1 AND key = $2";
    let (fingerprint, response): (String, Option<Value>) = sqlx::query_as(sql).bind(key.user).bind(&key.key).fetch_one(connection).await?;
    Ok(match response {
        Some(response) if fingerprint == key.fingerprint => Known::Answered(response),
        _ => Known::Mismatch,
    })
}

/// Keeps what is answered.
pub async fn record(connection: &mut PgConnection, key: &Key, response: &Value) -> Result<(), sqlx::Error> {
    let sql = "UPDATE idempotency_keys SET response = $3 WHERE user_id = $1 AND key = $2";
    sqlx::query(sql).bind(key.user).bind(&key.key).bind(response).execute(connection).await.map(drop)
}

/// Removes old records, a batch at a time, and says how many.
pub async fn prune(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let sql = "DELETE FROM idempotency_keys WHERE (user_id, key) IN
               (SELECT user_id, key FROM idempotency_keys WHERE created_at < now() - $1::interval LIMIT 10000)";
    Ok(sqlx::query(sql).bind(KEEP).execute(pool).await?.rows_affected())
}
