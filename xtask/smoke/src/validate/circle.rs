//! Whether components lead back to themselves: each would then explain the failure of all others, and none would be named. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::suite::Component;

/// Where a component leads.
pub(super) type Next = fn(&Component) -> &BTreeSet<String>;

/// The way on which `next` leads from `first` back to it; only over names that come later, so that each circle has one beginning.
pub(super) fn circle<'a>(components: &'a BTreeMap<String, Component>, first: &'a str, next: Next) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![first]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = way.last().and_then(|last| components.get(*last));
        for other in last.map(next).into_iter().flatten().map(String::as_str) {
            if other == first {
                return Some([&way[..], &[first]].concat());
            }
            if other > first && seen.insert(other) {
                ways.push([&way[..], &[other]].concat());
            }
        }
    }
    None
}
