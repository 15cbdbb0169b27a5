//! The stack of one project: its settings, and what the engine knows about it now.

mod created;
pub(crate) mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::created::Created;
use crate::commands;
use crate::commands::compose::Compose;
use crate::config::environment::Environment;
use crate::config::load::{self, Loaded};
use crate::engine::{self, containers, containers::Container};
use crate::images::{self, tag::Source};
use crate::model::Model;
use crate::ports;
use crate::process::Invocation;
use crate::project::Project;
use crate::report::Failure;

/// A project and its settings: enough to talk to Compose about what exists.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// Where and who.
    pub(crate) project: Project,
    /// The settings.
    pub(crate) environment: Environment,
    /// The files they come from, from the root of the checkout.
    pub(crate) settings: Vec<PathBuf>,
    /// Where our own images come from.
    pub(crate) source: Source,
    /// Compose's command lines.
    pub(crate) compose: Compose,
}

/// A stack as it is and as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// With base images and port filled in.
    pub(crate) compose: Compose,
    /// What should be.
    pub(crate) model: Model,
    /// What Compose makes of each service's configuration; nothing where it was not asked.
    hashes: BTreeMap<String, String>,
    created: Created,
    project: Project,
    /// What is.
    pub(crate) containers: Vec<Container>,
    /// The ids of the images here, by name.
    pub(crate) images: BTreeMap<String, String>,
    /// The base images that are here in neither form: a registry has to give them.
    pub(crate) missing_bases: Vec<String>,
    /// Where the stack answers.
    pub(crate) address: ports::Address,
}

impl Stack {
    /// Reads the settings of `project`.
    ///
    /// # Errors
    /// When they are wrong.
    pub(crate) fn load(project: Project) -> anyhow::Result<Self> {
        Self::load_as(project, |_| {})
    }

    /// The same with other settings than the files have.
    ///
    /// # Errors
    /// When the files are wrong.
    pub(crate) fn load_as(project: Project, change: impl FnOnce(&mut Environment)) -> anyhow::Result<Self> {
        let Loaded { mut environment, base, layers } = load::load(&project.infra(), &project.environment)?;
        change(&mut environment);
        let source = Source::find(&project, &environment.images.tag)?;
        let compose = Compose::new(&project, &environment, environment.variables(&project.environment, &base));
        let mut compose = source.variables().into_iter().fold(compose, |compose, (name, value)| compose.with(&name, value));
        if let Some(bundle) = ca_bundle() {
            compose = compose.with("CA_BUNDLE", bundle);
        }
        Ok(Self { project, environment, settings: layers.files.into_iter().map(PathBuf::from).collect(), source, compose })
    }

    /// The project's containers now.
    ///
    /// # Errors
    /// When the engine does not answer, or the containers belong to another checkout.
    pub(crate) fn containers(&self) -> anyhow::Result<Vec<Container>> {
        let containers = engine::containers::list(&self.project.compose_name())?;
        self.check_own(&containers)?;
        Ok(containers)
    }

    /// Refuses `containers` of another checkout or environment.
    ///
    /// # Errors
    /// When one of them is.
    pub(crate) fn check_own(&self, containers: &[Container]) -> Result<(), Failure> {
        if let Some(foreign) = containers.iter().find(|container| !same_dir(Path::new(container.working_dir()), &self.project.infra())) {
            return Err(self.foreign(foreign.working_dir()));
        }
        self.check_environment(containers.iter().filter_map(Container::environment))
    }

    /// Refuses what belongs to another environment: an instance that somebody named may be one of another.
    ///
    /// # Errors
    /// When a volume of the project is another environment's, or the engine does not answer.
    pub(crate) fn check_volumes(&self) -> anyhow::Result<()> {
        let environments = commands::engine::volume_environments(&self.project.compose_name()).read()?;
        Ok(self.check_environment(environments.lines().map(str::trim).filter(|name| !name.is_empty()))?)
    }

