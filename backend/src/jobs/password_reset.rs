//! The mail with a link that sets a new password. The token is made when the mail is sent, so that no job has it.
use super::{Context, Hopeless, Job, deliver};
use crate::accounts::{self, Email};
use crate::mail::Mail;
use crate::resets::{self, LIFETIME, Request};
use time::OffsetDateTime;

/// Sends the mail, if the address has an account. Each attempt has a token of its own: an earlier mail may have arrived all the same.
pub(super) async fn send(context: Context, job: Job) -> anyhow::Result<()> {
    let request: Request = serde_json::from_value(job.payload).map_err(|error| Hopeless(error.into()))?;
    if OffsetDateTime::now_utc() - request.at > LIFETIME {
        tracing::info!("a request for a new password waited too long for its mail and is dropped");
        return Ok(());
    }
    let Some(mailer) = context.mailer else {
        tracing::warn!("a new password was asked for, and no mail is sent: `MAIL_URL` is not set");
        return Ok(());
    };
    let email = Email::parse(&request.email).map_err(|error| Hopeless(anyhow::anyhow!(error)))?;
    let Some((account, _)) = accounts::by_email(&context.pool, &email).await? else { return Ok(()) };
    let token = resets::create(&context.pool, account.id).await?;
    let text = words(&account.name, &mailer.public_url, token.as_str());
    let mail = Mail { id: job.id, name: account.name, address: account.email, subject: "Set a new password".to_owned(), text };
    deliver(&mailer, &mail).await?;
    tracing::info!(user_id = %account.id, "a link for a new password was sent");
    Ok(())
}

fn words(name: &str, public_url: &str, token: &str) -> String {
    format!(
        "Hello {name},\n\na new password was asked for, for your account. Set it here, within an hour:\n\n\
         {public_url}/password/reset?token={token}\n\nThe link works once. If you did not ask, do nothing: your password stays as it is.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_has_the_link_on_a_line_of_its_own() {
        let text = words("Ada", "https://board.example.com", "abc");
        assert!(
            text.starts_with("Hello Ada,\n\n") && text.contains("\n\nhttps://board.example.com/password/reset?token=abc\n\n"),
            "{text}"
        );
    }
}
