//! Many open sockets: what each costs, and how long an event takes to all of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::api::{Api, good};
use crate::stack::{Memory, Stack};
use crate::table::{median, ms, print, quantile, say};

/// How many one account may open: the backend's `sockets_per_account`.
const PER_ACCOUNT: usize = 32;
/// How many are opened at once.
const AT_ONCE: usize = 32;
/// How long an event may take to all sockets.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a task is called whose event counts.
const TITLE: &str = "Sound the bell of round";

/// The round of an event, and when a socket got it.
type Arrival = (u32, Instant);

/// Opens so many sockets, and tells them of new tasks.
pub(crate) async fn measure(stack: &Stack, api: &Api, counts: &[usize], rounds: u32) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for count in counts {
        say(&format!("{count} sockets"));
        rows.push(one(stack, api, *count, rounds).await?);
    }
    let head = ["sockets", "opened in", "backend kB each", "proxy kB each", "event p50 ms", "event p99 ms", "event to the last ms"];
    print("Open sockets; an event is timed from before the task is sent until a socket has it.", head, &rows)
}

async fn one(stack: &Stack, api: &Api, count: usize, rounds: u32) -> anyhow::Result<[String; 7]> {
    let mut accounts = Vec::new();
    for _ in 0..count.div_ceil(PER_ACCOUNT) {
        accounts.push(api.sign_up().await?);
    }
    let before = stack.memory(&["backend", "proxy"]).await?;
    let begin = Instant::now();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let mut sockets = JoinSet::new();
    let opening = futures_util::stream::iter((0..count).map(|number| open(&accounts[number / PER_ACCOUNT]))).buffer_unordered(AT_ONCE);
    let mut opening = std::pin::pin!(opening);
    while let Some(socket) = opening.next().await {
        sockets.spawn(listen(socket?, arrived.clone()));
    }
    let opened = begin.elapsed();
    let after = stack.memory(&["backend", "proxy"]).await?;
    let mut figures = Vec::new();
    for round in 0..rounds {
        let sent = Instant::now();
        good(api.create(&format!("{TITLE} {round}."))).await?;
        let mut times = Vec::new();
        while times.len() < count {
            let arrival = timeout(PATIENCE, arrivals.recv()).await;
            let (of, at): Arrival =
                arrival.with_context(|| format!("{} of {count} sockets got an event", times.len()))?.context("no socket is open")?;
            if of == round {
                times.push(at - sent);
            }
        }
        times.sort_unstable();
        figures.push([0.5, 0.99, 1.0].map(|share| quantile(&times, share)));
    }
    ensure!(sockets.len() == count && sockets.try_join_next().is_none(), "a socket was closed");
    let figure = |index: usize| ms(median(figures.iter().map(|figures| figures[index])));
    let each = |service: &str| kilobytes_each(&before, &after, service, count);
    Ok([count.to_string(), format!("{:.1} s", opened.as_secs_f64()), each("backend"), each("proxy"), figure(0), figure(1), figure(2)])
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Opens a socket and waits for its greeting.
async fn open(api: &Api) -> anyhow::Result<Socket> {
    let mut request = format!("{}/ws", api.url.replacen("http", "ws", 1)).into_client_request()?;
    request.headers_mut().insert("cookie", HeaderValue::from_bytes(api.cookie.as_bytes())?);
    request.headers_mut().insert("origin", HeaderValue::from_str(&api.url)?);
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(1024);
    let (mut socket, _) = connect_async_with_config(request, Some(config), true).await?;
    let greeting = socket.next().await.context("a socket closes before its greeting")??;
    ensure!(greeting.to_text()?.contains(r#""type":"hello""#), "a socket begins with {greeting}");
    Ok(socket)
}

/// Reads until the other side closes, and tells of events that count.
async fn listen(mut socket: Socket, arrived: mpsc::UnboundedSender<Arrival>) {
    while let Some(Ok(message)) = socket.next().await {
        let at = Instant::now();
        let round = message.to_text().ok().and_then(|text| text.split_once(TITLE)?.1.split_once('.')?.0.trim().parse().ok());
        if let Some(round) = round {
            // Nobody listens any more when the measurement is over.
            let _ = arrived.send((round, at));
        }
    }
}

fn kilobytes_each(before: &Memory, after: &Memory, service: &str, count: usize) -> String {
    let of = |memory: &Memory| memory.get(service).copied().unwrap_or_default() as f64;
    format!("{:.1}", (of(after) - of(before)) / 1024.0 / count as f64)
}
