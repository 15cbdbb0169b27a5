//! `hub forward`: bytes go both ways, and the end of one side reaches the other.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{program, soon, start};

#[tokio::test]
async fn connections_are_passed_on() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = service.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = service.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            });
        }
    });
    let (mut child, port) = start(&mut program(&["forward", "0", &target])).await;
    for _ in 0..3 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let sent = vec![7; 300_000];
        let mut received = Vec::new();
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        soon("what was sent comes back", async { tokio::join!(writing, reader.read_to_end(&mut received)).1 }).await.unwrap();
        assert_eq!(received, sent);
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_away_ends_the_connection_and_not_the_program() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let (child, port) = start(&mut program(&["forward", "0", &nobody])).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let read = soon("the connection ends", stream.read(&mut [0; 1])).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    drop(child);
    let wrong = program(&["forward", "0", "nowhere"]).output().await.unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("write it as `HOST:PORT`"));
}
