//! Finding the program, and the socket it serves.
use anyhow::Context;
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::TcpSocket;

/// Connections that nobody has accepted yet wait here while programs are swapped. The system may allow fewer.
const BACKLOG: u32 = 4096;

/// The build behind `program`, which is a path or a name on `PATH`: what a link points to now, it need not point to tomorrow.
pub(crate) fn find(program: &OsStr) -> anyhow::Result<PathBuf> {
    let is_program =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
    let given = Path::new(program);
    let found = if given.components().count() > 1 || given.is_absolute() {
        Some(given.to_owned()).filter(is_program)
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|directory| directory.join(given)).find(is_program)
    };
    let found = found.with_context(|| format!("`{}` is not there: it is built and promoted first", given.display()))?;
    Ok(fs::canonicalize(found)?)
}

/// The listening socket at `PORT`, or nothing when no port is set.
pub(crate) fn listen() -> anyhow::Result<Option<TcpListener>> {
    let Some(port) = std::env::var("PORT").ok().filter(|port| !port.is_empty()) else { return Ok(None) };
    let number = port.parse().with_context(|| format!("`PORT` is `{port}`, which is no port; set it to a number from 1 to 65535"))?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let cannot = || format!("port {port} cannot be listened on: stop what uses it, or set another `PORT`");
    socket.bind((Ipv4Addr::UNSPECIFIED, number).into()).with_context(cannot)?;
    let listener = socket.listen(BACKLOG).with_context(cannot)?.into_std()?;
    // As the protocol has it: who wants it otherwise sets it.
    listener.set_nonblocking(false)?;
    Ok(Some(listener))
}
