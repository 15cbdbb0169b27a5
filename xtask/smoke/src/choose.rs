//! Which checks and journeys of a suite are asked of this stack. Pure.

use std::collections::BTreeSet;

use crate::facts::{Facts, Service};
use crate::refusal::Refusal;
use crate::suite::{Check, Journey, Suite, When};

/// What is asked.
type Chosen = (Vec<Check>, Vec<Journey>);

/// The checks and journeys of `suite`, the file called `file`, that are asked of the stack of `facts`: those with one of `tags`, where there are any.
///
/// # Errors
/// When nothing has one of the tags, or nothing is to be asked of this stack.
pub(crate) fn choose(file: &str, suite: &Suite, tags: &BTreeSet<String>, facts: &Facts) -> Result<Chosen, Refusal> {
    let known: BTreeSet<&String> =
        suite.checks.iter().map(|check| &check.tags).chain(suite.journeys.iter().map(|journey| &journey.tags)).flatten().collect();
    let unknown: Vec<String> = tags.iter().filter(|tag| !known.contains(tag)).map(|tag| format!("`{tag}`")).collect();
    if !unknown.is_empty() {
        let list = known.iter().map(|tag| tag.as_str()).collect::<Vec<_>>().join(", ");
        let tags = if list.is_empty() { "no check there has a tag".to_owned() } else { format!("the tags there are: {list}") };
        let hint = known
            .first()
            .map_or_else(|| "without `--tag` everything is asked".to_owned(), |tag| format!("`--tag {tag}` asks what has that one"));
        return Err(Refusal::new(format!("no check of {file} has the tag {}", unknown.join(", or ")), hint).with([tags]));
    }
    let chosen = applying(suite, tags, facts);
    if !chosen.0.is_empty() || !chosen.1.is_empty() {
        return Ok(chosen);
    }
    let list = tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let what = if tags.is_empty() { "no check".to_owned() } else { format!("no check with the tag {list}") };
    let place = if facts.services.is_some() { "on this machine" } else { "elsewhere" };
    let hint = "`when` and `with` of a check say of which stacks it is asked: docs/smoke.md";
    Err(Refusal::new(format!("{what} of {file} is asked of a stack {place} at {}", facts.url), hint))
}

fn applying(suite: &Suite, tags: &BTreeSet<String>, facts: &Facts) -> Chosen {
    let here = |when: Option<When>| match when {
        None => true,
        Some(When::Here) => facts.services.is_some(),
        Some(When::Elsewhere) => facts.services.is_none(),
        Some(When::Https) => facts.url.scheme() == "https",
        Some(When::Http) => facts.url.scheme() == "http",
    };
    let there = |with: &BTreeSet<String>| with.iter().all(|name| facts.services.iter().flatten().any(|service| service.name == *name));
    let tagged = |own: &BTreeSet<String>| tags.is_empty() || !own.is_disjoint(tags);
    let mut checks = Vec::new();
    for check in suite.checks.iter().filter(|check| here(check.when) && there(&check.with) && tagged(&check.tags)) {
        // Whoever saw what is wrong with a service knows best what to do about it.
        let hint = |service: &Service| check.hint.clone().or_else(|| service.next.clone());
        match check.service.as_deref() {
            Some("*") => checks.extend(facts.services.iter().flatten().map(|service| Check {
                name: format!("{}: {}", check.name, service.name),
                component: Some(service.name.clone()),
                service: Some(service.name.clone()),
                hint: hint(service),
                ..check.clone()
            })),
            Some(name) => checks.push(Check { hint: facts.service(name).map_or_else(|| check.hint.clone(), hint), ..check.clone() }),
            None => checks.push(check.clone()),
        }
    }
    let journey = |journey: &&Journey| here(journey.when) && there(&journey.with) && tagged(&journey.tags);
    (checks, suite.journeys.iter().filter(journey).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::{elsewhere, here};

    const SUITE: &str = "
[components.a]
[[check]]
name = 'runs'
service = '*'
when = 'here'
tags = ['services']
[[check]]
name = 'mail answers'
component = 'a'
with = ['hub', 'mail']
tags = ['mail']
request.path = '/'
[[check]]
name = 'closed'
component = 'a'
when = 'elsewhere'
tags = ['ports']
closed = [1]
[[journey]]
name = 'encrypted'
component = 'a'
when = 'https'
tags = ['pages']
[[journey.step]]
name = 'first'
request.path = '/'
";

    fn chosen(tags: &[&str], facts: &Facts) -> Result<Vec<String>, String> {
        let suite: Suite = toml::from_str(SUITE).expect("valid");
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let (checks, journeys) = choose("checks.toml", &suite, &tags, facts).map_err(|refusal| refusal.to_string())?;
        Ok(checks.into_iter().map(|check| check.name).chain(journeys.into_iter().map(|journey| journey.name)).collect())
    }

    #[test]
    fn what_is_asked_depends_on_where_the_stack_is_and_what_is_in_it() {
        assert_eq!(chosen(&[], &here(&["db"])), Ok(vec!["runs: db".to_owned()]));
        assert_eq!(chosen(&["mail"], &here(&["hub", "mail"])), Ok(vec!["mail answers".to_owned()]));
        assert_eq!(chosen(&["services", "mail"], &here(&["mail"])), Ok(vec!["runs: mail".to_owned()]));
        assert_eq!(chosen(&[], &elsewhere("https://board.example.com")), Ok(vec!["closed".to_owned(), "encrypted".to_owned()]));
    }

    #[test]
    fn what_is_wrong_with_a_service_has_the_hint_of_whoever_saw_it() {
        let mut facts = here(&["db", "redis"]);
        facts.services.iter_mut().flatten().for_each(|service| service.next = Some(format!("mend {}", service.name)));
        let suite = "[components.a]\n[[check]]\nname = 'all'\nservice = '*'\n[[check]]\nname = 'db'\ncomponent = 'a'\nservice = 'db'\n\
             [[check]]\nname = 'own'\ncomponent = 'a'\nservice = 'db'\nhint = 'ask me'\n";
        let suite: Suite = toml::from_str(suite).expect("valid");
        let (checks, _) = choose("checks.toml", &suite, &BTreeSet::new(), &facts).expect("something is asked");
        let hints: Vec<_> = checks.iter().filter_map(|check| check.hint.as_deref()).collect();
        assert_eq!(hints, ["mend db", "mend redis", "mend db", "ask me"]);
    }

    #[test]
    fn what_asks_nothing_is_refused() {
        let none: Suite =
            toml::from_str("[components.a]\n[[check]]\nname = 'x'\ncomponent = 'a'\nwhen = 'https'\nclosed = [1]\n").expect("valid");
        let refused = |suite: &Suite, tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            choose("checks.toml", suite, &tags, &here(&["db"])).err().map(|refusal| refusal.to_string()).expect("refused")
        };
        let said = [
            chosen(&["nosuch"], &here(&["db"])).expect_err("unknown"),
            chosen(&["services", "nosuch", "other"], &here(&["db"])).expect_err("unknown"),
            chosen(&["ports", "mail"], &here(&["db"])).expect_err("not here"),
            chosen(&["services"], &elsewhere("http://board.example.com")).expect_err("not there"),
            refused(&none, &[]),
            refused(&none, &["nosuch"]),
        ];
        insta::assert_snapshot!(said.join("\n----\n"));
    }
}
