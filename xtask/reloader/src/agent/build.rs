//! One run of cargo: its messages as they come, its end at once when it is cancelled, and its programs copied to where they are run.
use super::programs::Programs;
use crate::lines;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// How long to wait for the last messages of cargo when it has ended: a child of its own may keep the pipe open.
const LAST_MESSAGES: Duration = Duration::from_secs(2);

/// What comes out of a build.
pub(super) enum Answer {
    /// A message of cargo, and what of it is for people.
    Cargo { message: String, rendered: Option<String> },
    /// A line for people.
    Talk(String),
    /// The build has ended; nothing comes after it.
    Done(Done),
}

/// How a build ended.
#[derive(Debug, Default, Serialize)]
pub(super) struct Done {
    pub(super) ok: bool,
    cancelled: bool,
    code: Option<i32>,
    cargo_ms: u64,
    copy_ms: u64,
    pub(super) programs: Vec<Built>,
}

/// A program that was built.
#[derive(Debug, Serialize)]
pub(super) struct Built {
    pub(super) program: String,
    pub(super) path: PathBuf,
    /// It is the build that was there already.
    pub(super) fresh: bool,
}

impl Done {
    /// A build that never began, or did not end by itself.
    pub(super) fn cancelled() -> Self {
        Done { cancelled: true, ..Done::default() }
    }
}

/// A message of cargo, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
}

/// A program as cargo left it.
type Executable = (String, PathBuf);

/// A build that runs.
pub(super) struct Build {
    cancel: Option<oneshot::Sender<()>>,
}

impl Build {
    /// Starts cargo. `answers` ends with [`Answer::Done`], whatever happens.
    pub(super) fn start(workspace: &Path, packages: &[String], programs: Programs, answers: mpsc::Sender<Answer>) -> Self {
        let (cancel, cancelled) = oneshot::channel();
        let child = command(workspace, packages).spawn();
        tokio::spawn(async move {
            let done = match child {
                Ok(child) => run(child, cancelled, programs, &answers).await,
                Err(error) => {
                    let _ = answers.send(Answer::Talk(format!("error: cargo cannot be started: {error}"))).await;
                    Done::default()
                }
            };
            let _ = answers.send(Answer::Done(done)).await;
        });
        Build { cancel: Some(cancel) }
    }

    /// Ends it at once. Its end is answered as any other.
    pub(super) fn cancel(&mut self) {
        // When it is copying or done, nobody listens any more.
        let _ = self.cancel.take().map(|cancel| cancel.send(()));
    }
}

fn command(workspace: &Path, packages: &[String]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(["build", "--bins", "--message-format=json-diagnostic-rendered-ansi"]);
    for package in packages {
        command.args(["--package", package]);
    }
    // In a group of its own, so that compilers end with it.
    command.current_dir(workspace).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn run(mut child: Child, cancelled: oneshot::Receiver<()>, programs: Programs, answers: &mpsc::Sender<Answer>) -> Done {
    let started = Instant::now();
    let (output, error) = (child.stdout.take(), child.stderr.take());
    let messages = tokio::spawn(read_messages(output, answers.clone()));
    let talk = tokio::spawn(read_talk(error, answers.clone()));
    let end = tokio::select! {
        end = child.wait() => Some(end),
        Ok(()) = cancelled => None,
    };
    let Some(end) = end else {
        let group = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = child.wait().await;
        // Whatever was still in the pipes comes before the end.
        let _ = timeout(LAST_MESSAGES, async { (messages.await, talk.await) }).await;
        return Done { cargo_ms: started.elapsed().as_millis() as u64, ..Done::cancelled() };
    };
    let executables = timeout(LAST_MESSAGES, async {
        let executables = messages.await;
        let _ = talk.await;
        executables
    });
    let executables = executables.await.ok().and_then(Result::ok);
    let end: Option<ExitStatus> = end.ok();
    let (code, cargo_ms) = (end.and_then(|end| end.code()), started.elapsed().as_millis() as u64);
    let mut done = Done { code, cargo_ms, ..Done::default() };
    let Some(executables) = executables.filter(|_| code == Some(0)) else { return done };

    let copying = Instant::now();
    match tokio::task::spawn_blocking(move || copy(&programs, executables)).await {
        Ok(Ok(programs)) => (done.ok, done.programs) = (true, programs),
        Ok(Err(error)) => drop(answers.send(Answer::Talk(format!("error: a program cannot be copied: {error}"))).await),
        Err(_) => {}
    }
    done.copy_ms = copying.elapsed().as_millis() as u64;
    done
}

fn copy(programs: &Programs, executables: Vec<Executable>) -> io::Result<Vec<Built>> {
    let mut built = Vec::new();
    for (program, executable) in executables {
        let (path, fresh) = programs.take(&program, &executable)?;
        built.push(Built { program, path, fresh });
    }
    Ok(built)
}

/// Passes on what cargo says to programs, and returns what it built.
async fn read_messages(stream: Option<impl AsyncRead + Unpin>, answers: mpsc::Sender<Answer>) -> Vec<Executable> {
    let mut executables = Vec::new();
    let Some(mut stream) = stream.map(BufReader::new) else { return executables };
    while let Ok(Some(line)) = lines::next(&mut stream).await {
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            let _ = answers.send(Answer::Talk(line)).await;
            continue;
        };
        if let (Some(executable), Some(target)) = (message.executable, message.target)
            && message.reason == "compiler-artifact"
            && target.kind.iter().any(|kind| kind == "bin")
        {
            executables.push((target.name, executable));
        }
        let rendered = message.message.and_then(|message| message.rendered);
        let _ = answers.send(Answer::Cargo { message: line, rendered }).await;
    }
    executables
}

/// Passes on what cargo says to people.
async fn read_talk(stream: Option<impl AsyncRead + Unpin>, answers: mpsc::Sender<Answer>) {
    let Some(mut stream) = stream.map(BufReader::new) else { return };
    while let Ok(Some(line)) = lines::next(&mut stream).await {
        let _ = answers.send(Answer::Talk(line)).await;
    }
}
