//! Telling somebody who is not there: a program of theirs, or an address that the message is posted to.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::config::environment::Notify;
use crate::process::{Invocation, Output};
use crate::project::Project;
use crate::redact::Redactor;
use crate::report::{Failure, Interrupted, Volume};
use crate::{commands, interrupt};

/// How long a program may take that brings a message somewhere.
const PATIENCE: Duration = Duration::from_secs(60);
/// A server that is restarted is back by then.
const RESTART: Duration = Duration::from_secs(120);
/// Whoever tries whether messages arrive wants to know it soon.
const TRIAL: Duration = Duration::from_secs(15);
/// So long one try may take at most, and so long the last one has at least.
const LONGEST_TRY: Duration = Duration::from_secs(10);
const SHORTEST_TRY: Duration = Duration::from_secs(1);
/// What the engine may take for a container beside what runs in it.
const ENGINE: Duration = Duration::from_secs(5);
/// Before the second try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How what is said begins where the message was taken.
const TAKEN: &str = "it answered 2";
/// How curl ends where the address is none, and the engine where it has no container for curl: the next try would end the same.
const HOPELESS: [i32; 6] = [1, 2, 3, 125, 126, 127];

/// What happened.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A service is not well, and restarts did not help.
    RestartsExhausted,
    /// There is no new backup.
    BackupFailed,
    /// A check failed.
    SmokeFailed,
    /// Somebody tries whether messages arrive.
    Test,
}

/// One message, as it is sent. Fields are added, never renamed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    schema: u32,
    event: Kind,
    project: String,
    environment: String,
    /// When, RFC 3339.
    at: String,
    /// The service it is about.
    service: Option<String>,
    /// One line for people. Services that take webhooks of chats show this field.
    text: String,
    /// What else there is to say: log lines, the output of checks.
    details: Vec<String>,
}

impl Message {
    /// That `event` happened to the stack of `project`.
    pub(crate) fn new(project: &Project, event: Kind, text: impl Into<String>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self {
            schema: 1,
            event,
            project: project.compose_name(),
            environment: project.environment.clone(),
            at: backup::time::rfc3339(now),
            service: None,
            text: format!("{}: {}", project.compose_name(), text.into()),
            details: Vec::new(),
        }
    }

    /// About `service`.
    pub(crate) fn about(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    /// With more lines.
    pub(crate) fn with(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Without what is secret: whoever receives it, or keeps it, is not who may know that.
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        self.text = redactor.redact(&self.text);
        // What belongs together may be on two lines.
        let details = redactor.redact(&self.details.join("\n"));
        self.details = details.lines().map(str::to_owned).collect();
        self
    }
}

/// Who waits until a message is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Nobody: whoever sends it goes on meanwhile.
    Nobody,
    /// A person or a script, who is told what is waited for, and whose first Ctrl-C ends it.
    Somebody(Volume),
}

/// Where messages go, and who brings them there.
pub(crate) struct Messenger<'a> {
    settings: &'a Notify,
    project: &'a Project,
    /// An image with curl in it.
    image: Option<&'a str>,
    wait: Wait,
}

impl<'a> Messenger<'a> {
    /// As `settings` say; `image` has the program that posts.
    pub(crate) fn new(settings: &'a Notify, project: &'a Project, image: Option<&'a str>, wait: Wait) -> Self {
        Self { settings, project, image, wait }
    }

    /// Tells everybody; each of them, also where another one cannot be told.
    ///
    /// # Errors
    /// When somebody could not be told, or somebody who waits for it does so no longer.
    pub(crate) fn send(&self, message: &Message) -> anyhow::Result<()> {
        let text = serde_json::to_string(message)?;
        let told = [self.run(&text), self.post(&text, if message.event == Kind::Test { TRIAL } else { RESTART })];
        told.into_iter().collect()
    }

    /// Runs `program` with `input` on its stdin; nothing where it takes too long.
    fn capture(&self, program: &Invocation, input: String, limit: Duration) -> anyhow::Result<Option<Output>> {
        let deadline = Instant::now() + limit;
        match self.wait {
            Wait::Nobody => program.capture_with_until(input, deadline),
            Wait::Somebody(_) => program.capture_unless_interrupted(input, deadline),
        }
    }

