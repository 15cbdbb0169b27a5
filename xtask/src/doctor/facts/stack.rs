//! What doctor asks Compose and the containers: what should be, and what is.

use super::ask::{Ask, Known, answer};
use super::images::Images;
use crate::commands;
use crate::engine::containers::{self, Container};
use crate::guard;
use crate::images::base;
use crate::lock::Lock;
use crate::migrations::drift::{self, Line};
use crate::model::Model;
use crate::ports::{self, PROXY};
use crate::secrets::{self, State};
use crate::stack::Stack;

/// What a valid environment asks for.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// What Compose makes of the files.
    pub(crate) model: Model,
    /// The images.
    pub(crate) images: Known<Images>,
    /// The secrets by name.
    pub(crate) secrets: Vec<(String, State)>,
}

/// What there is of the stack.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The project's containers.
    pub(crate) containers: Known<Vec<Container>>,
    /// Why those that there are belong to somebody else: they are left out then.
    pub(crate) foreign: Option<String>,
    /// The address that a start would use; not known where nobody says which ports are the stack's own.
    pub(crate) address: Known<Result<ports::Address, String>>,
    /// What the database and the program say of migrations; nothing where they do not run.
    pub(crate) migrations: Option<Known<Vec<Line>>>,
    /// Whether the proxy finds what it needs by its name; nothing where it does not run.
    pub(crate) look_up: Option<Known<LookUp>>,
    /// Whether it is guarded.
    pub(crate) guarded: bool,
    /// Whether somebody is attached with `dev`.
    pub(crate) attached: bool,
}

/// A name that was looked up inside of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LookUp {
    /// The name.
    pub(crate) name: String,
    /// Whether it was found; nothing where the image has no program to ask with.
    pub(crate) found: Option<bool>,
}

/// Asks Compose what should be, and the containers how they are.
pub(super) fn find(ask: Ask, stack: &Stack) -> (Known<Contents>, Running) {
    std::thread::scope(|scope| {
        let containers = scope.spawn(move || containers(ask, &stack.project.compose_name()));
        let here = scope.spawn(move || ask.read(&commands::images::list()));
        let model = ask
            .read(&stack.compose.model())
            .and_then(|text| Model::read(&text, &stack.project.infra(), &stack.compose.files()).map_err(|error| format!("{error:#}")));
        let (containers, foreign) = match answer(containers).map(|found| (stack.check_own(&found), found)) {
            Ok((Ok(()), found)) => (Ok(found), None),
            Ok((Err(foreign), _)) => (Ok(Vec::new()), Some(foreign.to_string())),
            Err(why) => (Err(why), None),
        };
        let running = scope.spawn({
            let model = model.clone();
            move || Running { foreign, ..Running::find(ask, stack, model.as_ref().ok(), containers) }
        });
        let contents = model.map(|model| {
            let images = answer(here).and_then(|here| Images::find(ask, stack, &model, &base::variables(&stack.compose.files()), &here));
            let secrets = secrets::of(&stack.project, &model).into_iter().map(|secret| (secret.name.clone(), secret.state())).collect();
            Contents { model, images, secrets }
        });
        (contents, running.join().unwrap_or_else(|_| Running::unknown("the thread that asked panicked".to_owned())))
    })
}

fn containers(ask: Ask, project: &str) -> Known<Vec<Container>> {
    let ids: Vec<String> = ask.read(&commands::engine::containers(project))?.lines().map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // One that was removed since makes the exit code non-zero; the others are printed all the same.
    let output = ask.output(&commands::engine::inspect(&ids))?;
    containers::of_services(&output.stdout).map_err(|error| format!("{error:#}"))
}

impl Running {
    fn find(ask: Ask, stack: &Stack, model: Option<&Model>, containers: Known<Vec<Container>>) -> Self {
        let known = containers.as_deref().unwrap_or_default();
        let proxy = known.iter().find(|container| container.service() == PROXY.0);
        std::thread::scope(|scope| {
            let migrations = scope.spawn(move || migrations(ask, model?, known));
            let look_up = look_up(ask, model, proxy);
            let words = |error: anyhow::Error| error.to_string();
            Self {
                address: containers
                    .as_ref()
                    .map(|_| ports::choose(&stack.environment, stack.project.apart(), proxy).map_err(words))
                    .map_err(Clone::clone),
                migrations: migrations.join().unwrap_or_default(),
                look_up,
                foreign: None,
                guarded: guard::is_at_work(&stack.project),
                attached: Lock::is_attached(&stack.project),
                containers: containers.clone(),
            }
        })
    }

    /// Of a stack that nothing is known of.
    pub(crate) fn unknown(why: String) -> Self {
        let containers = Err(why.clone());
        Self { containers, foreign: None, address: Err(why), migrations: None, look_up: None, guarded: false, attached: false }
    }
}

/// Asks the program that migrates, in a container that runs the same image: one of its own would take a second to make.
fn migrations(ask: Ask, model: &Model, containers: &[Container]) -> Option<Known<Vec<Line>>> {
    let section = model.migrations.as_ref()?;
    let ran = containers.iter().find(|container| container.service() == section.service)?;
    let host =
        containers.iter().find(|container| container.running() && container.image == ran.image && container.health() == Some("healthy"))?;
    let command: Vec<String> = ran.entrypoint().iter().chain(&section.status).cloned().collect();
    Some(ask.read(&commands::engine::run_in(&host.id, &command)).map(|status| drift::parse(&status)))
}

/// Looks up, inside of the proxy, the first service that it needs.
fn look_up(ask: Ask, model: Option<&Model>, proxy: Option<&Container>) -> Option<Known<LookUp>> {
    let proxy = proxy.filter(|proxy| proxy.running())?;
    let name = model?.services.get(PROXY.0)?.depends_on.keys().next()?.clone();
    let output = ask.output(&commands::doctor::look_up(&proxy.id, &name));
    Some(output.map(|output| LookUp { name, found: found(output.code) }))
}

/// `getent` ends with 2 for a name that nobody knows; what cannot be run in a container ends with 126 or 127.
fn found(code: i32) -> Option<bool> {
    match code {
        0 => Some(true),
        2 => Some(false),
        _ => None,
    }
}
