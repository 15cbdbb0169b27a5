//! What was there before a start, so that an interrupted one leaves nothing half-made: a half-initialised database volume above all.

use std::collections::BTreeSet;

use crate::commands;
use crate::engine::containers::Container;
use crate::process::Invocation;
use crate::stack::Stack;

/// The project's containers, volumes and networks at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    containers: BTreeSet<String>,
    running: BTreeSet<String>,
    volumes: BTreeSet<String>,
    networks: BTreeSet<String>,
}

/// What to do to get from now back to then.
#[derive(Debug, Default, PartialEq, Eq)]
struct Steps {
    stop: Vec<String>,
    remove: Vec<String>,
    remove_volumes: Vec<String>,
    remove_networks: Vec<String>,
}

impl Before {
    /// Reads it for `stack`.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(crate) fn read(stack: &Stack) -> anyhow::Result<Self> {
        let project = stack.project.compose_name();
        let lines = |invocation: Invocation| anyhow::Ok(invocation.read()?.lines().map(str::to_owned).collect::<BTreeSet<_>>());
        std::thread::scope(|scope| {
            let volumes = scope.spawn(|| lines(commands::engine::volumes(&project)));
            let networks = scope.spawn(|| lines(commands::engine::networks(&project)));
            let containers = stack.containers()?;
            let panicked = |_| anyhow::anyhow!("a thread that asked the engine panicked");
            Ok(Self {
                containers: containers.iter().map(|container| container.id.clone()).collect(),
                running: containers.iter().filter(|container| container.running()).map(|container| container.id.clone()).collect(),
                volumes: volumes.join().map_err(panicked)??,
                networks: networks.join().map_err(panicked)??,
            })
        })
    }

    /// Whether containers of then are gone: Compose has begun to replace them, and there is no way back, only on.
    pub(crate) fn replaced(&self, stack: &Stack) -> anyhow::Result<bool> {
        Ok(!self.containers.is_subset(&Self::read(stack)?.containers))
    }

    /// Brings the project back to how it was: what was created since is removed, but for the volumes `caches`, what was started since is stopped.
    ///
    /// # Errors
    /// When the engine refuses.
    pub(crate) fn restore(&self, stack: &Stack, caches: &[String]) -> anyhow::Result<()> {
        let mut now = Self::read(stack)?;
        now.volumes.retain(|volume| !caches.contains(volume));
        let Steps { stop, remove, remove_volumes, remove_networks } = self.steps(&now);
        let steps = [
            (stop, commands::engine::stop as fn(&[String]) -> Invocation),
            (remove, commands::engine::remove),
            (remove_volumes, commands::engine::remove_volumes),
            (remove_networks, commands::engine::remove_networks),
        ];
        for (names, invocation) in steps {
            if !names.is_empty() {
                invocation(&names).read()?;
            }
        }
        Ok(())
    }

    fn steps(&self, now: &Self) -> Steps {
        let minus = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
        let started: BTreeSet<String> = now.running.difference(&self.running).cloned().collect();
        Steps {
            stop: started.intersection(&self.containers).cloned().collect(),
            remove: minus(&now.containers, &self.containers),
            remove_volumes: minus(&now.volumes, &self.volumes),
            remove_networks: minus(&now.networks, &self.networks),
        }
    }
}

/// The ids of `containers` that run.
pub(crate) fn running(containers: &[Container]) -> Vec<String> {
    containers.iter().filter(|container| container.running()).map(|container| container.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_is_new_is_removed() {
        let before = Before { containers: set(&["db", "app"]), running: set(&["db"]), volumes: set(&["data"]), networks: set(&[]) };
        let now = Before {
            containers: set(&["db", "app", "proxy"]),
            running: set(&["db", "app", "proxy"]),
            volumes: set(&["data", "media"]),
            networks: set(&["edge"]),
        };
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let steps =
            Steps { stop: list(&["app"]), remove: list(&["proxy"]), remove_volumes: list(&["media"]), remove_networks: list(&["edge"]) };
        assert_eq!(before.steps(&now), steps);
        assert_eq!(before.steps(&before), Steps::default());
    }
}
