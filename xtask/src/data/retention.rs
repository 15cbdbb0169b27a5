//! Which backups are kept: the rules that restic made known. Each `--keep-…` keeps the newest backup of so many hours, days, weeks, months or years that
//! have one; a backup that any rule keeps stays.

use backup::time::civil;
use clap::Args;

use crate::config::values::Duration;
use crate::data::store::Backup;

/// What is kept.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Keep the N newest
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N")]
    keep_hourly: Option<usize>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N")]
    keep_daily: Option<usize>,
    /// Keep the newest of each of the last N weeks that have one
    #[arg(long, value_name = "N")]
    keep_weekly: Option<usize>,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N")]
    keep_monthly: Option<usize>,
    /// Keep the newest of each of the last N years that have one
    #[arg(long, value_name = "N")]
    keep_yearly: Option<usize>,
    /// Keep all that are not older than this, counted from the newest: 36h, 14d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    keep_within: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    Duration::try_from(toml::Value::from(text))
}

/// A backup and the rules that keep it; none: it goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict<'a> {
    /// The backup.
    pub(crate) backup: &'a Backup,
    /// Why it stays.
    pub(crate) reasons: Vec<String>,
}

impl Rules {
    /// Whether no rule keeps anything: there is none, or all are of none.
    pub(crate) fn is_empty(&self) -> bool {
        let counts = [self.keep_last, self.keep_hourly, self.keep_daily, self.keep_weekly, self.keep_monthly, self.keep_yearly];
        self.keep_within.is_none() && counts.iter().all(|count| count.unwrap_or(0) == 0)
    }

    /// What becomes of `backups`, which come oldest first.
    pub(crate) fn judge<'a>(&self, backups: &'a [Backup]) -> Vec<Verdict<'a>> {
        let mut verdicts: Vec<Verdict<'a>> = backups.iter().map(|backup| Verdict { backup, reasons: Vec::new() }).collect();
        type Period = fn(u64) -> u64;
        let periods: [(&str, Option<usize>, Option<Period>); 6] = [
            ("last", self.keep_last, None),
            ("hourly", self.keep_hourly, Some(|time| time / 3600)),
            ("daily", self.keep_daily, Some(|time| time / 86_400)),
            // The first of January 1970 was a Thursday, weeks begin on Monday.
            ("weekly", self.keep_weekly, Some(|time| (time / 86_400 + 3) / 7)),
            ("monthly", self.keep_monthly, Some(|time| civil(time)[0] * 12 + civil(time)[1])),
            ("yearly", self.keep_yearly, Some(|time| civil(time)[0])),
        ];
        for (name, count, period) in periods {
            let (mut left, mut seen) = (count.unwrap_or(0), None);
            for verdict in verdicts.iter_mut().rev() {
                let this = period.map(|period| period(verdict.backup.time()));
                if left > 0 && (this.is_none() || this != seen) {
                    left -= 1;
                    seen = this;
                    verdict.reasons.push(name.to_owned());
                }
            }
        }
        if let (Some(within), Some(newest)) = (&self.keep_within, backups.last().map(Backup::time)) {
            let young = |verdict: &&mut Verdict<'_>| newest.saturating_sub(verdict.backup.time()) <= within.0;
            verdicts.iter_mut().filter(young).for_each(|verdict| verdict.reasons.push("within".to_owned()));
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::store::tests::backup;

    fn kept(rules: &Rules, ids: &[&str]) -> Vec<String> {
        let backups: Vec<Backup> = ids.iter().map(|id| backup(id)).collect();
        let verdicts = rules.judge(&backups);
        verdicts
            .iter()
            .filter(|verdict| !verdict.reasons.is_empty())
            .map(|verdict| format!("{} {}", verdict.backup.id(), verdict.reasons.join(",")))
            .collect()
    }

    const IDS: [&str; 8] = [
        "20241231T230000Z",
        "20260228T010000Z",
        "20261101T010000Z",
        "20261115T230000Z",
        "20261116T000000Z",
        "20261120T010000Z",
        "20261121T010000Z",
        "20261121T020000Z",
    ];

    #[test]
    fn the_newest_are_kept() {
        let rules = Rules { keep_last: Some(2), ..Rules::default() };
        assert_eq!(kept(&rules, &IDS), ["20261121T010000Z last", "20261121T020000Z last"]);
        assert_eq!(kept(&Rules { keep_last: Some(9), ..Rules::default() }, &IDS).len(), IDS.len());
        assert_eq!(kept(&rules, &[]), Vec::<String>::new());
    }

    #[test]
    fn of_each_period_the_newest_is_kept() {
        let rules = |change: fn(&mut Rules)| {
            let mut rules = Rules::default();
            change(&mut rules);
            kept(&rules, &IDS)
        };
        assert_eq!(rules(|rules| rules.keep_hourly = Some(2)), ["20261121T010000Z hourly", "20261121T020000Z hourly"]);
        assert_eq!(rules(|rules| rules.keep_daily = Some(2)), ["20261120T010000Z daily", "20261121T020000Z daily"]);
        // 16 November 2026 is a Monday.
        assert_eq!(rules(|rules| rules.keep_weekly = Some(2)), ["20261115T230000Z weekly", "20261121T020000Z weekly"]);
        assert_eq!(rules(|rules| rules.keep_monthly = Some(2)), ["20260228T010000Z monthly", "20261121T020000Z monthly"]);
        assert_eq!(rules(|rules| rules.keep_yearly = Some(5)), ["20241231T230000Z yearly", "20261121T020000Z yearly"]);
    }

    #[test]
    fn all_within_a_time_of_the_newest_are_kept_whatever_the_clock_says() {
        let rules = Rules { keep_within: Some(duration("25h").expect("a duration")), ..Rules::default() };
        assert_eq!(kept(&rules, &IDS), ["20261120T010000Z within", "20261121T010000Z within", "20261121T020000Z within"]);
    }

    #[test]
    fn rules_add_up() {
        let rules = Rules { keep_last: Some(1), keep_yearly: Some(2), ..Rules::default() };
        assert_eq!(kept(&rules, &IDS), ["20241231T230000Z yearly", "20261121T020000Z last,yearly"]);
        assert!(Rules::default().is_empty() && !rules.is_empty());
    }
}
