//! `notify`: whether messages arrive.

use clap::{Args, Subcommand};

use super::Context;
use crate::model::Model;
use crate::notify::{Kind, Message, Messenger, Wait};
use crate::ports::PROXY;
use crate::redact::Redactor;
use crate::report::Failure;
use crate::stack::Stack;

/// Tell whoever `[notify]` names
#[derive(Args)]
pub(crate) struct Notify {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Send a message that says that it is a test
    Test,
}

impl Notify {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let Verb::Test = self.verb;
        let stack = context.stack()?;
        if stack.environment.notify.is_silent() {
            return Err(Failure::new(format!("nobody is to be told in the environment `{}`", stack.project.environment))
                .hint("`notify.command` or `notify.webhook` says who; docs/health.md")
                .into());
        }
        if context.dry_run() {
            context.volume().say("a test message would be sent");
            return Ok(());
        }
        send(context, &stack, &Message::new(&stack.project, Kind::Test, "this is a test"))?;
        context.volume().say("the message was taken");
        Ok(())
    }
}

/// Sends a message to whoever the environment names.
///
/// # Errors
/// When somebody could not be told, or whoever waits for it does so no longer.
fn send(context: &Context, stack: &Stack, message: &Message) -> anyhow::Result<()> {
    let notify = &stack.environment.notify;
    // Only who posts needs the image of the proxy, and the engine.
    let model = if notify.webhook.0.is_some() { Some(stack.look()?.model) } else { None };
    let image = model.as_ref().and_then(|model| model.services.get(PROXY.0)?.image.as_deref());
    Messenger::new(notify, &stack.project, image, Wait::Somebody(context.volume())).send(message)
}

/// The same about something that failed, which is what the command ends with, whoever could not be told.
pub(super) fn tell_of(context: &Context, stack: &Stack, event: Kind, text: &str, details: Vec<String>) {
    if context.dry_run() || stack.environment.notify.is_silent() {
        return;
    }
    // Compose tells what services have mounted without the engine, which may be what failed.
    let model = stack.compose.model().read().ok().and_then(|model| Model::parse(&model).ok());
    let message = Message::new(&stack.project, event, text).with(details).redacted(&Redactor::of(&stack.project, model.as_ref()));
    if let Err(error) = send(context, stack, &message) {
        context.volume().say(format!("nobody could be told of it: {error:#}"));
    }
}
