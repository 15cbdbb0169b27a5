//! Reads settings from environment variables and collects every problem, so that one run shows all of them.
use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

/// What is wrong with one variable, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong with its value.
    pub problem: String,
    /// The next thing to do.
    pub fix: String,
}

/// All problems of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used")?;
        for Problem { variable, problem, fix } in &self.0 {
            write!(f, "\n  `{variable}` {problem}\n    hint: {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The environment, with the problems found in it so far.
pub struct Env<'a> {
    lookup: Box<Lookup<'a>>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Env<'a> {
    /// The environment of this process.
    pub fn process() -> Env<'static> {
        Env::new(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// An environment answered by `lookup`.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'a) -> Env<'a> {
        Env { lookup: Box::new(lookup), problems: RefCell::default() }
    }

    /// The value of a variable. An empty one counts as unset: that is what `${NAME:-}` in a compose file gives.
    pub fn text(&self, variable: &'static str) -> Option<String> {
        (self.lookup)(variable).filter(|value| !value.is_empty())
    }

    /// The value of a variable that has no default.
    pub fn required(&self, variable: &'static str, fix: &str) -> Option<String> {
        let value = self.text(variable);
        if value.is_none() {
            self.refuse(variable, "is not set", fix);
        }
        value
    }

    /// A parsed value, or the default if the variable is not set.
    pub fn parsed<T: FromStr>(&self, variable: &'static str, default: T, fix: &str) -> Option<T> {
        let Some(value) = self.text(variable) else { return Some(default) };
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.refuse(variable, format!("cannot be `{value}`"), fix);
        }
        parsed
    }

    /// Records a problem.
    pub fn refuse(&self, variable: &'static str, problem: impl Into<String>, fix: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { variable, problem: problem.into(), fix: fix.into() });
    }

    /// The configuration if nothing was refused.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, Invalid> {
        let problems = self.problems.into_inner();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(Invalid(problems)),
        }
    }
}
