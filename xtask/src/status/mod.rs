//! How a stack is: what the engine knows of its containers, what they use, what is wrong, and what was restarted and why.

mod render;
mod report;
mod restarts;
mod smoke;

use std::collections::BTreeMap;
use std::time::Instant;

pub(crate) use self::render::render;
use self::report::{Evidence, ServiceReport, Usage};
pub(crate) use self::report::{Guard, Report};
pub(crate) use self::smoke::record as smoke_record;
use crate::data::interrupted;
use crate::engine::containers::{self, Container};
use crate::engine::ends::{self, End};
use crate::engine::usage::{self, Sample};
use crate::lock::Lock;
use crate::model::Model;
use crate::report::Volume;
use crate::stack::{Stack, join};
use crate::{engine, guard, health, ports};

/// What is known of a stack. The processor's share is between the last two samples.
pub(crate) struct View {
    stack: Stack,
    /// Nothing where the compose files cannot be read.
    model: Option<Model>,
    seen: Seen,
    before: BTreeMap<String, Sample>,
    /// Also what the engine has forgotten since it was first seen.
    ends: BTreeMap<String, End>,
}

/// What the engine knows now.
struct Seen {
    containers: Vec<Container>,
    samples: BTreeMap<String, Sample>,
    sampled: Instant,
    ends: BTreeMap<String, End>,
}

impl View {
    /// Asks for everything at the same time.
    ///
    /// # Errors
    /// When the engine is not usable, or the containers belong to another checkout or environment.
    pub(crate) fn new(stack: Stack, volume: Volume) -> anyhow::Result<Self> {
        let (seen, model) = std::thread::scope(|scope| {
            let trouble = scope.spawn(engine::trouble);
            let model = scope.spawn(|| Model::read(&stack.compose.model().read()?, &stack.project.infra(), &stack.compose.files()));
            let seen = see(&stack);
            // Whatever went wrong, an engine that does not answer is the reason to name.
            if let Some(trouble) = join(trouble)? {
                return Err(trouble.failure().into());
            }
            anyhow::Ok((seen?, join(model)))
        })?;
        if let Err(error) = &model {
            volume.say(format!("the compose files cannot be read; services that were never started are left out: {error:#}"));
        }
        let ends = seen.ends.clone();
        Ok(Self { stack, model: model.ok(), seen, before: BTreeMap::new(), ends })
    }

    /// Waits for a second sample, so that there is a share of the processor.
    ///
    /// # Errors
    /// When `docker` cannot be started.
    pub(crate) fn measure(&mut self) -> anyhow::Result<()> {
        std::thread::sleep(usage::WINDOW.saturating_sub(self.seen.sampled.elapsed()));
        self.before = std::mem::replace(&mut self.seen.samples, usage::sample(&running(&self.seen.containers))?);
        Ok(())
    }

    /// Asks the engine again.
    ///
    /// # Errors
    /// When it does not answer any more.
    pub(crate) fn refresh(&mut self) -> anyhow::Result<()> {
        let earlier = std::mem::replace(&mut self.seen, see(&self.stack)?);
        self.before = earlier.samples;
        self.ends.extend(self.seen.ends.iter().map(|(id, end)| (id.clone(), *end)));
        Ok(())
    }

    /// What there is to say.
    pub(crate) fn report(&self) -> Report {
        let project = &self.stack.project;
        let containers = &self.seen.containers;
        let log = std::fs::read_to_string(restarts::log(project)).unwrap_or_default();
        let proxy = containers.iter().find(|container| container.service() == ports::PROXY.0 && container.running());
        let url = proxy.and_then(|proxy| ports::current(&self.stack.environment, proxy)).map(|address| address.url());
        let services = self.services(&log);
        let guard = Guard::new(
            self.stack.environment.guard.enabled && containers.iter().any(Container::running),
            guard::is_at_work(project),
            Lock::is_attached(project),
        );
        let restore = interrupted::left(&self.stack);
        let smoke = smoke::last(&smoke::record(project), containers);
        Report::new(project, url, guard, restore, smoke, services)
    }

    /// Those that have a container, and those that should have one; none where the stack does not run at all.
    fn services(&self, log: &str) -> Vec<ServiceReport> {
        let containers = &self.seen.containers;
        let flags = self.stack.project.flags();
        let of_container = |container: &Container| {
            let name = container.service();
            let known = self.model.as_ref().and_then(|model| Some((model, model.services.get(name)?)));
            let problem = match known {
                Some((model, service)) => health::problem(model, service, container),
                None if container.completed() => None,
                None => health::state_problem(container),
            };
            let usage = self.seen.samples.get(&container.id).map(|sample| Usage {
                processor: self.before.get(&container.id).and_then(|before| sample.processor_since(before)),
                memory: sample.memory,
            });
            let evidence = Evidence { problem, usage, end: self.ends.get(&container.id), log, flags: &flags };
            ServiceReport::new(container, evidence)
        };
        let mut services: Vec<ServiceReport> = containers.iter().map(of_container).collect();
        if let Some(model) = self.model.as_ref().filter(|_| !containers.is_empty()) {
            for (name, service) in &model.services {
                let count = containers::of(containers, name).count();
                if count == 0 || health::count_problem(service, count).is_some() {
                    services.push(ServiceReport::without_container(name, service, count, &flags));
                }
            }
            services.sort_by(|a, b| (&a.name, a.number).cmp(&(&b.name, b.number)));
        }
        services
    }
}

fn see(stack: &Stack) -> anyhow::Result<Seen> {
    std::thread::scope(|scope| {
        let project = stack.project.compose_name();
        let ends = scope.spawn(move || ends::recent(&project));
        let containers = stack.containers()?;
        let (sampled, samples) = (Instant::now(), usage::sample(&running(&containers))?);
        Ok(Seen { containers, samples, sampled, ends: join(ends)? })
    })
}

fn running(containers: &[Container]) -> Vec<&str> {
    containers.iter().filter(|container| container.running()).map(|container| container.id.as_str()).collect()
}
