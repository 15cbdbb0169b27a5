//! `test`: everything that CI checks, in the order in which it fails fastest.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::up::{Builds, StartArgs, bring_up};
use super::{Context, Globals, cargo, clean, program, remove_images};
use crate::process::{Invocation, last_lines};
use crate::project;
use crate::report::{ExitWith, Failure, Interrupted, Style, human, paint, product};
use crate::stack::Stack;
use crate::testing::{failures, score::Score, variables};
use crate::{interrupt, logs, stack};

/// Run format, lints, unit tests, and tests against a stack of its own; the last line counts
#[derive(Args)]
pub(crate) struct Test {
    /// Only this part
    part: Option<Part>,
    /// Leave the test stack running at the end
    #[arg(long)]
    keep: bool,
    /// Renew the pictures in `docs/images/` from the running stack
    #[arg(long)]
    pictures: bool,
    /// Only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// A part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Format, lints and tests that need no engine
    Unit,
    /// Tests against a running stack, in containers and in a browser
    E2e,
    /// The same as campaigns: many kills, runs and questions at random, for hours
    Soak,
}

/// How the names of tests begin that go through many cases one after the other: they run in `soak`, and by name.
const CAMPAIGN_PREFIX: &str = "campaign_";

/// How much a campaign does. Each of these variables can be set by itself, for other numbers.
const CAMPAIGN: [(&str, &str); 8] = [
    ("SOAK_JOBS", "10000"),
    ("TEST_FUZZ_SECONDS", "600"),
    ("TEST_KILLS", "20"),
    ("TEST_MISTAKES", "20"),
    ("TEST_OUTAGE_SECONDS", "60"),
    ("TEST_RUNS", "50"),
    ("TEST_SWAPS", "100"),
    ("TEST_SWAP_RATE", "100"),
];

impl Test {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let root = project::root()?;
        // Its stack is removed with all data, and so is every instance whose name begins like this one's.
        if context.globals.instance.as_deref() == Some("main") {
            return Err(Failure::new("tests do not run on the instance `main`: all data of their instance is removed")
                .hint("leave `--instance` out, or choose a name of its own: `cargo xtask test --instance ci`")
                .into());
        }
        let globals = Globals {
            env: "test".to_owned(),
            instance: Some(context.globals.instance.clone().unwrap_or_else(|| instance(&root))),
            ..context.globals.clone()
        };
        let context = &Context { globals };
        let mut tally = Tally { root: &root, program: program()?, context, score: Score::default(), failures: Vec::new() };
        if matches!(self.part, None | Some(Part::Unit)) {
            tally.step("format", &cargo(["fmt", "--all", "--check"]))?;
            tally.step("lints", &cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))?;
            tally.step("unit tests", &self.filtered(cargo(["test", "--workspace", "--lib", "--bins", "--quiet"])))?;
            tally.step("command line tests", &self.filtered(cargo(["test", "--workspace", "--test", "cli", "--quiet"])))?;
        }
        if self.part != Some(Part::Unit) {
            self.on_a_stack(&mut tally)?;
        }
        if context.dry_run() {
            return Ok(());
        }
        if !tally.failures.is_empty() {
            context.volume().say(format!("{} what failed, again:", paint(Style::Error, "test:")));
            tally.failures.iter().for_each(|failure| context.volume().say(format!("\n{failure}")));
        }
        product(tally.score.to_string());
        if tally.score.good() { Ok(()) } else { Err(ExitWith(1).into()) }
    }

    /// Starts the test stack, runs what needs it, and removes it with all its data and images.
    fn on_a_stack(&self, tally: &mut Tally<'_>) -> anyhow::Result<()> {
        let context = tally.context;
        let stack = context.stack_on_engine()?;
        // An earlier run that was killed may have left its stack behind.
        context.remove_all(&stack)?;
        if !context.dry_run() {
            clean::sweep_beside(context, &stack)?;
        }
        let result = self.against(&stack, tally);
        if result.is_err() || !tally.score.good() {
            show_logs(&stack);
        }
        if !self.keep {
            interrupt::clear();
            context.remove_all(&stack)?;
            remove_images(context, &stack)?;
            if !context.dry_run() {
                clean::sweep_beside(context, &stack)?;
            }
        }
        result
    }

    fn against(&self, stack: &Stack, tally: &mut Tally<'_>) -> anyhow::Result<()> {
        let begin = Instant::now();
        let up = bring_up(tally.context, stack, Builds::All, StartArgs::default());
        let resolved = match up {
            Ok(resolved) => resolved,
            Err(error) if error.is::<Failure>() => {
                tally.context.volume().say(format!("{} {error}", paint(Style::Error, "error:")));
                tally.done("stack", false, begin);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if tally.context.dry_run() {
            return tally.step("stack tests", &cargo(STACK_TESTS));
        }
        tally.done("stack", true, begin);
        let mut variables = variables::filled(&resolved.model, &stack.containers()?)?;
        variables.extend(own_variables(stack, &resolved, &tally.program));
        if self.part == Some(Part::Soak) {
            variables.extend(CAMPAIGN.map(|(name, usual)| (name.to_owned(), std::env::var(name).unwrap_or_else(|_| usual.to_owned()))));
        }
        if self.pictures {
            variables.insert("TEST_PICTURES".to_owned(), stack.project.root.join("docs/images").display().to_string());
        }
        let mut tests = self.filtered(cargo(STACK_TESTS)).envs(&variables);
        if self.part != Some(Part::Soak) && self.filter.is_none() {
            tests = tests.args(["--skip", CAMPAIGN_PREFIX]);
        }
        tally.step("stack tests", &tests)
    }

    fn filtered(&self, invocation: Invocation) -> Invocation {
        // Also what tests that pass have to say: figures of what they broke and how long it took.
        // Some of those catch a panic on purpose; the places in libraries that it came through say nothing about the failure of another.
        invocation.env("RUST_BACKTRACE", "0").args(["--", "--show-output"]).args(&self.filter)
    }
}

/// Every test target of the applications and of the stack; one fails without the others being left out. Without a package fewer than for the tests
/// before: with other features of libraries, cargo would compile those once more.
const STACK_TESTS: [&str; 12] =
    ["test", "--workspace", "--no-fail-fast", "--quiet", "--test", "integration", "--test", "hub", "--test", "processes", "--test", "e2e"];

/// How tests find the stack, and this program.
fn own_variables(stack: &Stack, resolved: &stack::Resolved, program: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("TEST_STACK_URL".to_owned(), resolved.address.url()),
        ("TEST_STACK_PROJECT".to_owned(), stack.project.compose_name()),
        ("TEST_STACK_INSTANCE".to_owned(), stack.project.instance.clone()),
        ("TEST_XTASK".to_owned(), program.to_owned()),
        ("TEST_ROOT".to_owned(), stack.project.root.display().to_string()),
    ])
}

