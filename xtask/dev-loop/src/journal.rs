//! What a loop says while it works, line by line, with the moment at which each line was read.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::now;
use crate::plan::{Kind, Loop};

/// How often to look whether something has been said.
const LOOK: Duration = Duration::from_millis(20);
/// How long a loop may take to begin.
const BEGIN: Duration = Duration::from_secs(120);

/// How `docker compose watch` says that it could not do what it should.
const TROUBLE: &str = "Error handling changed files";

/// A line and when it came.
pub(crate) type Line = (f64, String);

/// What runs on the host for a loop, and what it says. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Arc<Mutex<Vec<Line>>>,
    child: Option<Child>,
}

impl Journal {
    /// Starts what runs on the host, and waits until it watches.
    pub(crate) async fn start(plan: &Loop) -> anyhow::Result<Self> {
        let mut journal = Self { lines: Arc::default(), child: None };
        let Some(line) = plan.command() else { return Ok(journal) };
        let mut command = Command::new("sh");
        // In a group of its own, so that what it starts ends with it.
        command.args(["-c", &line]).current_dir(&plan.root).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run `{line}`"))?;
        journal.read(child.stdout.take());
        journal.read(child.stderr.take());
        journal.child = Some(child);
        if plan.kind == Kind::Slipway {
            journal.follow(format!("{}/_dev/events", plan.url));
            // Everything is compared with what is built when it begins.
            journal.until(0.0, BEGIN, |line| line.contains(r#""phase":"done""#)).await?;
        } else {
            journal.until(0.0, BEGIN, |line| line.to_lowercase().contains("watch")).await?;
        }
        Ok(journal)
    }

    /// What was said since `moment`.
    pub(crate) fn since(&self, moment: f64) -> Vec<Line> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|(at, _)| *at >= moment).cloned().collect()
    }

    /// Waits for a line that came since `moment`.
    pub(crate) async fn until(&self, moment: f64, patience: Duration, good: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let begin = tokio::time::Instant::now();
        while !self.since(moment).iter().any(|(_, line)| good(line)) {
            if begin.elapsed() > patience {
                let said: Vec<String> = self.since(0.0).into_iter().rev().take(20).map(|(_, line)| line).collect();
                bail!("it did not say within {} s what it should; its last lines, latest first:\n{}", patience.as_secs(), said.join("\n"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until it says, after `moment`, that it could not do what it should.
    pub(crate) async fn trouble(&self, moment: f64) -> anyhow::Error {
        loop {
            if let Some((_, line)) = self.since(moment).into_iter().find(|(_, line)| line.contains(TROUBLE)) {
                return anyhow::anyhow!("{}", line.trim());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Takes down the lines of a stream until its end.
    fn read(&self, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(stream) = stream else { return };
        let lines = Arc::clone(&self.lines);
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = stream.next_segment().await {
                note(&lines, &line);
            }
        });
    }

    /// Takes down server-sent events.
    fn follow(&self, url: String) {
        let lines = Arc::clone(&self.lines);
        tokio::spawn(async move {
            let Ok(client) = reqwest::Client::builder().no_proxy().build() else { return };
            loop {
                if let Ok(answer) = client.get(&url).send().await {
                    let (mut stream, mut rest) = (answer.bytes_stream(), Vec::new());
                    while let Some(Ok(bytes)) = stream.next().await {
                        rest.extend_from_slice(&bytes);
                        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                            note(&lines, &rest[..end]);
                            rest.drain(..=end);
                        }
                    }
                }
                // It is not there yet, or was replaced.
                tokio::time::sleep(LOOK).await;
            }
        });
    }
}

fn note(lines: &Mutex<Vec<Line>>, line: &[u8]) {
    let line = (now(), String::from_utf8_lossy(line).into_owned());
    lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

impl Drop for Journal {
    fn drop(&mut self) {
        let group = self.child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        // One that has ended is what is wanted.
        let _ = group.map(|group| kill_process_group(group, Signal::TERM));
    }
}
