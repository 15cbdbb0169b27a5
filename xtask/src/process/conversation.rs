//! A running child that is talked with: lines go to its stdin, lines come from its stdout.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use super::Invocation;

/// No line of ours is longer; what is cut is no JSON any more and is passed over.
const LONGEST_LINE: u64 = 4 << 20;

/// The way to a child that is talked with. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation(Arc<Mutex<Ends>>);

#[derive(Debug)]
struct Ends {
    /// Nothing once it is over.
    stdin: Option<ChildStdin>,
    child: Child,
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
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run `{}`", self.program))?;
        let stdout = child.stdout.take().context("a piped stdout")?;
        let stdin = child.stdin.take();
        let conversation = Conversation(Arc::new(Mutex::new(Ends { stdin, child })));
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
                let _ = conversation.0.lock().unwrap_or_else(PoisonError::into_inner).child.wait();
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
    fn closing_ends_a_child_that_does_not_listen() {
        let (send, receive) = mpsc::channel();
        let conversation = Invocation::new("sleep").arg("600").converse(move |line| drop(send.send(line))).expect("started");
        conversation.close();
        assert_eq!(receive.recv_timeout(Duration::from_secs(30)).expect("the end"), None);
    }
}
