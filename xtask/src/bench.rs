//! Comparing durations measured in turn in one run: medians, ranges and ratios, because one run on a shared machine says little.

use std::time::Duration;

use crate::report::{human, table};

/// What was measured for one action, ours and the other's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// What was done.
    pub(crate) action: String,
    /// Our durations.
    pub(crate) ours: Vec<Duration>,
    /// The other's durations.
    pub(crate) theirs: Vec<Duration>,
}

/// The rows as a table: median (least to most) of each, and the ratio of the medians.
pub(crate) fn render(other: &str, rows: &[Row]) -> String {
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|row| {
            let ratio = median(&row.ours).as_secs_f64() / median(&row.theirs).as_secs_f64().max(f64::EPSILON);
            [row.action.clone(), spread(&row.ours), spread(&row.theirs), format!("{ratio:.2}")]
        })
        .collect();
    table(["ACTION", "SLIPWAY", other, "RATIO"], &cells)
}

fn spread(durations: &[Duration]) -> String {
    let bound = |bound: Option<&Duration>| bound.map_or("-".to_owned(), |duration| human(*duration));
    format!("{} ({} to {})", human(median(durations)), bound(durations.iter().min()), bound(durations.iter().max()))
}

fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    match sorted.len() {
        0 => Duration::ZERO,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_their_ratio() {
        let seconds = |seconds: &[f64]| seconds.iter().map(|seconds| Duration::from_secs_f64(*seconds)).collect();
        let row = Row { action: "up".to_owned(), ours: seconds(&[3.0, 2.0, 9.0]), theirs: seconds(&[4.0, 8.0]) };
        insta::assert_snapshot!(render("COMPOSE", &[row]), @r"
        ACTION  SLIPWAY                 COMPOSE                 RATIO
        up      3.00s (2.00s to 9.00s)  6.00s (4.00s to 8.00s)  0.50
        ");
    }
}
