//! The critical path of a start: the chain of services that the last one had to wait for, where time can be won.

use std::time::Duration;

use super::machine::{Entry, Phase, Startup};
use crate::model::Condition;
use crate::report::{human, table};

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The service.
    pub(crate) service: String,
    /// When it was told to start.
    pub(crate) offset: Duration,
    /// From there until it was ready.
    pub(crate) duration: Duration,
    /// What it was ready as.
    pub(crate) ready_when: Condition,
}

/// The chain that ends with the service that was ready last, first link first; empty when nothing was started.
pub(crate) fn critical(startup: &Startup) -> Vec<Link> {
    let mut links = Vec::new();
    let mut next = startup
        .services()
        .filter_map(|(name, entry)| Some((link(name, entry)?, entry)))
        .max_by_key(|(link, _)| link.offset + link.duration);
    while let Some((link, entry)) = next {
        let needs = entry.needs.iter().filter_map(|(need, _)| startup.get(need).map(|entry| (need, entry)));
        next =
            needs.filter_map(|(need, entry)| Some((self::link(need, entry)?, entry))).max_by_key(|(link, _)| link.offset + link.duration);
        links.push(link);
    }
    links.reverse();
    links
}

fn link(name: &str, entry: &Entry) -> Option<Link> {
    match entry.phase() {
        Phase::Ready { begun: Some(begun), at } => {
            Some(Link { service: name.to_owned(), offset: begun, duration: at.saturating_sub(begun), ready_when: entry.ready_when })
        }
        _ => None,
    }
}

/// The chain as a table.
pub(crate) fn render(links: &[Link]) -> String {
    let rows: Vec<[String; 4]> = links
        .iter()
        .map(|link| {
            [
                format!("  {}", link.service),
                format!("@{}", human(link.offset)),
                format!("+{}", human(link.duration)),
                reached(link.ready_when).to_owned(),
            ]
        })
        .collect();
    table(["critical path", "offset", "took", ""], &rows)
}

/// The word for a service that is what others wait for.
pub(crate) fn reached(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "running",
        Condition::Healthy => "healthy",
        Condition::Completed => "completed",
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::played;
    use super::*;
    use crate::engine::events::Change;

    #[test]
    fn the_chain_follows_what_was_waited_for_longest() {
        let startup = played(&[
            (0.4, "redis", Change::Healthy),
            (1.5, "db", Change::Healthy),
            (1.9, "migrate", Change::Exited(0)),
            (2.4, "backend", Change::Healthy),
            (2.5, "frontend", Change::Healthy),
            (3.0, "proxy", Change::Healthy),
        ]);
        insta::assert_snapshot!(render(&critical(&startup)), @r"
        critical path  offset  took
          frontend     @0.00s  +2.50s  healthy
          proxy        @2.50s  +0.50s  healthy
        ");
    }

    #[test]
    fn nothing_started_is_no_chain() {
        assert_eq!(critical(&played(&[])), []);
    }
}
