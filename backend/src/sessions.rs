//! Sessions in Redis. The browser holds a random token, Redis the hash of it: who reads Redis cannot sign in with what is there.
//!
//! While Redis is away, a session that this process has seen lately goes on for [`GRACE`]; nobody can sign in, because nothing can be stored.
//! Ending *all* sessions of an account needs no Redis: its `session_epoch` in PostgreSQL is compared at every request.
use crate::accounts::Account;
use crate::redis_client;
use redis::RedisError;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

/// A session that is not used for this long ends.
pub const IDLE: Duration = Duration::from_secs(24 * 3600);
/// A session ends at this age, however much it is used.
pub const ABSOLUTE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a session goes on that Redis cannot confirm.
const GRACE: Duration = Duration::from_secs(15 * 60);
/// How long Redis is not asked about a remembered session after it failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How many sessions are remembered for that.
const REMEMBERED: usize = 10_000;

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub user_id: Uuid,
    /// It has ended if the account's epoch is another.
    pub epoch: i32,
    /// What requests that change something must carry: a page of another site cannot read it.
    pub csrf_token: String,
    /// When it began, in Unix seconds.
    pub created_at: i64,
}

impl Session {
    /// When it ends, however much it is used.
    pub fn expires_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.created_at).unwrap_or(OffsetDateTime::UNIX_EPOCH) + ABSOLUTE
    }
}

/// The secret in the browser's cookie.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn random() -> Result<Self, RedisError> {
        random().map(Token)
    }

    /// Reads what a cookie says. `None`: it cannot be a token.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Token(text.to_owned()))
    }

    /// For the cookie.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn key(&self) -> String {
        format!("session:{:x}", Sha256::digest(&self.0))
    }
}

impl fmt::Debug for Token {
    /// Without the secret: this ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// All sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sessions {
    redis: ConnectionManager,
    seen: Arc<Mutex<HashMap<String, (Session, Instant)>>>,
    /// When Redis last failed: for a moment, remembered sessions do not wait for it.
    failed_at: Arc<Mutex<Option<Instant>>>,
}

impl Sessions {
    /// Sessions in this Redis.
    pub fn new(redis: ConnectionManager) -> Self {
        Sessions { redis, seen: Arc::default(), failed_at: Arc::default() }
    }

    /// Starts a session, always with a new token: one that was there before may be known to somebody else.
    pub async fn start(&self, account: &Account) -> Result<(Token, Session), RedisError> {
        let token = Token::random()?;
        let created_at = OffsetDateTime::now_utc().unix_timestamp();
        let session = Session { user_id: account.id, epoch: account.session_epoch, csrf_token: random()?, created_at };
        let text = serde_json::to_string(&session).unwrap_or_default();
        let mut set = redis::cmd("SET");
        let set = &*set.arg(token.key()).arg(text).arg("EX").arg(IDLE.as_secs());
        redis_client::ask(&self.redis, |mut redis| async move { set.query_async::<()>(&mut redis).await }).await?;
        self.remember(token.key(), session.clone());
        Ok((token, session))
    }

    /// The session of a token, which is in use from now on. `None`: it has ended. The error: Redis is away, and the session is not remembered.
    pub async fn find(&self, token: &Token) -> Result<Option<Session>, RedisError> {
        let key = token.key();
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if failed_at.is_some_and(|at| at.elapsed() < PAUSE)
            && let Some(session) = self.remembered(&key)
        {
            return Ok(Some(session));
        }
        let mut get = redis::cmd("GETEX");
        get.arg(&key).arg("EX").arg(IDLE.as_secs());
        let text = match self.ask(&get).await {
            // A program that has just taken over remembers nobody: one slow answer is not to turn away who was signed in with the one before.
            Err(error) if error.is_timeout() && self.remembered(&key).is_none() => self.ask(&get).await,
            answer => answer,
        };
        let text = match text {
            Ok(text) => text,
            Err(error) => return self.remembered(&key).map(Some).ok_or(error),
        };
        let session = text.and_then(|text| serde_json::from_str::<Session>(&text).ok());
        let session = session.filter(|session| session.expires_at() > OffsetDateTime::now_utc());
        match &session {
            Some(session) => self.remember(key, session.clone()),
            None => self.forget(&key),
        }
        Ok(session)
    }

    async fn ask(&self, get: &redis::Cmd) -> Result<Option<String>, RedisError> {
        let answer = redis_client::ask(&self.redis, |mut redis| async move { get.query_async(&mut redis).await }).await;
        if answer.is_err() {
            *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        answer
    }

    /// Ends a session. On an error it is only forgotten here: end all sessions of the account by its epoch then.
    pub async fn end(&self, token: &Token) -> Result<(), RedisError> {
        let key = token.key();
        self.forget(&key);
        let key = &key;
        redis_client::ask(&self.redis, |mut redis| async move { redis::cmd("DEL").arg(key).query_async(&mut redis).await }).await
    }

    fn remember(&self, key: String, session: Session) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED && !seen.contains_key(&key) {
            seen.retain(|_, (_, at)| at.elapsed() < GRACE);
            if seen.len() >= REMEMBERED {
                return;
            }
        }
        seen.insert(key, (session, Instant::now()));
    }

    fn forget(&self, key: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn remembered(&self, key: &str) -> Option<Session> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(key).filter(|(_, at)| at.elapsed() < GRACE).map(|(session, _)| session.clone())
    }
}

/// 256 random bits, as hexadecimal digits.
fn random() -> Result<String, RedisError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| RedisError::from(std::io::Error::other(error.to_string())))?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
