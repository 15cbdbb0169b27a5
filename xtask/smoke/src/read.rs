//! Reading a suite: what stands in the file, and everything that is wrong with it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_path_to_error::{Path as Keys, Segment};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::facts::Facts;
use crate::hints;
use crate::refusal::Refusal;
use crate::suite::Suite;
use crate::validate;

/// What to do about a file with mistakes.
const EXPLAINED: &str = "docs/smoke.md explains each key, and `infra/smoke.toml` is an example";

/// The suite in the file at `path`, about the stack of `facts`.
///
/// # Errors
/// When there is no such file, or something is wrong with it: then all of that.
pub(crate) fn read(path: &Path, facts: &Facts) -> Result<Suite, Refusal> {
    let file = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Refusal::new(format!("cannot read {file}: {error}"), "`cargo xtask smoke` without `--suite` asks what stands in `infra/smoke.toml`")
    })?;
    let mut suite = parse(&text, facts).map_err(|mistakes| Refusal::new(format!("{file} is not valid"), EXPLAINED).with(mistakes))?;
    hints::fit(&mut suite, facts);
    Ok(suite)
}

/// The suite in `text`.
///
/// # Errors
/// Everything that is wrong with it. Where it is no TOML, that is all that can be said.
pub(crate) fn parse(text: &str, facts: &Facts) -> Result<Suite, Vec<String>> {
    let document = DeTable::parse(text).map_err(|error| error.to_string().lines().map(str::to_owned).collect::<Vec<_>>())?;
    let (suite, wrong) = decode(document);
    let touched = wrong.iter().filter_map(|mistake| mistake.part.clone()).collect();
    let mut mistakes: Vec<String> = wrong.iter().map(|mistake| mistake.text(text, &suite)).collect();
    mistakes.extend(validate::mistakes(&suite, facts, &touched));
    if wrong.is_empty() && suite.checks.is_empty() && suite.journeys.is_empty() {
        mistakes.push("it asks nothing: no `[[check]]` and no `[[journey]]` stands in it".to_owned());
    }
    if mistakes.is_empty() { Ok(suite) } else { Err(mistakes) }
}

/// A part of the file that has a name: a component, a check or a journey.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A component.
    Component(String),
    /// The check with this number.
    Check(usize),
    /// The journey with this number.
    Journey(usize),
}

/// The parts of which something was taken away because it was wrong: nothing can be said of what else they lack.
pub(crate) type Touched = BTreeSet<Part>;

/// A key that is unknown, or has a value that is wrong.
struct Mistake {
    key: String,
    reason: String,
    part: Option<Part>,
    /// Where it stands.
    offset: Option<usize>,
}

impl Mistake {
    /// For people; `file` is the text it stands in, `suite` what else does.
    fn text(&self, file: &str, suite: &Suite) -> String {
        let line = self.offset.and_then(|offset| file.get(..offset)).map_or(0, |before| before.matches('\n').count() + 1);
        let name = match &self.part {
            Some(Part::Check(number)) => suite.checks.get(*number).map(|check| check.name.as_str()),
            Some(Part::Journey(number)) => suite.journeys.get(*number).map(|journey| journey.name.as_str()),
            Some(Part::Component(_)) | None => None,
        };
        let name = name.filter(|name| !name.is_empty()).map(|name| format!("`{name}`: ")).unwrap_or_default();
        format!("line {line}: {name}{}: {}", self.key, self.reason)
    }
}

/// What is right of `document`, and what is not. Each wrong value is noted and taken away, and reading begins again.
fn decode(mut document: Spanned<DeTable<'_>>) -> (Suite, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    loop {
        let error: serde_path_to_error::Error<toml::de::Error> =
            match serde_path_to_error::deserialize(toml::Deserializer::from(document.clone())) {
                Ok(suite) => {
                    mistakes.sort_by_key(|mistake: &Mistake| mistake.offset);
                    return (suite, mistakes);
                }
                Err(error) => error,
            };
        let inner = error.inner();
        let part = part(error.path());
        mistakes.push(Mistake {
            key: error.path().to_string(),
            reason: inner.message().trim().replace("a sequence", "a list").replace(" map", " table"),
            part,
            offset: inner.span().map(|span| span.start),
        });
        // Without a key that can be taken away the rest cannot be read either.
        if !take_away(document.get_mut(), error.path()) {
            return (Suite::default(), mistakes);
        }
    }
}

fn part(keys: &Keys) -> Option<Part> {
    let mut keys = keys.iter();
    match (keys.next()?, keys.next()?) {
        (Segment::Map { key }, Segment::Map { key: name }) if key == "components" => Some(Part::Component(name.clone())),
        (Segment::Map { key }, Segment::Seq { index }) if key == "check" => Some(Part::Check(*index)),
        (Segment::Map { key }, Segment::Seq { index }) if key == "journey" => Some(Part::Journey(*index)),
        _ => None,
    }
}

/// Takes the innermost key of `keys` out of `table`: an item of a list goes with its list. Whether there was one.
fn take_away(table: &mut DeTable<'_>, keys: &Keys) -> bool {
    let keys: Vec<&Segment> = keys.iter().collect();
    let Some(last) = keys.iter().rposition(|key| matches!(key, Segment::Map { .. })) else { return false };
    let Segment::Map { key: wrong } = keys[last] else { return false };
    let Some((Segment::Map { key: first }, rest)) = keys[..last].split_first() else { return table.remove(wrong.as_str()).is_some() };
    let mut inner = table.get_mut(first.as_str()).map(Spanned::get_mut);
    for key in rest {
        inner = match (inner, key) {
            (Some(DeValue::Table(table)), Segment::Map { key }) => table.get_mut(key.as_str()).map(Spanned::get_mut),
            (Some(DeValue::Array(items)), Segment::Seq { index }) => items.get_mut(*index).map(Spanned::get_mut),
            _ => None,
        };
    }
    let Some(DeValue::Table(table)) = inner else { return false };
    table.remove(wrong.as_str()).is_some()
}

#[cfg(test)]
mod tests;
