//! A reloader with builds of the test program.
use super::{Client, Running, command, reloader};
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// How the reloader is started.
pub(crate) struct Settings {
    pub(crate) ready_seconds: u32,
    pub(crate) drain_seconds: u32,
    /// Whether there is a socket to serve.
    pub(crate) port: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { ready_seconds: 60, drain_seconds: 60, port: true }
    }
}

/// A reloader that runs.
pub(crate) struct Reloader {
    running: Running,
    directory: TempDir,
    /// Where the program serves.
    pub(crate) address: SocketAddr,
}

impl Reloader {
    /// Starts one whose program is the build of this name at first.
    pub(crate) fn start(first: &str, settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Free at this moment; the reloader takes it at once.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        std::os::unix::fs::symlink(build(directory.path(), first), directory.path().join("web")).unwrap();
        let mut command = reloader(["run", "--socket"]);
        command.arg(socket(directory.path()));
        command.args(["--ready-seconds", &settings.ready_seconds.to_string(), "--drain-seconds", &settings.drain_seconds.to_string()]);
        command.args(["--", "web", "serve"]).env("PATH", directory.path()).env_remove("PORT");
        if settings.port {
            command.env("PORT", address.port().to_string());
        }
        Reloader { running: Running::start(&mut command), directory, address }
    }

    /// Starts one, and waits until it serves.
    pub(crate) fn serving(first: &str, settings: Settings) -> (Self, Client) {
        let reloader = Self::start(first, settings);
        let mut client = reloader.client();
        if client.hear("hello")["state"] != "serving" {
            client.hear("started");
        }
        (reloader, client)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.directory.path())
    }

    /// A build of the test program; its name says what it does.
    pub(crate) fn build(&self, name: &str) -> PathBuf {
        build(self.directory.path(), name)
    }

    /// Lets requests for `/wait` be answered.
    pub(crate) fn open_gate(&self) {
        fs::write(self.directory.path().join("gate"), "").unwrap();
    }

    pub(crate) fn printed(&self) -> Vec<String> {
        self.running.printed()
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.running.signal(signal);
    }

    pub(crate) fn terminate(self) -> (ExitStatus, Vec<String>) {
        self.running.terminate()
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("reloader.sock")
}

fn build(directory: &Path, name: &str) -> PathBuf {
    let path = fs::canonicalize(directory).unwrap().join(name);
    fs::copy(program(), &path).unwrap();
    path
}

/// The test program. Cargo does not build examples for every way of running tests.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut cargo = command(env!("CARGO"));
        cargo.args(["build", "--offline", "--quiet", "--package", "reloader", "--example", "program", "--message-format=json"]);
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "the test program cannot be built");
        let mut messages = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let path = messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        path.expect("cargo names the test program")
    })
}
