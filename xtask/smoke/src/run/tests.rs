//! How many are asked at the same time, and what that brings.

use std::net::Ipv4Addr;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::ask::{client, trust};
use crate::facts::tests::elsewhere;
use crate::facts::{Facts, Service};
use crate::suite::{Expect, Request, Source};

/// So many checks.
const CHECKS: usize = 500;
/// What an answer takes, as from a place that is far away.
const FAR: Duration = Duration::from_millis(5);

/// How many wait for an answer, and how many did at most.
type Waiting = watch::Sender<(usize, usize)>;

/// A server that gives no answer before `wanted` have asked at the same time.
async fn server(wanted: usize) -> (String, Arc<Waiting>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let waiting = Arc::new(watch::Sender::new((0, 0)));
    tokio::spawn({
        let waiting = Arc::clone(&waiting);
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, wanted, Arc::clone(&waiting)));
            }
        }
    });
    (url, waiting)
}

async fn serve(stream: TcpStream, wanted: usize, waiting: Arc<Waiting>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line != "\r\n" {
            line.clear();
            continue;
        }
        waiting.send_modify(|(now, most)| (*now, *most) = (*now + 1, (*most).max(*now + 1)));
        let enough = waiting.subscribe().wait_for(|(_, most)| *most >= wanted).await.is_ok();
        tokio::time::sleep(FAR).await;
        waiting.send_modify(|(now, _)| *now -= 1);
        let status = if enough { "200 OK" } else { "500 Internal Server Error" };
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

#[tokio::test]
async fn whoever_says_never_is_not_waited_for() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let (mut stream, mut line) = (BufReader::new(stream), String::new());
        while stream.read_line(&mut line).await? > 0 && !line.ends_with("\r\n\r\n") {}
        let answer = format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: {}\r\ncontent-length: 0\r\n\r\n", u64::MAX);
        stream.write_all(answer.as_bytes()).await
    });
    let check = Check {
        request: Some(Request { path: "/".to_owned(), ..Request::default() }),
        expect: Expect { status: Some(200), ..Expect::default() },
        ..Check::default()
    };
    let outcomes = run(&url).all(vec![check], Vec::new(), &Values::default(), 1).await;
    let details: Vec<&str> = outcomes.iter().filter_map(|outcome| Some(outcome.fault.as_ref()?.detail.as_str())).collect();
    assert_eq!(details, ["status 429 instead of 200"]);
}

#[tokio::test]
async fn whoever_is_interrupted_waits_only_for_what_was_made_and_removes_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let run = run(&url);
    // It stops the run once it is asked to make something, and never answers those who only want to know.
    let stop = run.stop.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(interrupting(stream, stop.clone()));
        }
    });
    let step = |name: &str, method: Option<Method>, path: &str| Check {
        name: name.to_owned(),
        request: Some(Request { path: path.to_owned(), method, ..Request::default() }),
        expect: Expect { status: Some(200), ..Expect::default() },
        timeout: Some(PATIENCE),
        ..Check::default()
    };
    let makes = Check { capture: [("id".to_owned(), Source::Header("x-id".to_owned()))].into(), ..step("makes", Some(Method::POST), "/") };
    let journey = Journey {
        steps: vec![makes, step("looks", None, "/")],
        cleanups: vec![step("removes", Some(Method::DELETE), "/{id}"), step("checks", None, "/gone/{id}")],
        ..Journey::default()
    };
    let refused = Check { retry: Some(PATIENCE), service: Some("nobody".to_owned()), ..Check::default() };
    let begun = Instant::now();
    let outcomes = run.all(vec![step("hangs", None, "/"), refused], vec![journey], &Values::default(), 16).await;
    let names: Vec<_> = outcomes.iter().map(|outcome| (outcome.name.as_str(), outcome.fault.is_none())).collect();
    assert_eq!(names, [": makes", ": removes", ": checks"].map(|name| (name, true)), "neither what hangs nor what was tried again");
    assert!(begun.elapsed() < PATIENCE / 4);
}

async fn interrupting(stream: TcpStream, stop: watch::Sender<bool>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 0 {
        if first.is_empty() {
            first.clone_from(&line);
        }
        if line == "\r\n" {
            if first.starts_with("GET / ") {
                return std::future::pending().await;
            }
            if first.starts_with("POST ") {
                stop.send_replace(true);
                tokio::time::sleep(FAR).await;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-id: 7\r\ncontent-length: 0\r\n\r\n").await?;
            first.clear();
        }
        line.clear();
    }
    Ok(())
}

#[tokio::test]
async fn what_somebody_stopped_is_not_waited_for() {
    let stopped = |stopped| Facts {
        services: Some(vec![Service { name: "worker".to_owned(), problem: Some("it ended".to_owned()), next: None, stopped }]),
        ..elsewhere("http://localhost:8080")
    };
    let check = Check {
        component: Some("worker".to_owned()),
        service: Some("worker".to_owned()),
        retry: Some(Duration::from_millis(300)),
        ..Check::default()
    };
    for (facts, tried) in [(stopped(true), false), (stopped(false), true)] {
        let outcomes = of(facts).all(vec![check.clone()], Vec::new(), &Values::default(), 1).await;
        assert!(outcomes[0].fault.is_some());
        assert_eq!(outcomes[0].time >= Duration::from_millis(100), tried, "{outcomes:?}");
    }
}

fn run(url: &str) -> Arc<Run> {
    of(elsewhere(url))
}

fn of(facts: Facts) -> Arc<Run> {
    let tls = trust(None).expect("TLS");
    let common = Arc::new(Common { client: client(tls.clone()), tls, facts });
    Arc::new(Run { common, defaults: Defaults { timeout: PATIENCE, retry: Duration::ZERO }, stop: watch::Sender::new(false) })
}

/// Five hundred checks with as many at the same time as somebody wants; prints what docs/benchmarks.md has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_are_asked_at_the_same_time_as_somebody_wants_and_no_more() {
    for parallel in [1, 4, 16, 64] {
        let (url, waiting) = server(parallel).await;
        let request = Request { path: "/".to_owned(), ..Request::default() };
        let check = |number| Check { name: format!("check {number}"), request: Some(request.clone()), ..Check::default() };
        let begun = Instant::now();
        let outcomes = run(&url).all((0..CHECKS).map(check).collect(), Vec::new(), &Values::default(), parallel).await;
        eprintln!("{CHECKS} checks of {FAR:?}, {parallel} at a time: {:.2} s", begun.elapsed().as_secs_f64());
        let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
        assert_eq!((names.first(), names.last(), names.len()), (Some(&"check 0"), Some(&"check 499"), CHECKS), "in the order of the file");
        assert!(outcomes.iter().all(|outcome| outcome.fault.is_none()), "{:?}", outcomes.iter().find(|outcome| outcome.fault.is_some()));
        assert_eq!(waiting.borrow().1, parallel, "no more at the same time");
    }
}
