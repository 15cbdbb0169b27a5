//! That nobody waits for longer than a check says, whatever is answered.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::facts::tests::elsewhere;
use crate::outcome::Kind;
use crate::suite::{Request, Source};

/// Answers one request with `body`; where it is.
async fn server(body: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 && !line.ends_with("\r\n\r\n") {}
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
    });
    url
}

#[test]
fn an_expression_that_searches_for_long_does_not_outlast_the_check() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(search_for_long());
    // It still searches.
    runtime.shutdown_background();
}

async fn search_for_long() {
    let url = server("a".repeat(4_000_000)).await;
    let tls = trust(None).expect("TLS");
    let common = Common { client: client(tls.clone()), tls, facts: elsewhere(&url) };
    let request = Some(Request { path: "/".to_owned(), ..Request::default() });
    let capture = [("x".to_owned(), Source::Body("(a.{0,300}z)".to_owned()))].into();
    let check = Check { request, capture, ..Check::default() };
    let begun = Instant::now();
    let mut memory = Memory::new(Values::default());
    let fault = ask(&common, &check, Duration::from_millis(700), &mut memory).await.expect_err("it takes too long");
    assert_eq!(fault.kind, Kind::Wrong);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    insta::assert_snapshot!("slow", fault.detail);
}
