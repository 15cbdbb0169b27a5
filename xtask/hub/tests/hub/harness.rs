//! A running hub, feeds, and what a browser gets from it.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// The program with these arguments.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command.args(arguments).kill_on_drop(true);
    for name in ["LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "SITE_HOSTS"] {
        command.env_remove(name);
    }
    command
}

/// Starts a program and reads the port that the first line of its standard error names after the word `port`.
pub(crate) async fn start(command: &mut Command) -> (Child, u16) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = soon("the program says its port", lines.next_line()).await.unwrap().expect("the program starts");
    // What it says later is not lost and never blocks it.
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("hub: {line}");
        }
    });
    let port = line
        .split_once("port ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .and_then(|port| port.trim_end_matches(',').parse().ok());
    (child, port.unwrap_or_else(|| panic!("no port in `{line}`")))
}

/// A hub that ends with the test.
pub(crate) struct Hub {
    pub(crate) child: Child,
    pub(crate) port: u16,
    directory: TempDir,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("hub.sock");
        let variables = variables.iter().copied();
        let (child, port) = start(program(&["serve"]).env("PORT", "0").env("HUB_SOCKET", socket).envs(variables)).await;
        Self { child, port, directory }
    }

    /// Another hub with the same socket, as when a newer build takes the place of this one.
    pub(crate) async fn successor(self) -> Self {
        let socket = self.directory.path().join("hub.sock");
        let (child, port) = start(program(&["serve"]).env("PORT", "0").env("HUB_SOCKET", socket)).await;
        let Self { child: mut old, directory, .. } = self;
        old.kill().await.unwrap();
        Self { child, port, directory }
    }

    /// Starts `hub feed`; it is attached when this returns.
    pub(crate) async fn feed(&self) -> Feed {
        let before = self.health().await["feeds"].as_u64().unwrap();
        let mut command = program(&["feed"]);
        command.env("HUB_SOCKET", self.directory.path().join("hub.sock")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        self.until(|health| health["feeds"].as_u64() > Some(before)).await;
        Feed { child, input, output }
    }

    /// Waits until the hub says this about itself.
    pub(crate) async fn until(&self, condition: impl Fn(&Value) -> bool) {
        soon("the hub is as it should be", async {
            while !condition(&self.health().await) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub(crate) async fn health(&self) -> Value {
        let (status, body) = self.send("GET", "/_dev/health", &[], "").await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends a request and reads the whole answer: its status and its body.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut stream = self.ask(method, path, headers, body).await;
        let mut answer = String::new();
        soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Sends a request. HTTP/1.0, so that bodies come without being chopped into chunks.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str("Host: localhost:8080\r\n");
        }
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
        stream
    }

    /// A browser that follows the events.
    pub(crate) async fn browser(&self, path: &str) -> Browser {
        let stream = self.ask("GET", path, &[], "").await;
        let mut lines = BufReader::new(stream).lines();
        while !soon("the head of the answer", lines.next_line()).await.unwrap().expect("the stream goes on").is_empty() {}
        Browser(lines)
    }
}

/// A feed through `hub feed`.
pub(crate) struct Feed {
    pub(crate) child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Feed {
    pub(crate) async fn say(&mut self, message: Value) {
        self.write(format!("{message}\n").as_bytes()).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).await.unwrap();
        self.input.flush().await.unwrap();
    }

    /// What the hub asks for next.
    pub(crate) async fn hear(&mut self) -> Value {
        let line = soon("the hub says something", self.output.next_line()).await.unwrap().expect("the feed goes on");
        serde_json::from_str(&line).unwrap()
    }

    /// Ends as `cargo xtask dev` does: by closing.
    pub(crate) async fn end(self) {
        let Self { mut child, input, .. } = self;
        drop(input);
        assert!(soon("the feed ends", child.wait()).await.unwrap().success());
    }
}

/// A stream of events.
pub(crate) struct Browser(Lines<BufReader<TcpStream>>);

impl Browser {
    /// The next event: its name and its data.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let line = soon("an event", self.0.next_line()).await.unwrap().expect("the stream goes on");
            match line.split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("data", value)) => return (name, serde_json::from_str(value).unwrap()),
                _ => {}
            }
        }
    }

    /// The next event, which has this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (found, data) = self.next().await;
        assert_eq!(found, name, "{data}");
        data
    }
}
