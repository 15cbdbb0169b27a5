//! Command lines that start and stop the engine itself.

use crate::process::Invocation;

/// Through the service manager, which also keeps it running.
pub(crate) fn start_service() -> Invocation {
    Invocation::new("systemctl").args(["start", "docker"])
}

/// Anew, after its program was replaced.
pub(crate) fn restart_service() -> Invocation {
    Invocation::new("systemctl").args(["restart", "docker"])
}

/// In a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it.
pub(crate) fn start() -> Invocation {
    Invocation::new("setsid").arg("dockerd")
}

/// Asks the process `pid` to end.
pub(crate) fn terminate(pid: u32) -> Invocation {
    Invocation::new("kill").arg(pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line() {
        let lines = [start_service(), restart_service(), start(), terminate(7)].map(|line| line.to_string());
        assert_eq!(lines, ["systemctl start docker", "systemctl restart docker", "setsid dockerd", "kill 7"]);
    }
}
