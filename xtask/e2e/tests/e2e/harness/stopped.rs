//! Services that a test stops for a while.

use super::Stack;

/// A service that a test has stopped. It is started when this goes, also when the test fails: the next test finds the stack whole.
#[must_use = "the service starts again when this goes"]
pub(crate) struct Stopped {
    stack: Stack,
    service: String,
}

impl Stack {
    /// Stops `service`, as a person does with `docker stop`.
    pub(crate) fn stop(&self, service: &str) -> Stopped {
        self.docker(&["stop", &self.container(service)]).good();
        Stopped { stack: self.clone(), service: service.to_owned() }
    }
}

impl Stopped {
    /// Starts it again.
    pub(crate) fn start(self) {
        drop(self);
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let outcome = self.stack.docker(&["start", &self.stack.container(&self.service)]);
        // A test that fails already says why.
        if !std::thread::panicking() {
            outcome.good();
        }
    }
}

/// A service whose processes stand still: it runs, and does not answer. They go on when this goes.
#[must_use = "the service goes on when this goes"]
pub(crate) struct Suspended {
    stack: Stack,
    service: String,
}

impl Stack {
    /// Lets all processes of `service` stand still.
    pub(crate) fn suspend(&self, service: &str) -> Suspended {
        self.docker(&["kill", "--signal", "STOP", &self.container(service)]).good();
        Suspended { stack: self.clone(), service: service.to_owned() }
    }
}

impl Suspended {
    /// Lets them go on.
    pub(crate) fn go_on(self) {
        drop(self);
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        let outcome = self.stack.docker(&["kill", "--signal", "CONT", &self.stack.container(&self.service)]);
        if !std::thread::panicking() {
            outcome.good();
        }
    }
}
