//! Tables in Markdown, so that they can be shown and pasted.

use std::io::Write as _;
use std::time::Duration;

use crate::stack::Memory;

/// Prints a table below a line of words.
///
/// # Errors
/// When stdout is gone.
pub(crate) fn print<const N: usize>(title: &str, head: [&str; N], rows: &[[String; N]]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(N))?;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    Ok(writeln!(out)?)
}

/// Says on stderr what is going on.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell where stderr is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Milliseconds, as precise as they matter.
pub(crate) fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.2}")
    } else if ms < 100.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

/// Megabytes.
pub(crate) fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1_048_576.0)
}

/// Megabytes of one service.
pub(crate) fn mb_of(memory: &Memory, service: &str) -> String {
    memory.get(service).map_or("-".to_owned(), |bytes| mb(*bytes))
}

/// The value below which a share of `times` lies; they must be sorted.
pub(crate) fn quantile(times: &[Duration], share: f64) -> Duration {
    let index = (times.len() as f64 * share).ceil() as usize;
    times.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

/// The middle of some values.
pub(crate) fn median<T: Copy + PartialOrd + Default>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable_by(|left, right| left.partial_cmp(right).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| quantile(&times, share).as_millis()), [100, 198, 200]);
        assert_eq!((quantile(&times[..1], 0.99).as_millis(), quantile(&[], 0.5)), (1, Duration::ZERO));
        assert_eq!((median([3.0, 1.0, 2.0]), median::<u32>([])), (2.0, 0));
    }
}
