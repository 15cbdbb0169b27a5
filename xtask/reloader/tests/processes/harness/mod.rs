//! What the tests share: a process that ends with its test, a client of a control socket, and waiting for something to hold.
mod reloader;
mod web;

pub(crate) use reloader::{Reloader, Settings};
pub(crate) use web::{Load, get, request};

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing takes so long on a machine that is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until something holds, and fails the test with `what` if it never does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process with this id runs.
pub(crate) fn runs(pid: u64) -> bool {
    // One that ended and that nobody waited for has no command line.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "the tests start what they test")]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// The reloader with these arguments.
pub(crate) fn reloader<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_reloader"));
    command.args(arguments);
    command
}

/// A process that ends with its test, and everything it printed.
pub(crate) struct Running {
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let readers = vec![collect(child.stdout.take().unwrap(), &printed), collect(child.stderr.take().unwrap(), &printed)];
        Running { child, printed, readers }
    }

    pub(crate) fn printed(&self) -> Vec<String> {
        self.printed.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: &str) {
        kill(self.child.id().into(), signal);
    }

    /// Ends it as `docker stop` does. Returns how it ended and everything it printed.
    pub(crate) fn terminate(self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM");
        self.end()
    }

    /// Waits until it ends by itself. Returns the same.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status, self.printed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // So that its children end, too.
            self.signal("TERM");
            let _ = self.child.wait();
        }
        if thread::panicking() {
            println!("{}", self.printed().join("\n"));
        }
    }
}

fn collect(stream: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let lines = lines.clone();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            lines.lock().unwrap().push(String::from_utf8(line.unwrap()).unwrap());
        }
    })
}

/// Sends a signal to a process.
pub(crate) fn kill(pid: u64, signal: &str) {
    assert!(command("kill").args(["-s", signal, &pid.to_string()]).status().unwrap().success());
}

/// A client of a control socket.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects as soon as somebody listens. The greeting is still to come.
    pub(crate) fn connect(socket: &Path) -> Self {
        let mut stream = None;
        eventually("the control socket is there", || {
            stream = UnixStream::connect(socket).ok();
            stream.is_some()
        });
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    pub(crate) fn send_text(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The next message, or nothing when the other side has closed.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            // It closed while there was more of ours to read.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            read => drop(read.unwrap()),
        }
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// The next message that has this member; messages before it are passed over.
    pub(crate) fn hear(&mut self, member: &str) -> Value {
        loop {
            let message = self.next().expect("the connection ended");
            if let Some(value) = message.get(member) {
                return value.clone();
            }
        }
    }

    /// The next message that answers this request in this way, or fails the test if it is answered in another.
    pub(crate) fn answer(&mut self, id: u64, kind: &str) -> Value {
        loop {
            let message = self.next().expect("the connection ended");
            if message["id"] == id && ["ready", "failed", "done"].iter().any(|kind| message.get(kind).is_some()) {
                return message.get(kind).unwrap_or_else(|| panic!("not {kind}: {message}")).clone();
            }
        }
    }

    pub(crate) fn swap(&mut self, id: u64, path: &Path) {
        self.send(&json!({ "swap": { "id": id, "path": path } }));
    }

    /// How things are now.
    pub(crate) fn status(&mut self) -> Value {
        self.send(&json!({ "status": {} }));
        self.hear("hello")
    }
}
