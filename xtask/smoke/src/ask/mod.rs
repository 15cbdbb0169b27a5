//! Asking: each kind of check is a file of its own. Nobody is waited for longer than the check says.

mod certificate;
mod http;
mod multipart;
mod ports;
mod socket;
mod trust;

use std::time::Duration;

use self::http::Cookies;
pub(crate) use self::http::{Client, client};
use self::socket::Socket;
pub(crate) use self::trust::trust;
use crate::facts::Facts;
use crate::judge::{capture, judge};
use crate::outcome::{Answer, Fault};
use crate::suite::Check;
use crate::values::Values;

/// What all checks have in common.
pub(crate) struct Common {
    /// What is known of the stack.
    pub(crate) facts: Facts,
    /// Where requests go.
    pub(crate) client: Client,
    /// Whom to trust.
    pub(crate) tls: rustls::ClientConfig,
}

/// What one check, or the steps of one journey, remember.
#[derive(Default)]
pub(crate) struct Memory {
    /// Values by name.
    pub(crate) values: Values,
    cookies: Cookies,
    socket: Option<Socket>,
}

impl Memory {
    /// With these values.
    pub(crate) fn new(values: Values) -> Self {
        Self { values, ..Self::default() }
    }
}

/// Asks once.
///
/// # Errors
/// Whatever is not right.
pub(crate) async fn ask(common: &Common, check: &Check, timeout: Duration, memory: &mut Memory) -> Result<(), Fault> {
    let late = || Fault::unanswered(format!("no answer within {} ms", timeout.as_millis()));
    let asked = async {
        let mut answer = Answer::default();
        if let Some(request) = &check.request {
            let (status, found, time) = http::send(common, request, memory).await?;
            judge(&check.expect, &memory.values, status, &found, time)?;
            answer = found;
        } else if let Some(path) = &check.socket {
            memory.socket = Some(Socket::open(common, path, memory).await?);
        } else if let Some(fields) = &check.receive {
            let socket = memory.socket.as_mut().ok_or_else(|| Fault::unanswered("no step before has opened a socket"))?;
            answer = socket.receive(fields, &memory.values).await?;
        } else if !check.closed.is_empty() {
            ports::closed(&common.facts.url, &check.closed).await?;
        } else if let Some(name) = &check.service {
            service(common, name)?;
        } else if let Some(days) = check.certificate_days {
            certificate::check(common, days).await?;
        }
        for (name, source) in &check.capture {
            memory.values.set(name, capture(source, &answer)?);
        }
        Ok(())
    };
    tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| Err(late()))
}

/// What the engine says of a service.
fn service(common: &Common, name: &str) -> Result<(), Fault> {
    let services = common.facts.services.as_deref().unwrap_or_default();
    match services.iter().find(|service| service.name == name) {
        None => Err(Fault::seen(format!("the stack has no service `{name}`"))),
        Some(service) => service.problem.as_ref().map_or(Ok(()), |problem| Err(Fault::seen(problem))),
    }
}
