//! Figures of one measurement, and what many of them say together.

use std::collections::BTreeMap;

use serde::Serialize;

/// Named figures of one measurement; times are in milliseconds.
#[derive(Clone, Debug, Default, Serialize, PartialEq)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<&'static str, f64>);

impl Figures {
    /// Adds one, as precise as a clock can be trusted.
    pub(crate) fn put(&mut self, name: &'static str, value: f64) {
        self.0.insert(name, (value * 100.0).round() / 100.0);
    }

    /// Adds one, if it is known.
    pub(crate) fn put_if(&mut self, name: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// One of them.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

/// What several values say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) least: f64,
    /// The most.
    pub(crate) most: f64,
    /// The value that 95 of 100 do not exceed: one that was measured.
    pub(crate) p95: f64,
}

/// The spread of `values`; nothing of none.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    let half = values.len() / 2;
    let median = if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 };
    let p95 = values[(values.len() * 95).div_ceil(100) - 1];
    Some(Spread { median, least, most, p95 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        assert_eq!(spread([]), None);
        assert_eq!(spread([3.0]), Some(Spread { median: 3.0, least: 3.0, most: 3.0, p95: 3.0 }));
        assert_eq!(spread([4.0, 1.0, 3.0, 2.0]), Some(Spread { median: 2.5, least: 1.0, most: 4.0, p95: 4.0 }));
        assert_eq!(spread((1..=100).map(f64::from)).map(|spread| spread.p95), Some(95.0));
        assert_eq!(spread((1..=20).map(f64::from)).map(|spread| spread.p95), Some(19.0));
    }
}
