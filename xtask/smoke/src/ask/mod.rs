//! Asking: each kind of check is a file of its own. Nobody is waited for longer than the check says.

mod certificate;
mod http;
mod multipart;
mod ports;
mod socket;
mod trust;

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use self::http::Cookies;
pub(crate) use self::http::{Client, client};
use self::socket::Socket;
pub(crate) use self::trust::trust;
use crate::facts::{Facts, Service};
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
    let deadline = Instant::now() + timeout;
    let late = || Fault::unanswered(format!("no answer within {} ms", timeout.as_millis()));
    let (reply, answer) = timeout_at(deadline, put(common, check, memory)).await.unwrap_or_else(|_| Err(late()))?;
    let slow = || Fault::wrong(format!("there was an answer, but its expressions search it for longer than {} ms", timeout.as_millis()));
    let examined = timeout_at(deadline, examine(check, &memory.values, reply, answer));
    let (captured, fault) = examined.await.unwrap_or_else(|_| (Vec::new(), Some(slow())));
    for (name, value) in captured {
        memory.values.set(&name, value);
    }
    fault.map_or(Ok(()), Err)
}

/// The status of an answer, and how long it took.
type Reply = (u16, Duration);

/// Puts the question; what is answered, where somebody answers at all.
async fn put(common: &Common, check: &Check, memory: &mut Memory) -> Result<(Option<Reply>, Answer), Fault> {
    let mut answer = Answer::default();
    let mut reply = None;
    if let Some(request) = &check.request {
        let (status, found, time) = http::send(common, request, memory).await?;
        (reply, answer) = (Some((status, time)), found);
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
    Ok((reply, answer))
}

/// What is captured from `answer`, up to the first thing that is not right about it. On a thread of its own: an expression cannot be told to stop,
/// and may search a large answer for longer than the check may take.
async fn examine(check: &Check, values: &Values, reply: Option<Reply>, answer: Answer) -> (Vec<(String, String)>, Option<Fault>) {
    let (check, values) = (check.clone(), values.clone());
    let examined = tokio::task::spawn_blocking(move || {
        let mut captured = Vec::new();
        if let Some((status, time)) = reply
            && let Err(fault) = judge(&check.expect, &values, status, &answer, time)
        {
            return (captured, Some(fault));
        }
        for (name, source) in check.capture {
            match capture(&source, &answer) {
                Ok(value) => captured.push((name, value)),
                Err(fault) => return (captured, Some(fault)),
            }
        }
        (captured, None)
    });
    examined.await.unwrap_or_else(|error| (Vec::new(), Some(Fault::wrong(error.to_string()))))
}

/// What the engine says of a service.
fn service(common: &Common, name: &str) -> Result<(), Fault> {
    match common.facts.service(name) {
        None => Err(Fault::seen(format!("the stack has no service `{name}`"))),
        Some(Service { problem: Some(problem), stopped: true, .. }) => Err(Fault::stopped(problem)),
        Some(Service { problem: Some(problem), .. }) => Err(Fault::seen(problem)),
        Some(Service { problem: None, .. }) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
