//! What is wrong with a setting: where, which, why, and what would be right.

use std::fmt;

use crate::report::Failure;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The path, from the root of the checkout.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Where it was said; nothing where it was not said at all.
    pub(crate) place: Option<Place>,
    /// The key with the tables around it; empty where a file as a whole is wrong.
    pub(crate) key: String,
    /// The reason and what would be right, without a full stop.
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// All problems of the environment `name` as one refusal, in the order of files and lines.
pub(crate) fn refusal(name: &str, mut problems: Vec<Problem>) -> Failure {
    problems.sort();
    problems.dedup();
    let failure = Failure::new(format!("the environment `{name}` is not valid"));
    let failure = problems.iter().fold(failure, |failure, problem| failure.detail(problem.to_string()));
    failure.hint("infra/env/base.toml says what each key means and takes")
}

/// `, did you mean …?` with the one of `known` that is nearest to `given`, or nothing where none is near.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|name| (distance(given, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 1 + name.len().min(given.len()) / 4 => format!(", did you mean `{name}`?"),
        _ => String::new(),
    }
}

/// How many characters have to be added, taken away, replaced or swapped with their neighbour (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &a) in left.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, &b) in right.iter().enumerate() {
            let mut best = (last[column] + usize::from(a != b)).min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && a == right[column - 1] && left[row - 1] == b {
                best = best.min(before[column - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_when_it_is_near() {
        let known = ["bind", "port", "https_port", "port_fallback"];
        assert_eq!(did_you_mean("prot", known), ", did you mean `port`?");
        assert_eq!(did_you_mean("port_fallbak", known), ", did you mean `port_fallback`?");
        assert_eq!(did_you_mean("colour", known), "");
        assert_eq!(did_you_mean("x", []), "");
    }

    #[test]
    fn problems_come_in_the_order_of_lines_and_once() {
        let problem = |line, key: &str| Problem {
            place: Some(Place { file: "a.toml".to_owned(), line }),
            key: key.to_owned(),
            text: "is wrong".to_owned(),
        };
        let nowhere = Problem { place: None, key: "x".to_owned(), text: "is missing".to_owned() };
        insta::assert_snapshot!(refusal("qa", vec![problem(10, "b"), problem(9, "c"), nowhere, problem(9, "c")]), @r"
        the environment `qa` is not valid
          `x`: is missing
          a.toml:9: `c`: is wrong
          a.toml:10: `b`: is wrong

        hint: infra/env/base.toml says what each key means and takes
        ");
    }
}
