//! Who listens on a port: from `/proc` on Linux, from `lsof` or `netstat` elsewhere, and from the engine for containers.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::commands;
#[cfg(not(target_os = "linux"))]
use crate::process::Invocation;

/// How long an engine may take to say which container it is: the name is a help, and not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Words for whoever listens on `port`; nothing when nobody does, or when this user may not see it.
pub(crate) fn name(port: u16) -> Option<String> {
    let deadline = Instant::now() + PATIENCE;
    let container = commands::engine::publisher(port).capture_until(deadline).ok().flatten().filter(|output| output.code == 0);
    if let Some(container) = container.as_ref().and_then(|output| output.stdout.lines().next()) {
        return Some(format!("the container `{container}`"));
    }
    let (pid, name) = process(port)?;
    Some(format!("`{name}` (pid {pid})"))
}

#[cfg(target_os = "linux")]
fn process(port: u16) -> Option<(u32, String)> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let inodes: Vec<String> = tables.iter().flat_map(|table| listening_inodes(table, port)).collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| holds(&Path::new("/proc").join(pid.to_string()).join("fd"), &inodes))?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((pid, name.trim().to_owned()))
}

#[cfg(target_os = "linux")]
fn holds(fds: &Path, inodes: &[String]) -> bool {
    let links = std::fs::read_dir(fds).into_iter().flatten().flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter_map(|link| link.to_str().map(str::to_owned)).any(|link| inodes.iter().any(|inode| link == format!("socket:[{inode}]")))
}

/// The inodes of sockets that listen on `port`, in the format of `/proc/net/tcp`: local address in column 2, state in 4 (`0A` listens), inode in 10.
#[cfg(any(target_os = "linux", test))]
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|cells| cells.len() > 9 && cells[1].ends_with(&wanted) && cells[3] == "0A").map(|cells| cells[9].to_owned()).collect()
}

#[cfg(not(target_os = "linux"))]
fn process(port: u16) -> Option<(u32, String)> {
    if cfg!(windows) {
        let output = Invocation::new("netstat").args(["-ano", "-p", "TCP"]).capture().ok()?;
        return netstat(&output.stdout, port).map(|pid| (pid, "a process".to_owned()));
    }
    let output = Invocation::new("lsof").args(["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-Fpc"]).capture().ok()?;
    lsof(&output.stdout)
}

/// Reads the fields `p<pid>` and `c<command>` of `lsof -Fpc`.
#[cfg(any(not(target_os = "linux"), test))]
fn lsof(text: &str) -> Option<(u32, String)> {
    let field = |prefix: char| text.lines().find_map(|line| line.strip_prefix(prefix));
    Some((field('p')?.parse().ok()?, field('c')?.to_owned()))
}

/// Reads the process id from the last column of the row that listens on `port`.
#[cfg(any(not(target_os = "linux"), test))]
fn netstat(text: &str, port: u16) -> Option<u32> {
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.filter(|cells| cells.len() == 5).find(|cells| cells[1].ends_with(&format!(":{port}")) && cells[3] == "LISTENING");
    row?.last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_net_tcp_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
               1: 0100007F:1F90 0100007F:8888 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n\
               2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n";
        assert_eq!(listening_inodes(table, 8080), ["4711"]);
    }

    #[test]
    fn lsof_and_netstat_are_read() {
        assert_eq!(lsof("p812\ncnode\nf12\n"), Some((812, "node".to_owned())));
        let table = "  Proto  Local Address          Foreign Address        State           PID\n  TCP    127.0.0.1:8080         0.0.0.0:0              LISTENING       812\n";
        assert_eq!((netstat(table, 8080), netstat(table, 80)), (Some(812), None));
    }
}
