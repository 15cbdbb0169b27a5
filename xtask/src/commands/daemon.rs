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

/// By itself, to be detached. (Behind `setsid` it would be a process that nobody knows: that one forks where it leads a process group already.)
pub(crate) fn start() -> Invocation {
    Invocation::new("dockerd")
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
        assert_eq!(lines, ["systemctl start docker", "systemctl restart docker", "dockerd", "kill 7"]);
    }
}
