//! Services that are told of a new value while they run: those of every instance that uses the same files.

use crate::cli::Context;
use crate::commands;
use crate::engine::containers::{self, Container};
use crate::model::{Kind, Rotate};
use crate::report::Failure;
use crate::secrets::{self, Secret, file};
use crate::stack::{Resolved, Stack, has_data};

/// The running containers of `services` in the instances of this environment and checkout, this one's first.
///
/// # Errors
/// When the engine does not answer.
pub(super) fn of_instances(stack: &Stack, services: &[String]) -> anyhow::Result<Vec<Container>> {
    let ids: Vec<String> = commands::engine::running_in(&stack.project.environment).read()?.lines().map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = containers::of_services(&commands::engine::inspect(&ids).capture()?.stdout)?;
    found.retain(|container| {
        let own = stack.check_own(std::slice::from_ref(container)).is_ok();
        own && container.running() && services.iter().any(|service| service == container.service())
    });
    found.sort_by_key(|container| container.project() != stack.project.compose_name());
    Ok(found)
}

/// What became of telling one container.
enum Answer {
    /// It has the new value.
    Taken,
    /// It keeps the old one.
    Refused(Failure),
    /// It was ended from outside, and may have taken it before.
    Unknown(Failure),
}

fn tell(container: &Container, rotate: &Rotate, value: &str) -> anyhow::Result<Answer> {
    let command = commands::engine::exec(container.name(), false, &rotate.command);
    let output = command.capture_with(rotate.stdin.replace("{value}", value))?;
    let said = if value.is_empty() { output.stderr } else { output.stderr.replace(value, "…") };
    let failure = |reason: String| said.trim().lines().fold(Failure::new(reason), Failure::detail);
    let service = container.service();
    Ok(match output.code {
        0 => Answer::Taken,
        -1 | 130 | 137 | 143 => Answer::Unknown(
            failure(format!("it is not known whether `{service}` of {} took the new value", container.project()))
                .hint("run the same command again: it goes on with the same value"),
        ),
        code => Answer::Refused(failure(format!("`{service}` does not take the new value, so the old one stays (exit code {code})"))),
    })
}

/// Gives the services that keep the value of `secret` the value `value`, in every instance that runs. Where one refuses it, all have the old one again.
///
/// # Errors
/// When this stack has data and its service does not run, or one refuses the value or cannot answer.
pub(super) fn learn(context: &Context, stack: &Stack, secret: &Secret, value: &str) -> anyhow::Result<()> {
    let Some(rotate) = &secret.note.rotate else { return Ok(()) };
    let running = of_instances(stack, std::slice::from_ref(&rotate.service))?;
    let own = stack.project.compose_name();
    if running.iter().all(|container| container.project() != own) && has_data(&stack.project)? {
        let failure = Failure::new(format!("`{}` does not run, and it has to be told of the new value", rotate.service));
        let hint = format!("`cargo xtask up{}` starts it", stack.project.flags());
        return Err(failure.detail("nothing was changed").hint(hint).into());
    }
    // Whatever happens, the value that a service may have learnt is in one of the two files.
    file::write(&secret.next(), value)?;
    let before = std::fs::read_to_string(&secret.file).ok();
    for (told, container) in running.iter().enumerate() {
        match tell(container, rotate, value)? {
            Answer::Taken if container.project() != own => {
                context.volume().say(format!("{} of {} was told too", rotate.service, container.project()));
            }
            Answer::Taken => {}
            Answer::Unknown(failure) => return Err(failure.into()),
            Answer::Refused(failure) => {
                let back =
                    |container| before.as_ref().is_some_and(|before| matches!(tell(container, rotate, before.trim()), Ok(Answer::Taken)));
                if running[..told].iter().all(back) {
                    let _ = std::fs::remove_file(secret.next());
                    return Err(failure.into());
                }
                let hint = "run the same command again: until then not all instances have the same value";
                return Err(failure.hint(hint).into());
            }
        }
    }
    let names: Vec<String> = running.iter().map(|container| container.project().to_owned()).chain([own]).collect();
    secret.learn(value, &names)
}

/// Has every running instance read its files again.
///
/// # Errors
/// When one of them does not take what they have.
pub(super) fn reload(stack: &Stack, rotate: &Rotate, kind: Kind) -> anyhow::Result<()> {
    for container in of_instances(stack, std::slice::from_ref(&rotate.service))? {
        match tell(&container, rotate, "")? {
            Answer::Taken => {}
            Answer::Refused(failure) | Answer::Unknown(failure) if matches!(kind, Kind::Certificate | Kind::Key) => {
                return Err(failure.hint("a certificate and its key fit together: give both at once, `cat chain.pem key.pem | …`").into());
            }
            Answer::Refused(failure) | Answer::Unknown(failure) => return Err(failure.into()),
        }
    }
    Ok(())
}

/// Ends what a killed rotation began, and tells the services of `stack` what came while they did not run. `run` starts one that has to be told.
///
/// # Errors
/// When such a service cannot be started or told.
pub(in crate::cli) fn catch_up(
    context: &Context,
    stack: &Stack,
    resolved: &Resolved,
    mut run: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let own = stack.project.compose_name();
    for secret in secrets::of(&stack.project, &resolved.model) {
        let (Some(value), Some(rotate)) = (secret.to_learn(&stack.project), &secret.note.rotate) else { continue };
        if !resolved.model.services.contains_key(&rotate.service) {
            continue;
        }
        if !secret.is_half_rotated() && !has_data(&stack.project)? {
            // A new volume is initialised with what the file has.
            secret.learn(&value, std::slice::from_ref(&own))?;
            continue;
        }
        run(&rotate.service)?;
        if secret.is_half_rotated() {
            // The others that run may be among those that know it, or among those that do not.
            learn(context, stack, &secret, &value)?;
            context.volume().say(format!("ended the rotation of the secret `{}`, which was interrupted", secret.name));
            continue;
        }
        let mine = of_instances(stack, std::slice::from_ref(&rotate.service))?;
        for container in mine.iter().filter(|container| container.project() == own) {
            match tell(container, rotate, &value)? {
                Answer::Taken => secret.learn(&value, std::slice::from_ref(&own))?,
                Answer::Refused(failure) | Answer::Unknown(failure) => return Err(failure.into()),
            }
        }
    }
    Ok(())
}
