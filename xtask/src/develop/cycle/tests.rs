//! Tests of the cycle: what is ordered, in which order, whatever comes in between.

use super::*;

fn plan(packages: &[&str], migrate: bool) -> Plan {
    Plan { build: names(packages), migrate, ..Plan::default() }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn built(builds: &[(&str, &str)]) -> Ended {
    Ended::Built(Some(builds.iter().map(|(package, build)| ((*package).to_owned(), (*build).to_owned())).collect()))
}

fn swap(id: Id, service: &str, build: &str) -> Order {
    Order::Swap(id, service.to_owned(), build.to_owned())
}

fn promoted(package: &str, build: &str) -> Order {
    Order::Promote(package.to_owned(), build.to_owned())
}

fn yes(service: &str) -> Ended {
    Ended::Swapped(service.to_owned(), true)
}

fn no(service: &str) -> Ended {
    Ended::Swapped(service.to_owned(), false)
}

fn cycle() -> Cycle {
    let mut cycle = Cycle::default();
    cycle.promoted([("backend", "b1"), ("frontend", "f1")].map(|(package, build)| (package.to_owned(), build.to_owned())).into());
    cycle.connected("backend", "backend", Some("b1".to_owned()));
    cycle.connected("worker", "backend", Some("b1".to_owned()));
    cycle.connected("frontend", "frontend", Some("f1".to_owned()));
    cycle
}

#[test]
fn a_change_is_built_swapped_in_every_service_and_promoted() {
    let mut cycle = cycle();
    assert_eq!(cycle.changed(plan(&["backend"], false)).orders, [Order::Build(1, names(&["backend"]))]);
    assert_eq!(cycle.ended(1, built(&[("backend", "b2")])).orders, [swap(2, "backend", "b2"), swap(2, "worker", "b2")]);
    assert_eq!(cycle.ended(2, yes("worker")), Next::default());
    let end = cycle.ended(2, yes("backend"));
    assert_eq!((end.outcome, end.orders), (Some(Outcome::Live(names(&["backend", "worker"]))), vec![promoted("backend", "b2")]));
}

#[test]
fn a_newer_change_takes_the_older_one_over() {
    let mut cycle = cycle();
    cycle.changed(plan(&["backend"], true));
    let next = cycle.changed(plan(&["frontend"], false));
    assert_eq!(next.orders, [Order::Build(2, names(&["backend", "frontend"]))]);
    // The answer of the build that was given up.
    assert_eq!(cycle.ended(1, Ended::Built(None)), Next::default());
    // The migration of the first change is not forgotten.
    assert!(cycle.ended(2, built(&[("backend", "b2")])).orders.contains(&Order::Migrate(3)));
}

#[test]
fn what_does_not_compile_is_built_again_with_the_next_change() {
    let mut cycle = cycle();
    cycle.changed(plan(&["backend"], true));
    let end = cycle.ended(1, Ended::Built(None));
    assert_eq!((end.outcome, end.orders), (Some(Outcome::NotBuilt), vec![]));
    assert_eq!(cycle.changed(plan(&["frontend"], false)).orders, [Order::Build(2, names(&["backend", "frontend"]))]);
}

#[test]
fn migrations_run_before_the_swap_with_the_new_program() {
    let mut cycle = cycle();
    cycle.changed(plan(&["backend"], true));
    assert_eq!(cycle.ended(1, built(&[("backend", "b2")])).orders, [promoted("backend", "b2"), Order::Migrate(2)]);
    assert_eq!(cycle.ended(2, Ended::Migrated(true)).orders, [swap(3, "backend", "b2"), swap(3, "worker", "b2")]);
}

#[test]
fn a_migration_that_fails_leaves_everything_as_it_was() {
    let mut cycle = cycle();
    cycle.changed(plan(&["backend"], true));
    cycle.ended(1, built(&[("backend", "b2")]));
    let end = cycle.ended(2, Ended::Migrated(false));
    assert_eq!((end.outcome, end.orders), (Some(Outcome::NotMigrated), vec![promoted("backend", "b1")]));
    // It is tried again with the next change.
    cycle.changed(plan(&["backend"], false));
    assert!(cycle.ended(3, built(&[("backend", "b3")])).orders.contains(&Order::Migrate(4)));
}

#[test]
fn where_one_service_does_not_start_the_others_go_back() {
    let mut cycle = cycle();
    cycle.changed(plan(&["backend"], false));
    cycle.ended(1, built(&[("backend", "b2")]));
    cycle.ended(2, yes("backend"));
    let end = cycle.ended(2, no("worker"));
    assert_eq!(end.outcome, Some(Outcome::NotStarted("worker".to_owned())));
    assert_eq!(end.orders, [promoted("backend", "b1"), swap(3, "backend", "b1")]);
    // How going back ended starts nothing.
    assert_eq!(cycle.ended(3, yes("backend")), Next::default());
}

#[test]
fn a_change_during_a_swap_waits_for_its_end() {
    let mut cycle = cycle();
    cycle.changed(plan(&["frontend"], false));
    cycle.ended(1, built(&[("frontend", "f2")]));
    assert_eq!(cycle.changed(plan(&["backend"], false)), Next::default());
    let end = cycle.ended(2, yes("frontend"));
    assert_eq!(end.orders, [promoted("frontend", "f2"), Order::Build(3, names(&["backend"]))]);
}

#[test]
fn only_services_of_the_program_are_touched_and_nothing_when_nothing_was_linked() {
    let mut cycle = cycle();
    cycle.changed(plan(&["frontend"], false));
    assert_eq!(cycle.ended(1, built(&[("frontend", "f2")])).orders, [swap(2, "frontend", "f2")]);
    cycle.ended(2, yes("frontend"));
    cycle.changed(plan(&["backend"], false));
    assert_eq!(cycle.ended(3, built(&[])).outcome, Some(Outcome::Live(BTreeSet::new())));
}

#[test]
fn a_service_that_goes_away_is_not_waited_for() {
    let mut cycle = cycle();
    cycle.changed(plan(&["frontend"], false));
    cycle.ended(1, built(&[("frontend", "f2")]));
    let end = cycle.lost("frontend");
    assert_eq!(end.outcome, Some(Outcome::NotStarted("frontend".to_owned())));
    // It comes back with what is promoted, and gets the next build.
    cycle.connected("frontend", "frontend", Some("f1".to_owned()));
    cycle.changed(plan(&["frontend"], false));
    let id = cycle.last;
    assert_eq!(cycle.ended(id, built(&[("frontend", "f3")])).orders, [swap(id + 1, "frontend", "f3")]);
}

#[test]
fn a_program_that_went_back_takes_the_others_with_it() {
    let mut cycle = cycle();
    cycle.changed(plan(&["backend"], false));
    cycle.ended(1, built(&[("backend", "b2")]));
    cycle.ended(2, yes("worker"));
    cycle.ended(2, yes("backend"));
    let back = cycle.fell_back("backend", &"b1".to_owned());
    assert_eq!(back, [promoted("backend", "b1"), swap(3, "worker", "b1")]);
    assert!(cycle.fell_back("worker", &"b1".to_owned()).is_empty(), "that is known already");
    // The same build again is another program for both.
    cycle.changed(plan(&["backend"], false));
    assert_eq!(cycle.ended(4, built(&[("backend", "b2")])).orders, [swap(5, "backend", "b2"), swap(5, "worker", "b2")]);
}

#[test]
fn without_a_builder_a_change_ends_and_the_next_brings_it_too() {
    let mut cycle = cycle();
    assert_eq!(cycle.abandoned(), Next::default());
    cycle.changed(plan(&["backend"], false));
    assert!(cycle.builds(1));
    assert_eq!(cycle.abandoned().outcome, Some(Outcome::NotBuilt));
    assert!(!cycle.builds(1));
    assert_eq!(cycle.changed(plan(&["frontend"], false)).orders, [Order::Build(2, names(&["backend", "frontend"]))]);
}