/// Another checkout, or CI beside a developer, must not meet this one's test stack: its instance is named after the directory.
fn instance(root: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    format!("test-{:06x}", hasher.finish() & 0xff_ffff)
}

/// The steps so far.
struct Tally<'a> {
    root: &'a Path,
    program: String,
    context: &'a Context,
    score: Score,
    /// What failed, in the words of the tests: half an hour of output stands between some of them and the end.
    failures: Vec<String>,
}

impl Tally<'_> {
    /// Runs one step; its tests are counted, or the step itself where it has none.
    fn step(&mut self, name: &str, invocation: &Invocation) -> anyhow::Result<()> {
        if self.context.dry_run() {
            product(invocation.to_string());
            return Ok(());
        }
        self.context.volume().say(format!("{} {name}", paint(Style::Strong, "test:")));
        self.context.volume().detail(format!("running {invocation}"));
        let begin = Instant::now();
        let (code, lines) = invocation.clone().dir(self.root).watch(|line| self.context.volume().say(line))?;
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        let before = self.score;
        lines.iter().for_each(|line| self.score.line(line));
        // A step that fails without a failed test did not get as far as its tests.
        let counted = self.score != before;
        if !counted || (code != 0 && self.score.failed_since(before) == 0) {
            self.score.check(code == 0);
        }
        if code != 0 {
            let said = failures::of(&lines);
            let alone = || vec![format!("---- {name} ----\n{}", last_lines(&lines.join("\n"), 20).join("\n"))];
            self.failures.extend(if said.is_empty() { alone() } else { said });
        }
        self.report(name, code == 0, begin);
        Ok(())
    }

    /// Counts one check of ours.
    fn done(&mut self, name: &str, passed: bool, begin: Instant) {
        if !self.context.dry_run() {
            self.score.check(passed);
            self.report(name, passed, begin);
        }
    }

    fn report(&self, name: &str, passed: bool, begin: Instant) {
        let verdict = if passed { paint(Style::Good, "passed") } else { paint(Style::Error, "failed") };
        self.context.volume().say(format!("{} {name} {verdict} in {}", paint(Style::Strong, "test:"), human(begin.elapsed())));
    }
}

/// The end of each service's log, on stderr, for whoever has nothing but the output of CI.
fn show_logs(stack: &Stack) {
    for container in stack.containers().unwrap_or_default() {
        let health = container.health().map(|health| format!(", {health}")).unwrap_or_default();
        crate::report::Volume::Normal.say(format!("--- logs of {} ({}{health})", container.service(), container.state.status));
        for line in logs::last(&container, 40) {
            crate::report::Volume::Normal.say(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_target_is_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let mut targets: Vec<String> = Vec::new();
        for package in [root.to_owned(), root.join("xtask")].iter().flat_map(|place| place.read_dir().expect("a directory")) {
            let tests = package.expect("an entry").path().join("tests");
            let found = tests.read_dir().into_iter().flatten().map(|entry| entry.expect("an entry"));
            targets.extend(found.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().to_string_lossy().into_owned()));
        }
        // Those of this program were run before.
        targets.retain(|name| name != "cli");
        let mut named: Vec<&str> = STACK_TESTS.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]).collect();
        targets.sort();
        named.sort_unstable();
        assert_eq!(named, targets);
    }

    #[test]
    fn each_checkout_has_its_own_test_instance() {
        let (one, two) = (instance(Path::new("/a/slipway")), instance(Path::new("/b/slipway")));
        assert!(one.starts_with("test-") && one.len() == "test-123456".len());
        assert_ne!(one, two);
    }
}