    fn check_environment<'a>(&self, mut environments: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
        let (project, own) = (self.project.compose_name(), &self.project.environment);
        environments.find(|environment| environment != own).map_or(Ok(()), |other| {
            Err(Failure::new(format!("`{project}` belongs to the environment `{other}`, not to `{own}`"))
                .detail("nothing was changed: two environments never share containers or data")
                .hint(format!("`--env {other}` means it; without `--instance` each environment has a project of its own")))
        })
    }

    fn foreign(&self, working_dir: &str) -> Failure {
        let other = Path::new(working_dir).parent().unwrap_or(Path::new(working_dir));
        Failure::new(format!("the project `{}` belongs to another checkout: {}", self.project.compose_name(), other.display()))
            .hint("give this one a name of its own, for example `--instance second`")
            .hint("or stop the other one: `cargo xtask down` there")
    }

    /// Refuses to build what would not be what it is said to be.
    ///
    /// # Errors
    /// When the images are of something else than the working tree, or another repository is not there.
    pub(crate) fn check_buildable(&self) -> Result<(), Failure> {
        for (service, folder) in &self.environment.sources {
            let directory = folder.at(&self.project.root);
            if !directory.join("Dockerfile").is_file() {
                let reason = if directory.is_dir() { "there is no Dockerfile in" } else { "there is no directory" };
                return Err(Failure::new(format!("`{service}` cannot be built: {reason} {}", directory.display())).hint(format!(
                    "`sources.{service}` names it; `cargo xtask env show {}` says in which file",
                    self.project.environment
                )));
            }
        }
        self.source.check_buildable()
    }

    /// Asks the engine and Compose for everything that a start needs to know, as far as possible at the same time.
    ///
    /// # Errors
    /// When the engine is not usable, a file is wrong, or the port is taken.
    pub(crate) fn resolve(&self) -> anyhow::Result<Resolved> {
        self.ask(true)
    }

    /// The same for whoever starts nothing: whether containers are up to date was not asked, and that takes Compose as long as the model.
    ///
    /// # Errors
    /// As for `resolve`.
    pub(crate) fn look(&self) -> anyhow::Result<Resolved> {
        self.ask(false)
    }

    fn ask(&self, hashes: bool) -> anyhow::Result<Resolved> {
        let (containers, mut images) = std::thread::scope(|scope| {
            let trouble = scope.spawn(engine::trouble);
            let images = scope.spawn(|| commands::engine::images().read());
            let volumes = scope.spawn(|| self.check_volumes());
            let containers = self.containers();
            // Whatever went wrong, an engine that does not answer is the reason to name.
            if let Some(trouble) = join(trouble)? {
                return Err(trouble.failure().into());
            }
            let containers = containers?;
            join(volumes)?;
            anyhow::Ok((containers, images::parse_list(&join(images)?)))
        })?;
        let variables = images::base::variables(&self.compose.files());
        let mut compose = self.compose.clone();
        let chosen = images::base::choose(&variables, &images, &images::base::local_tags(&self.project)?);
        let here = |variable: &images::base::Variable| {
            images.contains_key(&variable.official) || chosen.iter().any(|(name, _)| *name == variable.name)
        };
        let missing_bases = variables.iter().filter(|variable| !here(variable)).map(|variable| variable.official.clone()).collect();
        for (variable, image) in chosen {
            compose = compose.with(&variable, image);
        }
        let proxy = containers.iter().find(|container| container.service() == ports::PROXY.0);
        let address = ports::choose(&self.environment, self.project.apart(), proxy)?;
        let mut compose = compose.with("HTTP_PORT", address.port.to_string()).with("PUBLIC_URL", address.public_url());
        if let Some(port) = address.https_port {
            compose = compose.with("HTTPS_PORT", port.to_string());
        }
        let (model, hashes) = std::thread::scope(|scope| {
            let hashes = scope.spawn(|| if hashes { compose.hashes().read() } else { Ok(String::new()) });
            let model = Model::read(&compose.model().read()?, &self.project.infra(), &compose.files())?;
            anyhow::Ok((model, parse_hashes(&join(hashes)?)))
        })?;
        let model = model.without_programs(self.environment.sources.keys());
        find_unlisted(&model, &mut images)?;
        let (created, project) = (Created::load(&self.project), self.project.clone());
        Ok(Resolved { compose, model, hashes, created, project, containers, images, missing_bases, address })
    }
}

impl Resolved {
    /// Creates the containers of `services` that are not what the files and images of today would make of them, and those of services that have none;
    /// nothing where there is nothing to create.
    pub(crate) fn creation(&self, services: &BTreeSet<String>) -> Option<Invocation> {
        if self.containers.is_empty() {
            return Some(self.compose.create());
        }
        let names = self.to_create(services);
        (!names.is_empty()).then(|| self.compose.create_only(&names.into_iter().collect::<Vec<_>>()))
    }

