//! Which components are broken, and which only show that others are. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{Kind, Outcome};
use crate::suite::Component;

/// The components that are broken, the most certain ones first, out of the worst that was found of each. The others fail because of these.
pub(crate) fn broken(components: &BTreeMap<String, Component>, found: &BTreeMap<&str, Kind>) -> Vec<String> {
    let is = |name: &str, least: Kind| found.get(name).is_some_and(|kind| *kind >= least);
    let excused = |name: &str, kind: Kind| {
        let needs = closure(components, name, |component| &component.needs);
        let through = closure(components, name, |component| &component.through);
        match kind {
            // Services do not stop each other: a fact of its own.
            Kind::Stopped => false,
            // Seen from beside: only what it needs can be the reason.
            Kind::Seen => needs.iter().any(|other| is(other, Kind::Seen)),
            // Somebody said so. Who passes that on may be cut off from what it speaks of.
            Kind::Wrong => needs.iter().any(|other| is(other, Kind::Wrong)) || through.iter().any(|other| is(other, Kind::Seen)),
            // What is only known through this one is no reason for it.
            Kind::Unanswered => {
                let known = |other: &str| !closure(components, other, |component| &component.through).contains(name);
                let needed = |other: &str| is(other, Kind::Wrong) || (is(other, Kind::Unanswered) && known(other));
                needs.iter().any(|other| needed(other)) || through.iter().any(|other| is(other, Kind::Unanswered))
            }
        }
    };
    let mut broken: Vec<(&str, Kind)> =
        found.iter().map(|(name, kind)| (*name, *kind)).filter(|(name, kind)| !excused(name, *kind)).collect();
    if broken.is_empty() {
        broken = found.iter().map(|(name, kind)| (*name, *kind)).collect();
    }
    // What needs less is nearer to the reason.
    broken.sort_by_key(|(name, kind)| (std::cmp::Reverse(*kind), closure(components, name, |component| &component.needs).len()));
    broken.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// Where an answer calls another component the reason, the outcome is that one's, whatever was asked about.
pub(crate) fn heed(components: &BTreeMap<String, Component>, outcome: &mut Outcome) {
    let Some(fault) = &mut outcome.fault else { return };
    let is = |component: &Component| component.says.as_ref().is_some_and(|text| fault.detail.contains(text));
    if let Some((name, _)) = components.iter().find(|(_, component)| is(component)) {
        outcome.component.clone_from(name);
        fault.kind = Kind::Wrong;
    }
}

/// All that `name` leads to.
fn closure<'a>(
    components: &'a BTreeMap<String, Component>,
    name: &str,
    next: impl Fn(&Component) -> &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut open = vec![name];
    while let Some(component) = open.pop().and_then(|name| components.get(name)) {
        for other in next(component) {
            if let Some((other, _)) = components.get_key_value(other)
                && all.insert(other.as_str())
            {
                open.push(other);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::Fault;

    fn components() -> BTreeMap<String, Component> {
        let list: [(&str, &[&str], &[&str]); 8] = [
            ("proxy", &[], &[]),
            ("frontend", &["proxy"], &["backend"]),
            ("backend", &["proxy"], &["db", "redis", "migrate"]),
            ("worker", &["proxy", "backend"], &["db", "redis", "migrate"]),
            ("migrate", &["proxy", "backend"], &["db"]),
            ("db", &["proxy", "backend"], &[]),
            ("redis", &["proxy", "backend"], &[]),
            ("journey", &["proxy"], &["frontend", "worker"]),
        ];
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let component = |(name, through, needs): (&str, _, _)| {
            (name.to_owned(), Component { through: set(through), needs: set(needs), ..Component::default() })
        };
        list.into_iter().map(component).collect()
    }

    fn named(found: &[(&'static str, Kind)]) -> Vec<String> {
        broken(&components(), &found.iter().copied().collect())
    }

    #[test]
    fn an_answer_may_name_the_reason() {
        let mut components = components();
        components.get_mut("db").expect("it is there").says = Some("the database is not available".to_owned());
        let heard = |detail: &str| {
            let fault = Some(Fault::unanswered(detail));
            let mut outcome = Outcome { name: String::new(), component: "journey".to_owned(), time: Duration::ZERO, fault, hint: None };
            heed(&components, &mut outcome);
            (outcome.component, outcome.fault.map(|fault| fault.kind))
        };
        assert_eq!(heard("status 503: the database is not available, try again"), ("db".to_owned(), Some(Wrong)));
        assert_eq!(heard("status 503"), ("journey".to_owned(), Some(Unanswered)));
    }

    use Kind::{Seen, Stopped, Unanswered, Wrong};

    #[test]
    fn one_reason_explains_all_that_follows_from_it() {
        let cases: [(&[(&str, Kind)], &str); 8] = [
            // Ended by itself: the engine sees it, the backend says so, pages fail.
            (&[("db", Seen), ("migrate", Wrong), ("frontend", Wrong), ("journey", Unanswered)], "db"),
            // Hung: only the backend says so.
            (&[("db", Wrong), ("migrate", Wrong), ("worker", Wrong), ("journey", Unanswered)], "db"),
            // The proxy is away: nothing is known of anything.
            (&[("proxy", Unanswered), ("frontend", Unanswered), ("backend", Unanswered), ("db", Unanswered)], "proxy"),
            // The backend hangs: what it would say is not known.
            (&[("backend", Unanswered), ("db", Unanswered), ("redis", Unanswered), ("frontend", Unanswered)], "backend"),
            // It is cut off from both databases, which are well.
            (&[("backend", Seen), ("db", Wrong), ("redis", Wrong), ("migrate", Wrong), ("frontend", Unanswered)], "backend"),
            (&[("migrate", Wrong), ("backend", Wrong), ("frontend", Unanswered)], "migrate"),
            (&[("worker", Seen), ("journey", Unanswered)], "worker"),
            (&[("journey", Wrong)], "journey"),
        ];
        for (found, reason) in cases {
            assert_eq!(named(found), [reason], "{found:?}");
        }
    }

    #[test]
    fn two_reasons_are_two_and_the_surer_one_is_named_first() {
        assert_eq!(named(&[("redis", Wrong), ("worker", Seen)]), ["worker", "redis"]);
        assert_eq!(named(&[("worker", Stopped), ("redis", Stopped), ("frontend", Wrong)]), ["redis", "worker"]);
        assert_eq!(named(&[("db", Stopped), ("backend", Stopped), ("migrate", Seen), ("frontend", Unanswered)]), ["db", "backend"]);
        assert_eq!(named(&[("redis", Stopped), ("worker", Seen), ("backend", Seen)]), ["redis"], "ended because of it");
        assert_eq!(named(&[("db", Wrong), ("proxy", Wrong), ("frontend", Unanswered)]), ["db", "proxy"]);
    }

    #[test]
    fn where_everything_excuses_everything_all_are_named() {
        let circle = |other: &str| Component { through: [other.to_owned()].into(), ..Component::default() };
        let components = BTreeMap::from([("a".to_owned(), circle("b")), ("b".to_owned(), circle("a"))]);
        assert_eq!(broken(&components, &BTreeMap::from([("a", Unanswered), ("b", Unanswered)])), ["a", "b"]);
    }
}
