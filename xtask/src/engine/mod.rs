//! The container engine: finding it, checking that it can do what the stack needs, and reading the state of containers.

pub(crate) mod containers;
pub(crate) mod ends;
pub(crate) mod events;
pub(crate) mod usage;

use serde::Deserialize;

use crate::commands;
use crate::process::Output;
use crate::report::Failure;

/// `start_interval` of a health check needs this engine; Compose refuses it on older ones.
const OLDEST_ENGINE: (u32, u32) = (25, 0);
/// `!reset` in the compose files and reliable `create` need this Compose.
const OLDEST_COMPOSE: (u32, u32) = (2, 24);

/// What `docker version --format json` prints, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    server: Option<Server>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    version: String,
}

/// Why the engine cannot be used; `--setup` mends what it can of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No `docker` on PATH.
    NoClient,
    /// No `docker`, but `podman`.
    OnlyPodman,
    /// The client cannot reach an engine, for this reason.
    NoEngine(String),
    /// The engine is older than needed.
    OldEngine(String),
    /// The Compose plugin is missing.
    NoCompose,
    /// The Compose plugin is older than needed.
    OldCompose(String),
}

impl Trouble {
    /// What a person reads.
    pub(crate) fn failure(&self) -> Failure {
        let oldest_engine = format!("{}.{}", OLDEST_ENGINE.0, OLDEST_ENGINE.1);
        let oldest_compose = format!("{}.{}", OLDEST_COMPOSE.0, OLDEST_COMPOSE.1);
        let (failure, setup) = match self {
            Self::NoClient => (Failure::new("`docker` is not on PATH"), "to install Docker Engine, Compose and buildx (Debian, Ubuntu)"),
            Self::OnlyPodman => (
                Failure::new("`docker` is not on PATH; `podman` is, but its Compose and events differ from what Slipway relies on"),
                "to install Docker Engine beside it (Debian, Ubuntu)",
            ),
            Self::NoEngine(reason) => (Failure::new("the Docker engine does not answer").detail(reason), "to start it"),
            Self::OldEngine(version) => (
                Failure::new(format!(
                    "Docker Engine {version} is too old: {oldest_engine} or newer is needed, for health checks with `start_interval`"
                )),
                "to install a newer one (Debian, Ubuntu)",
            ),
            Self::NoCompose => (Failure::new("the Docker Compose plugin (`docker compose`) is missing"), "to install it (Debian, Ubuntu)"),
            Self::OldCompose(version) => (
                Failure::new(format!("Docker Compose {version} is too old: {oldest_compose} or newer is needed")),
                "to install a newer one (Debian, Ubuntu)",
            ),
        };
        failure.hint(format!("run `cargo xtask setup` {setup}")).hint("on macOS and Windows install or start Docker Desktop")
    }
}

/// Checks client, engine and Compose.
///
/// # Errors
/// When a program cannot be run at all; what is missing is the `Ok(Some(…))`.
pub(crate) fn trouble() -> anyhow::Result<Option<Trouble>> {
    if let Some(trouble) = no_client() {
        return Ok(Some(trouble));
    }
    std::thread::scope(|scope| {
        let compose = scope.spawn(|| commands::engine::compose_version().capture());
        let version = commands::engine::version().capture()?;
        let compose = compose.join().map_err(|_| anyhow::anyhow!("the thread that asked for Compose's version panicked"))??;
        Ok(judge(&version, &compose))
    })
}

/// What there is instead of a client; nothing where there is one.
pub(crate) fn no_client() -> Option<Trouble> {
    which::which("docker").err().map(|_| if which::which("podman").is_ok() { Trouble::OnlyPodman } else { Trouble::NoClient })
}

/// What the answers of [`commands::engine::version`] and [`commands::engine::compose_version`] say of engine and Compose.
pub(crate) fn judge(version: &Output, compose: &Output) -> Option<Trouble> {
    let server = serde_json::from_str::<Versions>(&version.stdout).ok().and_then(|versions| versions.server);
    let Some(server) = server.filter(|_| version.code == 0) else {
        let reason = version.stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("`docker version` said nothing");
        return Some(Trouble::NoEngine(reason.trim().to_owned()));
    };
    if major_minor(&server.version).is_some_and(|version| version < OLDEST_ENGINE) {
        return Some(Trouble::OldEngine(server.version));
    }
    if compose.code != 0 {
        return Some(Trouble::NoCompose);
    }
    let compose = compose.stdout.trim();
    if major_minor(compose).is_some_and(|version| version < OLDEST_COMPOSE) {
        return Some(Trouble::OldCompose(compose.to_owned()));
    }
    None
}

/// Whether an engine of this version will do; one without a number does.
pub(crate) fn recent(version: &str) -> bool {
    major_minor(version).is_none_or(|version| version >= OLDEST_ENGINE)
}

/// Whether Compose is there and new enough, whatever the engine does.
pub(crate) fn compose_usable() -> bool {
    let version = commands::engine::compose_version().capture();
    version.is_ok_and(|version| version.code == 0 && major_minor(version.stdout.trim()).is_none_or(|version| version >= OLDEST_COMPOSE))
}

/// `26.1.5+dfsg1`, `v2.26.1-4` → `(26, 1)`, `(2, 26)`; nothing for a version that is no number (a development build).
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    fn server(version: &str) -> Output {
        output(0, &format!(r#"{{"Client":{{"Version":"28.2.2"}},"Server":{{"Version":"{version}"}}}}"#), "")
    }

    #[test]
    fn an_engine_that_does_is_no_trouble() {
        assert_eq!(judge(&server("26.1.5+dfsg1"), &output(0, "2.26.1-4\n", "")), None);
        assert_eq!(judge(&server("29.0.0"), &output(0, "v5.0.1", "")), None);
        assert_eq!(judge(&server("dev"), &output(0, "dev", "")), None);
    }

    #[test]
    fn each_trouble_has_its_words() {
        let fine = output(0, "2.26.1", "");
        let troubles = [
            Some(Trouble::NoClient),
            Some(Trouble::OnlyPodman),
            judge(&output(1, r#"{"Client":{"Version":"28.2.2"},"Server":null}"#, "\nCannot connect to the Docker daemon\n"), &fine),
            judge(&server("20.10.24"), &fine),
            judge(&server("26.1.5"), &output(1, "", "docker: 'compose' is not a docker command")),
            judge(&server("26.1.5"), &output(0, "2.17.3", "")),
        ];
        let texts = troubles.map(|trouble| trouble.expect("trouble").failure().to_string());
        insta::assert_snapshot!(texts.join("\n---\n"));
    }
}
