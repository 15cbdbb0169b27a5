//! Passwords: hashed with argon2id on blocking threads, a few at a time, so that signing in can exhaust neither the processors nor the memory.
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zxcvbn::{Score, zxcvbn};

/// Fewer characters are guessed too soon.
pub const MIN_LENGTH: usize = 10;
/// Stands for more than a hundred million guesses: a thousand years of them within the limits of `throttle`.
const LEAST_SCORE: Score = Score::Three;
/// Shorter parts of names and addresses are in too many words.
const MIN_WORD: usize = 3;
/// So many parts of names and addresses are looked for.
const MAX_WORDS: usize = 20;
/// The name of this application, which people put into passwords for it.
const SITE: &str = "slipway";
/// More characters only cost time.
pub const MAX_LENGTH: usize = 200;
/// Each hash takes 19 MiB and some 20 ms of one processor.
const CONCURRENCY: usize = 4;
/// Whoever waits longer is told to come back.
const PATIENCE: Duration = Duration::from_secs(3);

/// A password that may be used.
pub struct Password(String);

impl Password {
    /// Checks a new password. `about` is what others know of its owner, such as address and name. The error is a sentence for people.
    pub fn parse(text: &str, about: &[&str]) -> Result<Self, String> {
        match text.chars().count() {
            ..MIN_LENGTH => Err(format!("must have at least {MIN_LENGTH} characters")),
            MIN_LENGTH..=MAX_LENGTH if is_guessed_soon(text, about) => {
                Err("is among those that are guessed first: choose another, such as four words that do not belong together".to_owned())
            }
            MIN_LENGTH..=MAX_LENGTH => Ok(Password(text.to_owned())),
            _ => Err(format!("must have at most {MAX_LENGTH} characters")),
        }
    }
}

/// Whether a password is a frequent one, a pattern of the keyboard, or made of what is known about its owner.
fn is_guessed_soon(text: &str, about: &[&str]) -> bool {
    let words = about.iter().flat_map(|text| std::iter::once(*text).chain(text.split(|char: char| !char.is_alphanumeric())));
    let mut known: Vec<&str> = words.filter(|word| word.chars().count() >= MIN_WORD).take(MAX_WORDS).collect();
    known.push(SITE);
    zxcvbn(text, &known).score() < LEAST_SCORE
}

/// The server has too many passwords to hash.
#[derive(Debug, Clone, Copy)]
pub struct Busy;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Passwords(Arc::new(Semaphore::new(CONCURRENCY)))
    }
}

impl Passwords {
    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: Password) -> Result<String, Busy> {
        self.run(move || hash(&password.0)).await
    }

    /// Whether a password belongs to a hash. Without a hash, which is an account that does not exist, it takes as long and says no.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        // A longer one was never accepted; hashing it would let strangers choose how long we work.
        if password.chars().count() > MAX_LENGTH {
            return Ok(false);
        }
        self.run(move || {
            // Made before it is needed, so that the first unknown account does not take longer than others.
            let nobody = NOBODY.as_str();
            let expected = hash.as_deref().unwrap_or(nobody);
            let matches = argon2().verify_password(password.as_bytes(), expected).is_ok();
            matches && hash.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let permit = timeout(PATIENCE, self.0.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Busy) };
        let work = move || {
            // Given back when the work ends, also if nobody waits for it any more.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

/// The hash of a password that nobody has.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody"));

fn hash(password: &str) -> String {
    // It fails only for parameters or salts out of range, and these are constants. An empty hash matches nothing.
    argon2().hash_password(password.as_bytes()).map(|hash| hash.to_string()).unwrap_or_default()
}

/// Argon2id with 19 MiB, 2 passes and 1 lane: OWASP's Password Storage Cheat Sheet.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_recommended() {
        let params = Params::DEFAULT;
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19 * 1024, 2, 1));
        assert!(hash("x").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let passwords = Passwords::default();
        let hash = passwords.hash(Password::parse("correct horse", &[]).unwrap()).await.unwrap();
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("x".repeat(1000), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody".into(), None).await.unwrap(), "nobody's password opens nothing");
        assert!(!passwords.verify("x".into(), Some(String::new())).await.unwrap());
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(Password::parse("vq7-Lm2xk", &[]).is_err());
        assert!(Password::parse(&"sounding line ".repeat(15), &[]).is_err());
        assert!(Password::parse("vq7-Lm2xkw", &[]).is_ok());
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused() {
        let about = ["ada.lovelace@example.com", "Ada Lovelace"];
        for bad in [
            "1234567890",
            "password12",
            "Password123!",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "iloveyou123",
            "slipway2026",
            "ada.lovelace@example.com",
            "ADA.LOVELACE@example.com",
            "adalovelace",
            "Lovelace1815",
        ] {
            let refused = Password::parse(bad, &about).err();
            assert!(refused.is_some_and(|detail| detail.starts_with("is among those")), "{bad}");
        }
        for good in [
            "correct horse battery",
            "another good one",
            "seventeen knots of wind",
            "a good long password",
            "zwölf Boxkämpfer jagen",
            "vq7-Lm2xkw",
        ] {
            assert!(Password::parse(good, &about).is_ok(), "{good}: {:?}", zxcvbn(good, &about).score());
        }
    }
}
