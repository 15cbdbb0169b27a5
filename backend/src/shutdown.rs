//! The wish to stop, from a termination signal to everything that must end with it.
use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells whether the process was asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Asks everything that holds the matching [`Shutdown`] to stop. Dropping it asks as well.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Asks to stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// A shutdown that the caller triggers.
    pub fn manual() -> (Trigger, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Shutdown(receiver))
    }

    /// A shutdown that SIGTERM and SIGINT trigger. The handlers are in place when it returns.
    pub fn on_signals() -> anyhow::Result<Shutdown> {
        let handler = |kind| signal(kind).context("the handlers of termination signals cannot be installed");
        let (mut terminate, mut interrupt) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
        let (trigger, shutdown) = Shutdown::manual();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "stopping");
            trigger.request();
        });
        Ok(shutdown)
    }

    /// Waits until the process is asked to stop.
    pub async fn requested(&self) {
        // An error means that the trigger is gone, which asks to stop too.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }

    /// Whether the process was asked to stop.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}
