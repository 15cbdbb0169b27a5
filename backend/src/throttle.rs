//! Slows down guessing: attempts to sign in are counted in Redis, for each account, address and pair of them, whether the account exists or not.
//!
//! Beyond a number of attempts each one waits for its turn, and the turns come less and less often. No account is locked: the right password gets in at its
//! turn, which is never further away than [`HOLD`] unless others wait for theirs.
use crate::redis_client;
use redis::RedisError;
use redis::aio::ConnectionManager;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Attempts are counted for this long, from the first one on.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// From one address for one account: somebody who has forgotten a password.
const FOR_BOTH: u32 = 10;
/// For one account from anywhere.
const FOR_ACCOUNT: u32 = 100;
/// From one address for any account: an office behind one address has many people.
const FOR_ADDRESS: u32 = 200;
/// The pause before the next turn; doubled with each further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, and how long an attempt waits for its turn. One whose turn is further away is refused. Callers wait longer than this.
pub const HOLD: Duration = Duration::from_secs(4);

/// Takes a turn for all keys, or for none. Arguments: window, first pause, longest pause (ms), then the free attempts of each key.
/// Answers whether there is a turn, and when it is.
const TAKE: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local wait = 0
    for _, key in ipairs(KEYS) do
        wait = math.max(wait, tonumber(redis.call('HGET', key, 'next') or now) - now)
    end
    if wait > tonumber(ARGV[3]) then
        return {0, wait}
    end
    for number, key in ipairs(KEYS) do
        local count = redis.call('HINCRBY', key, 'count', 1)
        if count == 1 then
            redis.call('PEXPIRE', key, ARGV[1])
        end
        local over = count - ARGV[3 + number]
        if over >= 0 then
            local pause = math.min(ARGV[2] * 2 ^ math.min(over, 30), tonumber(ARGV[3]))
            redis.call('HSET', key, 'next', string.format('%.0f', now + wait + pause))
        end
    end
    return {1, wait}";

/// Takes an attempt back: the pair's for good, of the others one. Never a key without an end: it may have ended meanwhile.
const FORGIVE: &str = "
    redis.call('DEL', KEYS[1])
    for number = 2, #KEYS do
        if redis.call('EXISTS', KEYS[number]) == 1 then
            redis.call('HINCRBY', KEYS[number], 'count', -1)
        end
    end";

/// One attempt.
#[derive(Debug)]
pub struct Attempt([(String, u32); 3]);

/// What [`Attempt::count`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The attempt is counted, and may be made after this time.
    After(Duration),
    /// Too many wait already. Come back after this time; nothing is counted.
    Refused(Duration),
}

impl Attempt {
    /// An attempt from an address on an account's e-mail, existing or not.
    pub fn new(email: &str, address: &str) -> Self {
        let (email, address) = (digest(email), digest(address));
        Attempt([
            (format!("attempts:{email}:{address}"), FOR_BOTH),
            (format!("attempts:account:{email}"), FOR_ACCOUNT),
            (format!("attempts:address:{address}"), FOR_ADDRESS),
        ])
    }

    /// Counts it, before the password is looked at: of many at once, none gets by.
    pub async fn count(&self, redis: &ConnectionManager) -> Result<Turn, RedisError> {
        let mut take = self.script(TAKE);
        for time in [WINDOW, FIRST_PAUSE, HOLD] {
            take.arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        self.0.iter().for_each(|(_, free)| {
            take.arg(*free);
        });
        let take = &take;
        let (taken, wait): (u8, u64) = redis_client::ask(redis, |mut redis| async move { take.query_async(&mut redis).await }).await?;
        let wait = Duration::from_millis(wait);
        Ok(if taken == 1 { Turn::After(wait) } else { Turn::Refused(wait) })
    }

    /// Takes it back: the password was right.
    pub async fn forgive(&self, redis: &ConnectionManager) -> Result<(), RedisError> {
        let forgive = &self.script(FORGIVE);
        redis_client::ask(redis, |mut redis| async move { forgive.query_async(&mut redis).await }).await
    }

    fn script(&self, text: &str) -> redis::Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(text).arg(self.0.len());
        self.0.iter().for_each(|(key, _)| {
            command.arg(key);
        });
        command
    }
}

/// Mails with a link that sets a new password: for one account, and from one address for any.
const RESETS: (u32, u32) = (3, 20);
/// Requests for them are counted for this long.
const RESET_WINDOW: Duration = Duration::from_secs(3600);

/// Counts a request for a mail with a link, whether the account exists or not. `Some`: too many, come back after this time.
pub async fn count_reset(email: &str, address: &str, redis: &ConnectionManager) -> Result<Option<Duration>, RedisError> {
    let keys = [(format!("resets:account:{}", digest(email)), RESETS.0), (format!("resets:address:{}", digest(address)), RESETS.1)];
    let mut pipe = redis::pipe();
    for (key, _) in &keys {
        pipe.cmd("SET").arg(key).arg(0).arg("EX").arg(RESET_WINDOW.as_secs()).arg("NX").ignore();
        pipe.cmd("INCR").arg(key);
        pipe.cmd("TTL").arg(key);
    }
    let pipe = &pipe;
    let answers: Vec<i64> = redis_client::ask(redis, |mut redis| async move { pipe.query_async(&mut redis).await }).await?;
    let counts = answers.chunks_exact(2).zip(&keys);
    let waits = counts.filter(|(answer, (_, most))| answer[0] > i64::from(*most)).map(|(answer, _)| answer[1].max(1));
    Ok(waits.max().and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs))
}

fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}
