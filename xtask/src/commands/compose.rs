//! Command lines of `docker compose` for one project.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::environment::Environment;
use crate::process::Invocation;
use crate::project::Project;

/// Everything a `docker compose` command of this project has in common.
#[derive(Clone, Debug)]
pub(crate) struct Compose {
    project: Project,
    files: Vec<String>,
    variables: BTreeMap<String, String>,
}

impl Compose {
    /// For `project` with the files of `environment`; `variables` fill in the files' `${…}`.
    pub(crate) fn new(project: &Project, environment: &Environment, variables: BTreeMap<String, String>) -> Self {
        let compose = Self { project: project.clone(), files: environment.files(), variables };
        match project.flags() {
            flags if flags.is_empty() => compose,
            // As the file has it, for this instance.
            flags => compose.with("REVERT_COMMAND", format!("cargo xtask migrate revert{flags}")),
        }
    }

    /// The same with `name` set, unless the caller's own environment sets it.
    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        if std::env::var_os(name).is_none() {
            self.variables.insert(name.to_owned(), value);
        }
        self
    }

    /// `docker compose …`. The files are named relative to the root, where it runs; Compose takes `infra/` as the project directory from them.
    fn compose(&self) -> Invocation {
        let files = self.files.iter().flat_map(|file| ["--file".to_owned(), format!("infra/{file}")]);
        Invocation::new("docker")
            .args(["compose", "--project-name", &self.project.compose_name()])
            .args(files)
            .envs(&self.variables)
            .dir(&self.project.root)
    }

    /// The merged model as JSON.
    pub(crate) fn model(&self) -> Invocation {
        self.compose().args(["config", "--format", "json"])
    }

    /// A line `<service> <hash>` for each service: what Compose compares with a container's label.
    pub(crate) fn hashes(&self) -> Invocation {
        self.compose().args(["config", "--hash", "*"])
    }

    /// The files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| self.project.infra().join(file)).collect()
    }

    /// Builds the images of `services`.
    pub(crate) fn build(&self, services: &[String]) -> Invocation {
        self.compose().arg("build").args(services)
    }

    /// Pushes the images of `services`.
    pub(crate) fn push(&self, services: &[String]) -> Invocation {
        self.compose().arg("push").args(services)
    }

    /// Creates networks, volumes and containers, starting none; what changed is created anew.
    pub(crate) fn create(&self) -> Invocation {
        self.compose().args(["create", "--no-build"])
    }

    /// Creates the containers of `services` anew, and of no other: `create` does it for all that depend on them as well.
    pub(crate) fn create_only(&self, services: &[String]) -> Invocation {
        self.compose().args(["up", "--no-start", "--no-build", "--no-deps"]).args(services)
    }

    /// Starts `services` without what they depend on, and waits until they are healthy.
    pub(crate) fn up_only(&self, services: &[String]) -> Invocation {
        self.compose().args(["up", "--detach", "--wait", "--no-build", "--no-deps"]).args(services)
    }

    /// What plain Compose has for a start that waits, to compare with.
    pub(crate) fn up_wait(&self) -> Invocation {
        self.compose().args(["up", "--wait", "--no-build"])
    }

    /// Compose's own way to bring edits to services that run.
    pub(crate) fn watch(&self) -> Invocation {
        self.compose().args(["watch", "--no-up"])
    }

    /// Stops `services` (all when empty), dependents first.
    pub(crate) fn stop(&self, services: &[String]) -> Invocation {
        self.compose().args(["--profile", "*", "stop"]).args(services)
    }

    /// Stops and removes containers and networks of every profile; volumes only with `volumes`.
    pub(crate) fn down(&self, volumes: Volumes) -> Invocation {
        let down = self.compose().args(["--profile", "*", "down", "--remove-orphans"]);
        match volumes {
            Volumes::Keep => down,
            Volumes::Remove => down.arg("--volumes"),
        }
    }

    /// Runs a one-off container of `service` with `args` instead of its command.
    pub(crate) fn run(&self, service: &str, args: &[String]) -> Invocation {
        // Nobody types there; on a terminal Compose would want one for its stdin, too.
        self.compose().args(["run", "--rm", "--no-deps", "--no-TTY", service]).args(args).foreign()
    }

    /// The same, labelled with what it does.
    pub(crate) fn run_as(&self, doing: &str, service: &str, args: &[String]) -> Invocation {
        let label = format!("{}={doing}", crate::engine::containers::DOING);
        self.compose().args(["run", "--rm", "--no-deps", "--no-TTY", "--label", &label, service]).args(args)
    }

    /// Runs a one-off container of `service` that is talked with: called `name`, labelled with what it does, with the mounts `volumes`.
    pub(crate) fn talk(&self, service: &str, name: &str, doing: &str, volumes: &[String]) -> Invocation {
        let run = self.compose().args(["--progress", "quiet", "run", "--rm", "--no-deps", "--no-TTY", "--name", name]);
        let run = run.args(["--label", &format!("{}={doing}", crate::engine::containers::DOING)]);
        run.args(volumes.iter().flat_map(|volume| ["--volume", volume.as_str()])).arg(service)
    }

    /// The names of the services of every profile, one a line.
    pub(crate) fn services(&self) -> Invocation {
        self.compose().args(["--profile", "*", "config", "--services"])
    }

    /// The names of the profiles of all services, one a line.
    pub(crate) fn profiles(&self) -> Invocation {
        self.compose().args(["config", "--profiles"])
    }

    /// The same with `profiles` on as well.
    pub(crate) fn with_profiles(mut self, profiles: &[String]) -> Self {
        let on = self.variables.entry("COMPOSE_PROFILES".to_owned()).or_default();
        for profile in profiles {
            if !on.is_empty() {
                on.push(',');
            }
            on.push_str(profile);
        }
        self
    }
}

