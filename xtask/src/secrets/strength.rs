//! Whether somebody could guess a secret.

/// Shorter values can be tried out.
const LEAST: usize = 16;
/// A random value of that length hardly ever has fewer different characters, even of 16 possible ones.
const LEAST_DIFFERENT: usize = 6;
/// What people write while they try something, and forget.
const KNOWN: [&str; 8] = ["password", "changeme", "changethis", "secret", "example", "slipway", "postgres", "12345678"];

/// Why a random secret is none; nothing when it is good.
pub(super) fn weakness(value: &str) -> Option<String> {
    let value = value.trim();
    if value.is_empty() {
        return Some("is empty".to_owned());
    }
    if value.chars().count() < LEAST {
        return Some(format!("has fewer than {LEAST} characters"));
    }
    let lower = value.to_lowercase();
    if let Some(known) = KNOWN.iter().find(|known| lower.contains(*known)) {
        return Some(format!("contains `{known}`"));
    }
    let mut characters: Vec<char> = lower.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    (characters.len() < LEAST_DIFFERENT).then(|| format!("has only {} different characters", characters.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessable_values_are_told_from_random_ones() {
        for good in ["9f86d081884c7d659a2feaa0c55ad015", "Tq0zT7vXc2mWbR4y\n"] {
            assert_eq!(weakness(good), None, "{good}");
        }
        let said = ["", "hunter2", "my-Password-for-all", "abababababababababab"].map(|value| weakness(value).expect("weak"));
        assert_eq!(said, ["is empty", "has fewer than 16 characters", "contains `password`", "has only 2 different characters"]);
    }
}
