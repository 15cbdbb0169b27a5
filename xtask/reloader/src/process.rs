//! One process of the program: how it is started, how it says that it is ready, and how it is ended.
use crate::output::{self, Stream, Tail};
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fs, io};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// The first file descriptor that a program inherits, says the protocol.
const FIRST_FD: i32 = 3;
/// How long to wait for the last output of a process that has ended: a child of its own may keep the pipe open.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// What all processes of a program have in common.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// Arguments of the program.
    pub(crate) arguments: Vec<OsString>,
    /// The socket it serves, if it serves one.
    pub(crate) listener: Option<TcpListener>,
    /// What the names of the sockets for messages of processes begin with.
    pub(crate) notify: PathBuf,
    /// How long a process may take to be ready.
    pub(crate) ready: Duration,
    /// Where events go.
    pub(crate) events: mpsc::UnboundedSender<Event>,
    /// How many processes there were.
    pub(crate) count: u64,
}

/// A process that has been started, and perhaps has ended since.
#[derive(Debug)]
pub(crate) struct Process {
    /// Tells the processes of one reloader apart.
    pub(crate) number: u64,
    /// Its process id.
    pub(crate) pid: u32,
    /// The build that it runs.
    pub(crate) path: PathBuf,
    /// When it was started.
    pub(crate) started: Instant,
    stop: mpsc::UnboundedSender<Duration>,
}

/// What happens to processes.
#[derive(Debug)]
pub(crate) enum Event {
    /// The process of this number is ready.
    Ready(u64),
    /// A process has ended.
    Ended(Ended),
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its number.
    pub(crate) number: u64,
    /// Its process id, which may be another's by now.
    pub(crate) pid: u32,
    /// Its exit code, if it exited.
    pub(crate) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
    /// In words.
    pub(crate) reason: String,
    /// Whether it was killed because it took too long.
    pub(crate) killed: bool,
    /// The last lines it printed.
    pub(crate) output: Vec<String>,
}

impl Launcher {
    /// Starts the build at `path`.
    pub(crate) fn start(&mut self, path: &Path) -> io::Result<Process> {
        self.count += 1;
        let number = self.count;
        let mut notify = self.notify.clone().into_os_string();
        notify.push(format!(".{number}"));
        let notify = Notify::bind(notify.into())?;
        let ((output, output_end), (error, error_end)) = (io::pipe()?, io::pipe()?);

        // The reloader may have been replaced on disk; this is the one that runs.
        let reloader = Path::new("/proc/self/exe");
        let reloader = if reloader.exists() { reloader.to_owned() } else { std::env::current_exe()? };
        #[expect(clippy::disallowed_methods, reason = "a supervised process is more than an invocation")]
        let mut command = std::process::Command::new(reloader);
        command.args(["exec", "--"]).arg(path).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(output_end).stderr(error_end);
        command.env("NOTIFY_SOCKET", &notify.path).env_remove("LISTEN_PID").process_group(0);
        match &self.listener {
            Some(listener) => {
                let mapping = FdMapping { parent_fd: listener.try_clone()?.into(), child_fd: FIRST_FD };
                command.env("LISTEN_FDS", "1").fd_mappings(vec![mapping]).map_err(io::Error::other)?;
            }
            None => drop(command.env_remove("LISTEN_FDS")),
        }
        // The command holds our copies of the pipes' ends: it goes at the end of this statement.
        let child = Command::from(command).kill_on_drop(true).spawn()?;

        let pid = child.id().unwrap_or_default();
        let tail = Tail::default();
        let outputs = [output::forward(output, Stream::Output, tail.clone()), output::forward(error, Stream::Error, tail.clone())];
        let (stop, stops) = mpsc::unbounded_channel();
        let tended = Tended { number, pid, child, notify, stops, outputs, tail, ready: self.ready, events: self.events.clone() };
        tokio::spawn(tended.tend());
        Ok(Process { number, pid, path: path.to_owned(), started: Instant::now(), stop })
    }
}

impl Process {
    /// Asks it to end, and kills it if it has not within `grace`.
    pub(crate) fn stop(&self, grace: Duration) {
        // The other end is gone when the process is.
        let _ = self.stop.send(grace);
    }
}

/// The socket at which a process says that it is ready. Its file goes with it.
struct Notify {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Notify {
    fn bind(path: PathBuf) -> io::Result<Self> {
        let _ = fs::remove_file(&path);
        Ok(Notify { socket: UnixDatagram::bind(&path)?, path })
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A process that runs, with everything that belongs to it.
struct Tended {
    number: u64,
    pid: u32,
    child: Child,
    notify: Notify,
    stops: mpsc::UnboundedReceiver<Duration>,
    outputs: [oneshot::Receiver<()>; 2],
    tail: Tail,
    ready: Duration,
    events: mpsc::UnboundedSender<Event>,
}

impl Tended {
    /// Goes with the process until its end.
    async fn tend(mut self) {
        let (mut starting, mut late, mut killed) = (true, false, false);
        let mut status = None;
        let mut deadline = Some(Instant::now() + self.ready);
        let mut buffer = [0; 4096];
        let end = loop {
            tokio::select! {
                biased;
                Ok(length) = self.notify.socket.recv(&mut buffer) => {
                    for line in String::from_utf8_lossy(&buffer[..length]).lines() {
                        if let Some(text) = line.strip_prefix("STATUS=") {
                            status = Some(text.to_owned());
                        }
                        if line == "READY=1" && std::mem::take(&mut starting) {
                            deadline = None;
                            let _ = self.events.send(Event::Ready(self.number));
                        }
                    }
                }
                end = self.child.wait() => break end,
                Some(grace) = self.stops.recv() => {
                    starting = false;
                    deadline = Some(Instant::now() + grace);
                    self.signal(|pid| kill_process(pid, Signal::TERM));
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    (late, killed, deadline) = (starting, true, None);
                    self.signal(|pid| kill_process_group(pid, Signal::KILL));
                }
            }
        };
        for output in &mut self.outputs {
            let _ = timeout(LAST_OUTPUT, output).await;
        }
        let end = end.unwrap_or_default();
        let reason = match (late, status) {
            (true, Some(status)) => format!("was not ready within {:?}: {status}", self.ready),
            (true, None) => format!("was not ready within {:?}", self.ready),
            (false, _) if starting => format!("{} before it was ready", describe(end)),
            (false, _) => describe(end),
        };
        let (code, signal) = (end.code(), end.signal());
        let ended = Ended { number: self.number, pid: self.pid, code, signal, reason, killed, output: self.tail.lines() };
        let _ = self.events.send(Event::Ended(ended));
    }

    /// Sends a signal, if the process has not ended: its id is its own until it was waited for.
    fn signal(&self, kill: impl Fn(Pid) -> rustix::io::Result<()>) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        // It may have ended at this moment.
        let _ = pid.map(kill);
    }
}

fn describe(end: ExitStatus) -> String {
    match (end.code(), end.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
