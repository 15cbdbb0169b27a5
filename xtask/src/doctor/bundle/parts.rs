//! What is in a bundle, as it is before anything is taken out.

use std::time::Duration;

use crate::commands::{self, engine::LogOptions};
use crate::doctor::facts::Ask;
use crate::model::Model;
use crate::process::{Invocation, last_lines};
use crate::project::Project;
use crate::stack::Stack;

/// How long everything may take together.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many lines of each log.
const LINES: usize = 500;

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its path in the bundle.
    pub(super) name: String,
    /// What it is, for whoever decides whether to send it.
    pub(super) what: &'static str,
    /// Its content.
    pub(super) text: String,
}

impl Part {
    fn new(name: impl Into<String>, what: &'static str, text: String) -> Self {
        Self { name: name.into(), what, text }
    }
}

/// Everything, and the compose model where Compose gives one. What cannot be asked says why.
pub(super) fn gather(project: &Project, report: String, program: &str) -> (Vec<Part>, Option<Model>) {
    let ask = Ask::for_at_most(PATIENCE);
    let own = |args: &[&str]| {
        let flags = ["--env", &project.environment, "--instance", &project.instance];
        Invocation::new(program).args(args.iter().copied()).args(flags).dir(&project.root)
    };
    let (status, environment) = (own(&["status", "--json"]), own(&["env", "show", "--json"]));
    std::thread::scope(|scope| {
        let versions = scope.spawn(move || versions(ask, project));
        let status = scope.spawn(move || said(ask, &status));
        let environment = scope.spawn(move || said(ask, &environment));
        let logs = scope.spawn(move || logs(ask, project));
        let git = scope.spawn(move || git(ask, project));
        let model = match Stack::load(project.clone()) {
            Ok(stack) => said(ask, &stack.compose.model()),
            Err(error) => error.to_string(),
        };
        let text = |found: std::thread::Result<String>| found.unwrap_or_else(|_| "the thread that asked panicked".to_owned());
        let mut parts = vec![
            Part::new("doctor.json", "what doctor found", report),
            Part::new("versions.txt", "versions of this program, the engine, the toolchain and the system", text(versions.join())),
            Part::new("status.json", "`status --json`", text(status.join())),
            Part::new("environment.json", "`env show --json`", text(environment.join())),
            Part::new("model.json", "the compose files, merged and filled in", model.clone()),
            Part::new("git.txt", "the commit that is checked out, and the names of files that are not as it has them", text(git.join())),
            Part::new("guard.log", "what the guard did", guard(project)),
        ];
        parts.extend(logs.join().unwrap_or_default());
        (parts, Model::parse(&model).ok())
    })
}

/// What `question` prints, or why that is not known.
fn said(ask: Ask, question: &Invocation) -> String {
    match ask.output(question) {
        Ok(output) if output.code == 0 => output.stdout,
        Ok(output) => format!("exit code {}\n{}{}", output.code, output.stdout, output.stderr),
        Err(why) => why,
    }
}

fn versions(ask: Ask, project: &Project) -> String {
    let questions = [
        commands::engine::version(),
        commands::engine::compose_version(),
        commands::engine::buildx_version(),
        commands::engine::info(),
        Invocation::new("rustc").args(["--version", "--verbose"]).dir(&project.root),
        Invocation::new("uname").arg("-a"),
    ];
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = questions.iter().map(|question| (question, scope.spawn(move || said(ask, question)))).collect();
        let answered =
            asked.into_iter().map(|(question, answer)| format!("$ {question}\n{}\n", answer.join().unwrap_or_default().trim_end()));
        answered.collect::<Vec<_>>()
    });
    format!("xtask {} on {} {}\n\n{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH, answers.join("\n"))
}

fn git(ask: Ask, project: &Project) -> String {
    let git = |args: &[&str]| said(ask, &Invocation::new("git").args(args.iter().copied()).dir(&project.root));
    let status = git(&["status", "--porcelain", "--untracked-files=normal"]);
    let state = if status.trim().is_empty() { "nothing is changed\n".to_owned() } else { format!("changed:\n{status}") };
    format!("{}{state}", git(&["log", "-1", "--format=%H %cI"]))
}

fn guard(project: &Project) -> String {
    let log = project.root.join("target").join(format!("{}.guard.log", project.compose_name()));
    match std::fs::read(&log) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), LINES).join("\n"),
        Err(error) => format!("{}: {error}", log.display()),
    }
}

fn logs(ask: Ask, project: &Project) -> Vec<Part> {
    let names = ask.read(&commands::engine::container_names(&project.compose_name())).unwrap_or_default();
    let options = LogOptions { tail: Some(LINES.to_string()), ..LogOptions::default() };
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    std::thread::scope(|scope| {
        let read = |name: &str| {
            let question = commands::engine::logs(name, &options);
            // What a service says is on both streams.
            scope.spawn(move || ask.output(&question).map(|output| output.stdout + &output.stderr).unwrap_or_else(|why| why))
        };
        let asked: Vec<_> = names.iter().map(|name| (*name, read(name))).collect();
        let part = |(name, log): (&str, std::thread::ScopedJoinHandle<'_, String>)| {
            Part::new(format!("logs/{name}.log"), "the last lines of this container's log", log.join().unwrap_or_default())
        };
        asked.into_iter().map(part).collect()
    })
}
