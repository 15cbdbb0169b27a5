//! Slows down guessing: attempts to sign in are counted in Redis, for each account, address and pair of them, whether the account exists or not.
use crate::redis_client;
use redis::RedisError;
use redis::aio::ConnectionManager;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Attempts are counted for this long, from the first one on.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// From one address for one account: somebody who has forgotten a password.
const FOR_BOTH: u32 = 10;
/// For one account from anywhere: high enough that strangers do not easily lock somebody out.
const FOR_ACCOUNT: u32 = 100;
/// From one address for any account: an office behind one address has many people.
const FOR_ADDRESS: u32 = 200;

/// One attempt.
#[derive(Debug)]
pub struct Attempt([(String, u32); 3]);

impl Attempt {
    /// An attempt from an address on an account's e-mail, existing or not.
    pub fn new(email: &str, address: &str) -> Self {
        let digest = |text: &str| format!("{:x}", Sha256::digest(text));
        let (email, address) = (digest(email), digest(address));
        Attempt([
            (format!("sign-in:{email}:{address}"), FOR_BOTH),
            (format!("sign-in:account:{email}"), FOR_ACCOUNT),
            (format!("sign-in:address:{address}"), FOR_ADDRESS),
        ])
    }

    /// Counts it, before the password is looked at: of many at once, none gets by. `Some`: too many, come back after this time.
    pub async fn count(&self, redis: &ConnectionManager) -> Result<Option<Duration>, RedisError> {
        let mut pipe = redis::pipe();
        for (key, _) in &self.0 {
            pipe.cmd("SET").arg(key).arg(0).arg("EX").arg(WINDOW.as_secs()).arg("NX").ignore();
            pipe.cmd("INCR").arg(key);
            pipe.cmd("TTL").arg(key);
        }
        let pipe = &pipe;
        let answers: Vec<i64> = redis_client::ask(redis, |mut redis| async move { pipe.query_async(&mut redis).await }).await?;
        let counts = answers.chunks_exact(2).zip(&self.0);
        let waits = counts.filter(|(answer, (_, most))| answer[0] > i64::from(*most)).map(|(answer, _)| answer[1].max(1));
        Ok(waits.max().and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs))
    }

    /// Takes it back: the password was right.
    pub async fn forgive(&self, redis: &ConnectionManager) -> Result<(), RedisError> {
        let mut pipe = redis::pipe();
        pipe.cmd("DEL").arg(&self.0[0].0).ignore();
        for (key, _) in &self.0[1..] {
            // Never below zero, and never a key without an end: it may have ended meanwhile.
            pipe.cmd("SET").arg(key).arg(1).arg("EX").arg(WINDOW.as_secs()).arg("NX").ignore();
            pipe.cmd("DECR").arg(key).ignore();
        }
        let pipe = &pipe;
        redis_client::ask(redis, |mut redis| async move { pipe.query_async(&mut redis).await }).await
    }
}
