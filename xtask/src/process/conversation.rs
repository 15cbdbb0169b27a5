//! A running child that is talked with: lines go to its stdin, lines come from its stdout.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use super::Invocation;

/// No line of ours is longer; what is cut is no JSON any more and is passed over.
const LONGEST_LINE: u64 = 4 << 20;

/// What is kept of a child's stderr.
const SAID: u64 = 64 << 10;

/// The way to a child that is talked with. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation(Arc<Mutex<Ends>>);

#[derive(Debug)]
struct Ends {
    /// Nothing once it is over.
    stdin: Option<ChildStdin>,
    child: Child,
    /// What it wrote to stderr.
    said: String,
}

impl Conversation {
    /// Sends one line. A child that is gone does not hear it: whoever listens is told of its end.
    pub(crate) fn send(&self, line: &str) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = ends.stdin.as_mut().map(|stdin| stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush()));
        if matches!(sent, Some(Err(_))) {
            ends.stdin = None;
        }
    }

    /// Says that there is nothing more to say: the child sees the end of its stdin, and may go on.
    pub(crate) fn hang_up(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stdin = None;
    }

    /// What it wrote to stderr, once it has ended.
    pub(crate) fn said(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).said.clone()
    }

    /// Ends it: the child sees the end of its stdin, and is killed should that not be enough for it.
    pub(crate) fn close(&self) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.stdin = None;
        // A child that is already gone is what was wanted.
        let _ = ends.child.kill();
    }
}

impl Invocation {
    /// Starts it and calls `hear` with each line that it writes, on a thread of its own, and with nothing at its end.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn converse(&self, hear: impl Fn(Option<String>) + Send + 'static) -> anyhow::Result<Conversation> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is where an invocation is run; its streams stay open, which no other way to run one offers"
        )]
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(key, value)| (key, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        #[cfg(unix)]
        if self.apart {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", self.program))?;
        let stdout = child.stdout.take().context("a piped stdout")?;
        let stderr = child.stderr.take().context("a piped stderr")?;
        let stdin = child.stdin.take();
        let conversation = Conversation(Arc::new(Mutex::new(Ends { stdin, child, said: String::new() })));
        let stderr = std::thread::spawn(move || {
            let (mut stderr, mut said) = (stderr, Vec::new());
            let _ = stderr.by_ref().take(SAID).read_to_end(&mut said);
            // A full pipe would stop the child.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&said).into_owned()
        });
        std::thread::spawn({
            let conversation = conversation.clone();
            move || {
                let mut reader = BufReader::new(stdout);
                let mut line = Vec::new();
                while reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).unwrap_or(0) > 0 {
                    hear(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
                    line.clear();
                }
                // Nobody is left behind as a zombie.
                conversation.close();
                let said = stderr.join().unwrap_or_default();
                let mut ends = conversation.0.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = ends.child.wait();
                ends.said = said;
                drop(ends);
                hear(None);
            }
        });
        Ok(conversation)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_go_both_ways_until_one_side_ends() {
        let (send, receive) = mpsc::channel();
        let sh = Invocation::new("sh").args(["-c", "while read line; do test \"$line\" = bye && exit; echo \"heard $line\"; done"]);
        let conversation = sh.converse(move |line| drop(send.send(line))).expect("started");
        let next = || receive.recv_timeout(Duration::from_secs(30)).expect("an answer");
        conversation.send("one");
        conversation.send("two");
        assert_eq!((next().as_deref(), next().as_deref()), (Some("heard one"), Some("heard two")));
        conversation.send("bye");
        assert_eq!(next(), None);
        conversation.send("nobody hears this");
    }

    #[test]
    fn a_child_that_ends_has_said_why() {
        let (send, receive) = mpsc::channel();
        let sh = Invocation::new("sh").args(["-c", "cat; echo no such volume >&2; exit 1"]);
        let conversation = sh.converse(move |line| drop(send.send(line))).expect("started");
        conversation.hang_up();
        assert_eq!(receive.recv_timeout(Duration::from_secs(30)).expect("the end"), None);
        assert_eq!(conversation.said(), "no such volume\n");
    }

    #[test]
    fn closing_ends_a_child_that_does_not_listen() {
        let (send, receive) = mpsc::channel();
        let conversation = Invocation::new("sleep").arg("600").converse(move |line| drop(send.send(line))).expect("started");
        conversation.close();
        assert_eq!(receive.recv_timeout(Duration::from_secs(30)).expect("the end"), None);
    }
}