/// Whether data survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volumes {
    /// It does.
    Keep,
    /// It does not.
    Remove,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Builders for a project at `/repo` with one compose file and no variables.
    pub(crate) fn sample() -> Compose {
        let project = Project { root: "/repo".into(), environment: "local".to_owned(), instance: "fix".to_owned() };
        Compose { project, files: vec!["compose.yaml".to_owned()], variables: BTreeMap::new() }
    }

    #[test]
    fn every_command_line() {
        let compose = sample();
        let services = ["db".to_owned()];
        let lines = [
            compose.model(),
            compose.hashes(),
            compose.build(&services),
            compose.push(&services),
            compose.create(),
            compose.create_only(&["backend".to_owned()]),
            compose.up_only(&services),
            compose.up_wait(),
            compose.watch(),
            compose.stop(&services),
            compose.down(Volumes::Keep),
            compose.down(Volumes::Remove),
            compose.run("migrate", &["migrate".to_owned(), "status".to_owned()]),
            compose.talk("backup", "slipway-fix-backup", "backup", &["slipway-fix_media:/set/volumes/media:ro".to_owned()]),
            compose.services(),
            compose.profiles(),
        ];
        let prefix = "docker compose --project-name slipway-fix --file infra/compose.yaml ";
        let rest: Vec<String> =
            lines.iter().map(|line| line.to_string().strip_prefix(prefix).expect("the common prefix").to_owned()).collect();
        insta::assert_snapshot!(rest.join("\n"), @r"
        config --format json
        config --hash '*'
        build db
        push db
        create --no-build
        up --no-start --no-build --no-deps backend
        up --detach --wait --no-build --no-deps db
        up --wait --no-build
        watch --no-up
        --profile '*' stop db
        --profile '*' down --remove-orphans
        --profile '*' down --remove-orphans --volumes
        run --rm --no-deps --no-TTY migrate migrate status
        --progress quiet run --rm --no-deps --no-TTY --name slipway-fix-backup --label slipway.doing=backup --volume slipway-fix_media:/set/volumes/media:ro backup
        --profile '*' config --services
        config --profiles
        ");
    }

    #[test]
    fn variables_stand_before_the_command() {
        let compose = sample().with("SLIPWAY_TEST_TAG", "a b".to_owned());
        assert!(compose.model().to_string().starts_with("SLIPWAY_TEST_TAG='a b' docker compose "));
    }

    #[test]
    fn profiles_are_added_to_those_of_the_environment() {
        let profiles = ["expose-db".to_owned(), "expose-redis".to_owned()];
        let line = |compose: Compose| compose.with_profiles(&profiles).profiles().to_string();
        assert!(line(sample()).starts_with("COMPOSE_PROFILES=expose-db,expose-redis docker "));
        let mut compose = sample();
        compose.variables.insert("COMPOSE_PROFILES".to_owned(), "worker".to_owned());
        assert!(line(compose).starts_with("COMPOSE_PROFILES=worker,expose-db,expose-redis docker "));
    }
}