    fn run(&self, text: &str) -> anyhow::Result<()> {
        let Some((program, arguments)) = self.settings.command.split_first() else { return Ok(()) };
        let program = Invocation::new(program).args(arguments.iter().cloned()).dir(&self.project.root).apart();
        let output = self.capture(&program, format!("{text}\n"), PATIENCE);
        let output = output.map_err(|error| match error.is::<Interrupted>() {
            true => error,
            false => Failure::new(format!("{error:#}")).hint("`notify.command` names it").into(),
        })?;
        let Some(output) = output else {
            let text = format!("`{}` did not end within {} s", program.short(), PATIENCE.as_secs());
            return Err(Failure::new(text).hint("`notify.command` names it; it was ended").into());
        };
        match output.code {
            0 => Ok(()),
            _ => Err(program.failed(&output).hint("`notify.command` names it; the message is JSON on its stdin").into()),
        }
    }

    /// Posts it, again and again for as long as `patience` says until it is taken.
    fn post(&self, text: &str, patience: Duration) -> anyhow::Result<()> {
        let Some(address) = &self.settings.webhook.0 else { return Ok(()) };
        let Some(image) = self.image else { return Err(Failure::new("there is no image of the proxy to post a message with").into()) };
        let (begin, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let time = patience.saturating_sub(begin.elapsed()).clamp(SHORTEST_TRY, LONGEST_TRY);
            let output = self.capture(&commands::notify::post(image), commands::notify::request(address, text, time), time + ENGINE)?;
            let (code, said) = output.map_or((-1, "no answer".to_owned()), |output| match output.stdout.trim() {
                status if output.code == 0 => (0, format!("it answered {status}")),
                _ => (output.code, output.stderr),
            });
            if code == 0 && said.starts_with(TAKEN) {
                return Ok(());
            }
            // The engine has more to say after its reason. The address itself is a secret for most.
            let why = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().replace(address, "…");
            let left = patience.saturating_sub(begin.elapsed());
            if left <= SHORTEST_TRY || HOPELESS.contains(&code) {
                return Err(Failure::new("the message could not be posted")
                    .detail(why)
                    .hint("`notify.webhook` is the address; `cargo xtask notify test` tries again")
                    .into());
            }
            self.pause(pause.min(left - SHORTEST_TRY), &why)?;
            pause *= 2;
        }
    }

    fn pause(&self, time: Duration, why: &str) -> anyhow::Result<()> {
        match self.wait {
            Wait::Nobody => std::thread::sleep(time),
            Wait::Somebody(volume) => {
                let seconds = time.as_secs_f64().ceil();
                volume.say(format!("the message could not be posted: {why}; it is tried again in {seconds} s"));
                if interrupt::wait(time) {
                    return Err(Interrupted.into());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::values::Webhook;

    fn project(root: &Path) -> Project {
        Project::new(root.to_owned(), "local", None).expect("valid names")
    }

    #[test]
    fn a_message_has_the_documented_fields() {
        let project = project(Path::new("/repo"));
        let message = Message::new(&project, Kind::RestartsExhausted, "backend hangs").about("backend").with(["a line".to_owned()]);
        let mut json = serde_json::to_value(&message).expect("JSON");
        json["at"] = "2026-11-22T00:00:00Z".into();
        insta::assert_snapshot!(serde_json::to_string_pretty(&json).expect("JSON"));
    }

    #[test]
    fn what_is_secret_is_in_no_message() {
        let redactor = Redactor::new(["planted".to_owned()]);
        let lines = ["planted was refused", "ALTER ROLE a PASSWORD", "\t'planted-too'", "token=planted-three"].map(str::to_owned);
        let message = Message::new(&project(Path::new("/repo")), Kind::BackupFailed, "planted").with(lines).redacted(&redactor);
        let text = serde_json::to_string(&message).expect("JSON");
        assert!(!text.contains("planted") && message.details.len() == 4, "{text}");
    }

    #[test]
    fn a_program_hears_it_and_its_failure_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = project(dir.path());
        let settings = |script: &str| Notify { command: ["sh", "-c", script].map(str::to_owned).into(), webhook: Webhook::default() };
        let message = Message::new(&project, Kind::Test, "a test");
        let good = settings("cat > heard");
        Messenger::new(&good, &project, None, Wait::Nobody).send(&message).expect("told");
        let heard = std::fs::read_to_string(dir.path().join("heard")).expect("heard");
        assert!(heard.contains("\"event\":\"test\"") && heard.ends_with("}\n"), "{heard}");
        let bad = settings("echo nobody is there >&2; exit 3");
        let error = Messenger::new(&bad, &project, None, Wait::Nobody).send(&message).expect_err("not told").to_string();
        assert!(error.contains("nobody is there") && error.contains("notify.command"), "{error}");
        let silent = Notify { command: Vec::new(), webhook: Webhook::default() };
        assert!(silent.is_silent() && !good.is_silent());
    }
}
