//! A mail server that can be told to refuse: the one thing that the real one of the stack cannot do on demand.
use backend::config::{Encryption, MailConfig};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Takes mails for everybody, except for addresses that begin with `nobody`.
pub(crate) struct Postbox {
    pub(crate) config: MailConfig,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Postbox {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let config = MailConfig {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            encryption: Encryption::None,
            credentials: None,
            from: "Slipway <slipway@example.com>".parse().unwrap(),
            public_url: "http://board.test".into(),
        };
        let mails = Arc::<Mutex<Vec<String>>>::default();
        let received = mails.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, received.clone()));
            }
        });
        Postbox { config, mails }
    }

    /// What came, with headers.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, mails: Arc<Mutex<Vec<String>>>) {
    let (reader, mut writer) = stream.into_split();
    let (mut lines, mut mail) = (BufReader::new(reader).lines(), None::<String>);
    let mut answer = "220 ready";
    loop {
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        answer = loop {
            let Ok(Some(line)) = lines.next_line().await else { return };
            match &mut mail {
                Some(text) if line == "." => {
                    mails.lock().unwrap().push(std::mem::take(text));
                    mail = None;
                    break "250 taken";
                }
                Some(text) => text.push_str(&format!("{line}\n")),
                None if line == "DATA" => {
                    mail = Some(String::new());
                    break "354 go on";
                }
                None if line.to_lowercase().starts_with("rcpt to:<nobody") => break "550 no such mailbox",
                None => break "250 ok",
            }
        };
    }
}
