//! Somebody who is told things over HTTP, and remembers them.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// It listens until it goes.
pub(crate) struct Sink {
    /// Where messages go.
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Value>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Sink {
    /// One that turns away the first `refusals` messages.
    pub(crate) async fn new(refusals: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook?key=a-secret", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let heard = Arc::clone(&heard);
            async move {
                for number in 0.. {
                    let (stream, _) = listener.accept().await.unwrap();
                    if let Some(message) = answer(stream, number < refusals).await {
                        heard.lock().unwrap().push(message);
                    }
                }
            }
        });
        Self { url, heard, task }
    }

    /// What it was told and has taken.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one message and answers; what it says, unless it was refused.
async fn answer(stream: TcpStream, refuse: bool) -> Option<Value> {
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        head.push_str(&std::mem::take(&mut line).to_lowercase());
    }
    assert!(head.starts_with("post /hook?key=a-secret http/1.1\r\n") && head.contains("content-type: application/json\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let status = if refuse { "503 Service Unavailable" } else { "204 No Content" };
    stream.write_all(format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    (!refuse).then(|| serde_json::from_slice(&body).unwrap())
}
