//! Questions with a bound: what is not answered by then is not known, and named.

use std::sync::mpsc;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use crate::process::{Invocation, Output};

/// What is known, or in a few words why it is not.
pub(crate) type Known<T> = Result<T, String>;

/// How it ends where there was no answer in time.
pub(super) const LATE: &str = "did not answer in time";

/// Asks until a moment that all questions have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    deadline: Instant,
}

impl Ask {
    /// Waits no longer than `time` from now on.
    pub(crate) fn for_at_most(time: Duration) -> Self {
        Self { deadline: Instant::now() + time }
    }

    /// What `question` leaves behind, whatever its exit code says.
    pub(crate) fn output(self, question: &Invocation) -> Known<Output> {
        let output = question.capture_until(self.deadline).map_err(|error| format!("{error:#}"))?;
        output.ok_or_else(|| format!("`{}` {LATE}", question.short()))
    }

    /// What `question` prints; not known where it fails.
    pub(crate) fn read(self, question: &Invocation) -> Known<String> {
        let output = self.output(question)?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        let said = output.stderr.lines().map(str::trim).find(|line| !line.is_empty());
        Err(said.map_or_else(|| format!("`{}` failed with exit code {}", question.short(), output.code), str::to_owned))
    }

    /// What `look` finds; it goes on behind our back where it takes too long.
    pub(crate) fn within<T: Send + 'static>(self, what: &str, look: impl FnOnce() -> T + Send + 'static) -> Known<T> {
        let (send, receive) = mpsc::channel();
        // Nobody listens any more where it is too late.
        std::thread::spawn(move || drop(send.send(look())));
        receive.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).map_err(|_| format!("{what} {LATE}"))
    }
}

/// What a thread that asked found out.
pub(super) fn answer<T>(asked: ScopedJoinHandle<'_, Known<T>>) -> Known<T> {
    asked.join().unwrap_or_else(|_| Err("the thread that asked panicked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_known_and_a_failure_says_why() {
        let shell = |script: &str| Ask::for_at_most(LONG).read(&Invocation::new("sh").args(["-c", script]));
        assert_eq!(shell("echo yes"), Ok("yes\n".to_owned()));
        assert_eq!(shell("echo; echo no such thing >&2; exit 3"), Err("no such thing".to_owned()));
        assert_eq!(shell("exit 3"), Err("`sh` failed with exit code 3".to_owned()));
        assert_eq!(Ask::for_at_most(LONG).within("it", || 1), Ok(1));
    }

    #[test]
    fn what_hangs_is_not_known() {
        let ask = Ask::for_at_most(Duration::from_millis(1));
        assert_eq!(ask.read(&Invocation::new("sleep").arg("600")), Err("`sleep 600` did not answer in time".to_owned()));
        let (_held, never) = mpsc::channel::<()>();
        assert_eq!(ask.within("it", move || never.recv().is_ok()), Err("it did not answer in time".to_owned()));
    }
}
