//! How to send mail: `MAIL_URL`, `MAIL_PASSWORD_FILE`, `MAIL_FROM`, and `PUBLIC_URL`, where links in mails lead. Without `MAIL_URL` no mail is sent.
use super::{Env, SecretFile};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use url::Url;

/// How to send mail.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// How connections are encrypted.
    pub encryption: Encryption,
    /// Who we are there, if the server asks.
    pub credentials: Option<Credentials>,
    /// The sender of all mails.
    pub from: Mailbox,
    /// The address of the application, without a slash at the end.
    pub public_url: String,
}

/// How connections to the mail server are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all: for a server on the same private network.
    None,
    /// After a greeting in plain text, or the mail is not sent.
    StartTls,
    /// From the first byte.
    Tls,
}

const FIX: &str = "write it as `smtp://HOST:PORT`, `smtps://USER@HOST:PORT` or `smtp+starttls://USER@HOST:PORT`";

impl MailConfig {
    /// Reads it from the environment. The inner `None`: no mail is sent.
    pub fn read(env: &Env<'_>) -> Option<Option<Self>> {
        let Some(text) = env.text("MAIL_URL") else { return Some(None) };
        let url = server(env, &text);
        let password = SecretFile::read(env, "MAIL_PASSWORD_FILE");
        let from = env.required("MAIL_FROM", "set it to something like `Slipway <slipway@example.com>`");
        let from = from.and_then(|from| match from.parse::<Mailbox>() {
            Ok(mailbox) => Some(mailbox),
            Err(error) => {
                env.refuse("MAIL_FROM", format!("cannot be `{from}`: {error}"), "write it as `Slipway <slipway@example.com>`");
                None
            }
        });
        let public_url = env.required("PUBLIC_URL", "set it to the address that people type, such as `https://board.example.com`");
        let public_url = public_url.filter(|url| {
            let is_web = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
            if !is_web {
                env.refuse("PUBLIC_URL", format!("cannot be `{url}`"), "set an address such as `https://board.example.com`");
            }
            is_web
        });
        let (url, encryption, port) = url?;
        let password = password?.map(|(_, password)| password);
        let credentials = match (url.username(), password) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => Some(Credentials::new(user.to_owned(), password)),
            _ => {
                env.refuse("MAIL_URL", "and `MAIL_PASSWORD_FILE` do not fit: a user needs a password and a password a user", FIX);
                None
            }
        };
        let public_url = public_url?.trim_end_matches('/').to_owned();
        Some(Some(MailConfig { host: url.host_str()?.to_owned(), port, encryption, credentials, from: from?, public_url }))
    }
}

/// The server, how to talk to it, and on which port.
fn server(env: &Env<'_>, text: &str) -> Option<(Url, Encryption, u16)> {
    let url = Url::parse(text).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
    if url.as_ref().is_some_and(|url| url.password().is_some()) {
        let problem = "contains a password, which everybody who can inspect the process could read";
        env.refuse("MAIL_URL", problem, "write the password to a file and name it in `MAIL_PASSWORD_FILE`");
        return None;
    }
    let known = url.and_then(|url| {
        let (encryption, port) = match url.scheme() {
            "smtp" => (Encryption::None, 25),
            "smtps" => (Encryption::Tls, 465),
            "smtp+starttls" => (Encryption::StartTls, 587),
            _ => return None,
        };
        let port = url.port().unwrap_or(port);
        Some((url, encryption, port))
    });
    if known.is_none() {
        env.refuse("MAIL_URL", format!("cannot be `{text}`"), FIX);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &'static str) -> Result<Option<MailConfig>, String> {
        let env = Env::new(move |name| match name {
            "MAIL_URL" => Some(url.to_owned()),
            "MAIL_FROM" => Some("Slipway <slipway@example.com>".to_owned()),
            "PUBLIC_URL" => Some("https://board.example.com/".to_owned()),
            _ => None,
        });
        let config = MailConfig::read(&env);
        env.finish(config).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn servers_are_named_by_urls() {
        assert!(read("").unwrap().is_none());
        let config = read("smtp://mail:1025").unwrap().unwrap();
        assert_eq!((config.host.as_str(), config.port, config.encryption), ("mail", 1025, Encryption::None));
        assert_eq!(config.public_url, "https://board.example.com");
        let config = read("smtp+starttls://mail").unwrap().unwrap();
        assert_eq!((config.port, config.encryption), (587, Encryption::StartTls));
        for (url, problem) in [
            ("smtps://me:secret@mail", "contains a password"),
            ("smtps://me@mail", "a user needs a password"),
            ("http://mail", "cannot be `http://mail`"),
            ("mail:25", "cannot be `mail:25`"),
        ] {
            let told = read(url).unwrap_err();
            assert!(told.contains(problem) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_server_needs_a_sender_and_an_address_for_links() {
        let env = Env::new(|name| (name == "MAIL_URL").then(|| "smtp://mail:1025".to_owned()));
        let config = MailConfig::read(&env);
        let invalid = env.finish(config).unwrap_err();
        assert_eq!(invalid.0.iter().map(|problem| problem.variable).collect::<Vec<_>>(), ["MAIL_FROM", "PUBLIC_URL"]);
    }
}
