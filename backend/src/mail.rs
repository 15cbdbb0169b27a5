//! Sends mail over SMTP.
use crate::config::{Encryption, MailConfig};
use anyhow::Context;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// For one answer of the server.
const ANSWER: Duration = Duration::from_secs(10);
/// For one mail.
const WHOLE: Duration = Duration::from_secs(30);

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The same for each attempt: servers and readers recognise a mail that was sent twice.
    pub id: Uuid,
    /// The recipient's name.
    pub name: String,
    /// The recipient's address.
    pub address: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// Why a mail was not sent.
#[derive(Debug)]
pub enum Unsent {
    /// Another attempt may succeed.
    Passing(anyhow::Error),
    /// The server refuses it, or it cannot be written.
    Lasting(anyhow::Error),
}

/// Sends mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// The address of the application, without a slash at the end.
    pub public_url: String,
}

impl Mailer {
    /// A mailer for a server. Nothing is connected until the first mail.
    pub fn new(config: &MailConfig) -> anyhow::Result<Self> {
        let parameters = || TlsParameters::new(config.host.clone()).context("TLS cannot be used for mail");
        let tls = match config.encryption {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::Tls => Tls::Wrapper(parameters()?),
        };
        let transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host).port(config.port).tls(tls).timeout(Some(ANSWER));
        let transport = match &config.credentials {
            Some(credentials) => transport.credentials(credentials.clone()),
            None => transport,
        };
        Ok(Mailer { transport: transport.build(), from: config.from.clone(), public_url: config.public_url.clone() })
    }

    /// Sends a mail, within a bounded time.
    pub async fn send(&self, mail: &Mail) -> Result<(), Unsent> {
        let message = self.message(mail).map_err(Unsent::Lasting)?;
        match timeout(WHOLE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(Unsent::Lasting(error.into())),
            Ok(Err(error)) => Err(Unsent::Passing(error.into())),
            Err(_) => Err(Unsent::Passing(anyhow::anyhow!("the mail server did not take the mail within {} s", WHOLE.as_secs()))),
        }
    }

    fn message(&self, mail: &Mail) -> anyhow::Result<Message> {
        let address: Address = mail.address.parse().context("the address cannot receive mail")?;
        // A line break in a header would begin another header.
        let line = |text: &str| text.replace(char::is_control, " ");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(line(&mail.name)), address))
            .subject(line(&mail.subject))
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_subjects_stay_in_their_headers() {
        let config = MailConfig {
            host: "mail".into(),
            port: 25,
            encryption: Encryption::None,
            credentials: None,
            from: "Slipway <slipway@example.com>".parse().unwrap(),
            public_url: "http://board".into(),
        };
        let mail = Mail {
            id: Uuid::nil(),
            name: "Ada\r\nBcc: eve@example.com".into(),
            address: "ada@example.com".into(),
            subject: "Fällig\r\nBcc: eve@example.com".into(),
            text: "Zwölf".into(),
        };
        let mailer = Mailer::new(&config).unwrap();
        let message = mailer.message(&mail).unwrap();
        assert_eq!(message.envelope().to().len(), 1);
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(text.contains("Message-ID: <00000000-0000-0000-0000-000000000000@example.com>\r\n"), "{text}");
        assert!(!text.contains("\nBcc:"), "{text}");
        assert!(mailer.message(&Mail { address: "ada@example.com, eve@example.com".into(), ..mail }).is_err());
    }
}