    fn to_create(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let absent = |service: &String| containers::of(&self.containers, service).next().is_none();
        self.outdated().into_iter().filter(|service| services.contains(service) || absent(service)).collect()
    }

    /// The services whose containers have to be created or replaced.
    pub(crate) fn outdated(&self) -> BTreeSet<String> {
        let outdated =
            |service: &&String| !self.is_current(service) || self.model.services[*service].shares().any(|other| !self.is_current(other));
        self.model.services.keys().filter(outdated).cloned().collect()
    }

    /// Whether `service` has as many containers as the files say, all of them what the files and images of today would make of them.
    pub(crate) fn is_current(&self, service: &str) -> bool {
        let wanted = self.model.services.get(service).map_or(0, |service| service.replicas() as usize);
        let own = || containers::of(&self.containers, service);
        own().count() == wanted && own().all(|container| self.current(container))
    }

    /// Whether `container` is what the files and images of today would make of it.
    pub(crate) fn current(&self, container: &Container) -> bool {
        let image = self.images.get(&images::tagged(container.image_name()));
        self.hashes.get(container.service()).is_some_and(|hash| self.created.is_from(container, hash)) && image == Some(&container.image)
    }

    /// Remembers that of `containers`, which are those after [`creation`](Self::creation) for `services`, the new ones are what today's files make.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn remember(&self, containers: &[Container], services: &BTreeSet<String>) -> anyhow::Result<()> {
        let created = self.to_create(services);
        let known = containers.iter().filter(|container| created.contains(container.service()) || self.current(container));
        Created::save(&self.project, known, &self.hashes)
    }

    /// The containers of services that are not in the stack: they were taken out of the files, or their profile is off.
    pub(crate) fn strangers(&self) -> Vec<&Container> {
        self.containers.iter().filter(|container| !self.model.services.contains_key(container.service())).collect()
    }

    /// The images that are used as they are and not here yet.
    pub(crate) fn missing_pulls(&self) -> Vec<String> {
        self.model.pulled().into_iter().filter(|image| !self.images.contains_key(*image)).map(str::to_owned).collect()
    }

    /// The services that build the images that are not there yet.
    pub(crate) fn missing_builds(&self) -> Vec<String> {
        self.model
            .builds()
            .into_iter()
            .filter(|(image, _)| !self.images.contains_key(*image))
            .map(|(_, service)| service.to_owned())
            .collect()
    }

    /// Our own images that are not there yet.
    pub(crate) fn missing_own(&self) -> Vec<&str> {
        self.model.builds().into_keys().filter(|image| !self.images.contains_key(*image)).collect()
    }
}

/// Adds to `images` those of `model` that the engine has under a name that its list does not show, such as a digest.
fn find_unlisted(model: &Model, images: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let names: BTreeSet<&str> = model.services.values().filter_map(|service| service.image.as_deref()).collect();
    for name in names {
        if !images.contains_key(name) {
            let found = commands::engine::image_id(name).capture()?;
            if found.code == 0 {
                images.insert(name.to_owned(), found.stdout.trim().to_owned());
            }
        }
    }
    Ok(())
}

/// Whether `project` has volumes.
///
/// # Errors
/// When the engine does not answer.
pub(crate) fn has_data(project: &Project) -> anyhow::Result<bool> {
    Ok(!commands::engine::volumes(&project.compose_name()).read()?.trim().is_empty())
}

/// The extra CA bundle of a network that intercepts TLS, from `SSL_CERT_FILE`.
fn ca_bundle() -> Option<String> {
    let path = std::env::var("SSL_CERT_FILE").ok()?;
    Path::new(&path).is_file().then_some(path)
}

fn same_dir(left: &Path, right: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    left == right || canonical(left) == canonical(right)
}

fn parse_hashes(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(service, hash)| (service.to_owned(), hash.trim().to_owned())).collect()
}

/// What the thread behind `handle` found out.
///
/// # Errors
/// Its own, or that it panicked.
pub(crate) fn join<T>(handle: std::thread::ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    handle.join().map_err(|_| anyhow::anyhow!("a thread that asked the engine panicked"))?
}
