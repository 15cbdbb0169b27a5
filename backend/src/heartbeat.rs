//! The worker's sign of life: a file that its main loop touches, and that the container's health check looks at.
use crate::supervisor::Supervisor;
use anyhow::{Context, bail};
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, SystemTime};
use tokio::time::interval;

/// How often the main loop touches the file.
const INTERVAL: Duration = Duration::from_secs(1);
/// A file older than this means that the main loop no longer turns: it waits for nothing without signs of life.
const STALE: Duration = Duration::from_secs(4);

/// The heartbeat file. It lies in `/tmp`, which is memory in a container.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    path: PathBuf,
    supervisor: Supervisor,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat::at(std::env::temp_dir().join("backend-worker-heartbeat"))
    }
}

impl Heartbeat {
    /// A heartbeat in a file of the caller's choice.
    pub fn at(path: PathBuf) -> Self {
        Heartbeat { path, supervisor: Supervisor::default() }
    }

    /// Tells the supervisor, too.
    pub fn supervised(self, supervisor: Supervisor) -> Self {
        Heartbeat { supervisor, ..self }
    }

    /// Begins the life of a worker that is not ready yet. A supervised one leaves the file alone: the process before it works on and gives its signs of
    /// life there until this one is ready, and if that ends, or this one stands still, the file grows old as ever.
    pub fn begin(&self) {
        if !self.supervisor.is_there() {
            self.clear();
        }
    }

    /// The queue was reached for the first time.
    pub fn ready(&self) {
        self.supervisor.ready();
    }

    /// The queue cannot be reached.
    pub fn waits(&self, reason: &str) {
        if self.supervisor.is_there() {
            self.supervisor.waits(reason);
        }
    }

    /// Forgets the sign of life of an earlier process, so that this one is unhealthy until it was ready once.
    pub fn clear(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Gives a sign of life.
    pub fn beat(&self) {
        if let Err(error) = fs::write(&self.path, b"alive\n") {
            tracing::warn!(path = %self.path.display(), %error, "the heartbeat file cannot be written");
        }
    }

    /// Gives signs of life for as long as `work` is waited for.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut ticks = interval(INTERVAL);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => self.beat(),
            }
        }
    }

    /// Fails with the reason if there was no sign of life recently.
    pub fn check(&self) -> anyhow::Result<()> {
        let path = self.path.display();
        let modified = fs::metadata(&self.path)
            .and_then(|metadata| metadata.modified())
            .with_context(|| format!("the worker was not ready yet: `{path}` is missing"))?;
        // A clock that was set back leaves the file in the future for one interval at most: that counts as fresh.
        let age = SystemTime::now().duration_since(modified).unwrap_or_default();
        if age > STALE {
            bail!("the worker's main loop has not turned for {} s (`{path}`)", age.as_secs());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn fresh_stale_and_missing_are_told_apart() {
        let path = std::env::temp_dir().join(format!("heartbeat-test-{}", uuid::Uuid::now_v7()));
        let heartbeat = Heartbeat::at(path.clone());
        assert!(heartbeat.check().unwrap_err().to_string().contains("was not ready yet"));
        heartbeat.beat();
        heartbeat.check().unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert!(heartbeat.check().unwrap_err().to_string().contains("has not turned for 60 s"));
        // While it starts, a supervised worker does not take the sign of life of the one before it.
        heartbeat.clone().supervised(Supervisor::at(path.with_extension("socket"))).begin();
        assert!(path.exists());
        heartbeat.begin();
        assert!(!path.exists());
    }
}
