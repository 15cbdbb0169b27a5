//! Mail that the stack has sent: its catcher keeps all of it and delivers none.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::client::{client, read};
use super::{Stack, eventually};

/// How long a mail may take: it goes through the queue of jobs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The address that it says it comes from.
    pub(crate) from: String,
    /// The addresses that it says it goes to.
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    /// Its body as plain text.
    pub(crate) text: String,
}

impl Stack {
    /// The mails to `address` that were caught so far, newest first.
    pub(crate) async fn mails_to(&self, address: &str) -> anyhow::Result<Vec<Mail>> {
        let list = self.mail_api("messages?limit=500").await?;
        let mut mails = Vec::new();
        for message in list["messages"].as_array().context("a list has messages")? {
            let id = message["ID"].as_str().context("a message has an id")?;
            if addresses(&message["To"]).iter().any(|to| to == address) {
                let mail = self.mail_api(&format!("message/{id}")).await?;
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (from, to) = (text(&mail["From"]["Address"]), addresses(&mail["To"]));
                mails.push(Mail { from, to, subject: text(&mail["Subject"]), text: text(&mail["Text"]) });
            }
        }
        Ok(mails)
    }

    /// The newest mail to `address`, as soon as there is one.
    pub(crate) async fn mail_to(&self, address: &str) -> Mail {
        eventually(&format!("a mail to {address}"), PATIENCE, || async {
            self.mails_to(address).await?.into_iter().next().context("none has come")
        })
        .await
    }

    async fn mail_api(&self, path: &str) -> anyhow::Result<Value> {
        let answer = read(client().get(format!("{}/api/v1/{path}", self.mail_url))).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.json())
    }
}

fn addresses(people: &Value) -> Vec<String> {
    let people = people.as_array().into_iter().flatten();
    people.filter_map(|person| person["Address"].as_str().map(str::to_owned)).collect()
}
