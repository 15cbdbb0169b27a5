//! Command lines of `docker` itself: containers, images, events, statistics.

use crate::process::Invocation;

fn docker<const N: usize>(args: [&str; N]) -> Invocation {
    Invocation::new("docker").args(args)
}

fn of_project(project: &str) -> String {
    format!("label=com.docker.compose.project={project}")
}

/// Client and server versions, as JSON.
pub(crate) fn version() -> Invocation {
    docker(["version", "--format", "json"])
}

/// The version of the Compose plugin.
pub(crate) fn compose_version() -> Invocation {
    docker(["compose", "version", "--short"])
}

/// The version of the buildx plugin.
pub(crate) fn buildx_version() -> Invocation {
    docker(["buildx", "version"])
}

/// All images: a line `<repository>:<tag> <id>` each.
pub(crate) fn images() -> Invocation {
    docker(["image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"])
}

/// The id of the image `name`; fails where the engine does not have it.
pub(crate) fn image_id(name: &str) -> Invocation {
    docker(["image", "inspect", "--format", "{{.Id}}", name])
}

/// The ids of the project's containers, running or not.
pub(crate) fn containers(project: &str) -> Invocation {
    docker(["ps", "--all", "--quiet", "--no-trunc", "--filter"]).arg(of_project(project))
}

/// The containers of every environment of every checkout, running or not.
pub(super) fn of_environments() -> Invocation {
    docker(["ps", "--all", "--filter"]).arg(format!("label={}", crate::engine::containers::ENVIRONMENT))
}

/// The ids of what runs in the environment `environment`, of every instance and checkout.
pub(crate) fn running_in(environment: &str) -> Invocation {
    let label = format!("label={}={environment}", crate::engine::containers::ENVIRONMENT);
    docker(["ps", "--quiet", "--no-trunc", "--filter"]).arg(label)
}

/// The names of the project's containers, running or not, with those of `docker compose run`.
pub(crate) fn container_names(project: &str) -> Invocation {
    docker(["ps", "--all", "--format", "{{.Names}}", "--filter"]).arg(of_project(project))
}

/// Everything about the engine and its host, as JSON.
pub(crate) fn info() -> Invocation {
    docker(["info", "--format", "json"])
}

/// Fetches `image` from its registry.
pub(crate) fn pull(image: &str) -> Invocation {
    docker(["image", "pull", image])
}

/// The names of the project's volumes.
pub(crate) fn volumes(project: &str) -> Invocation {
    docker(["volume", "ls", "--quiet", "--filter"]).arg(of_project(project))
}

/// The beginning of a command line that runs a container as root and leaves nothing of it, not even a log.
pub(crate) fn aside() -> Invocation {
    // The agent's image carries Compose's label, but this is no container of the stack.
    docker(["run", "--rm", "--log-driver", "none", "--user", "0", "--label", "com.docker.compose.project="])
}

/// Copies what is in the volume `from` to the volume `to`, with `cp` of `image`.
pub(crate) fn copy_volume(image: &str, from: &str, to: &str) -> Invocation {
    let run = aside().args(["--network", "none"]);
    let run = run.args(["--volume", &format!("{from}:/from:ro"), "--volume", &format!("{to}:/to")]);
    run.args(["--entrypoint", "cp", image, "--archive", "/from/.", "/to/"])
}

/// What each volume of the engine takes, as JSON.
pub(crate) fn volume_sizes() -> Invocation {
    docker(["system", "df", "--verbose", "--format", "{{json .Volumes}}"])
}

/// The environments that the volumes of `project` name, one line each; an empty one for a volume that names none.
pub(crate) fn volume_environments(project: &str) -> Invocation {
    let format = format!("{{{{.Label \"{}\"}}}}", crate::engine::containers::ENVIRONMENT);
    docker(["volume", "ls", "--filter"]).arg(of_project(project)).args(["--format", &format])
}

/// Whether the container `name` runs, since when, and what for; an error when there is none.
pub(crate) fn doing(name: &str) -> Invocation {
    let format =
        format!("{{{{.State.Running}}}} {{{{.State.StartedAt}}}} {{{{index .Config.Labels \"{}\"}}}}", crate::engine::containers::DOING);
    docker(["container", "inspect", "--format", &format, name])
}

/// The Compose projects of all containers and of all volumes, one name per line and object.
pub(crate) fn projects() -> [Invocation; 2] {
    let label = ["--filter", "label=com.docker.compose.project", "--format", "{{.Label \"com.docker.compose.project\"}}"];
    [docker(["ps", "--all"]).args(label), docker(["volume", "ls"]).args(label)]
}

/// The names of the project's networks.
pub(crate) fn networks(project: &str) -> Invocation {
    docker(["network", "ls", "--format", "{{.Name}}", "--filter"]).arg(of_project(project))
}

/// The name of a running container of any project that publishes `port` on the host.
pub(crate) fn publisher(port: u16) -> Invocation {
    docker(["ps", "--format", "{{.Names}}", "--filter"]).arg(format!("publish={port}"))
}

/// Everything about `ids`, as one JSON array.
pub(crate) fn inspect(ids: &[String]) -> Invocation {
    docker(["container", "inspect"]).args(ids)
}

/// Starts the created or stopped container `id`.
pub(crate) fn start(id: &str) -> Invocation {
    docker(["container", "start", id])
}

/// Stops the containers `ids`, all at the same time.
pub(crate) fn stop(ids: &[String]) -> Invocation {
    docker(["container", "stop"]).args(ids)
}

/// Lets the paused containers `ids` go on.
pub(crate) fn unpause(ids: &[String]) -> Invocation {
    docker(["container", "unpause"]).args(ids)
}

/// Removes the containers `ids`, running or not.
pub(crate) fn remove(ids: &[String]) -> Invocation {
    docker(["container", "rm", "--force"]).args(ids)
}

/// Removes the images `names`.
pub(crate) fn remove_images(names: &[String]) -> Invocation {
    docker(["image", "rm"]).args(names)
}

/// Removes the volumes `names`.
pub(crate) fn remove_volumes(names: &[String]) -> Invocation {
    docker(["volume", "rm"]).args(names)
}

/// Removes the networks `names`.
pub(crate) fn remove_networks(names: &[String]) -> Invocation {
    docker(["network", "rm"]).args(names)
}

/// What happens to the project's containers from `since` on (seconds since 1970), a JSON object a line.
pub(crate) fn events(project: &str, since: &str) -> Invocation {
    docker(["events", "--format", "json", "--since", since, "--filter", "type=container", "--filter"]).arg(of_project(project))
}

/// The last `tail` log lines of the container `id`.
pub(crate) fn tail(id: &str, tail: usize) -> Invocation {
    docker(["container", "logs", "--tail"]).args([&tail.to_string(), id])
}

/// The log of the container `id`, each line with its time in front.
pub(crate) fn logs(id: &str, options: &LogOptions) -> Invocation {
    let mut logs = docker(["container", "logs", "--timestamps"]);
    if options.follow {
        logs = logs.arg("--follow");
    }
    if let Some(tail) = &options.tail {
        logs = logs.args(["--tail", tail]);
    }
    if let Some(since) = &options.since {
        logs = logs.args(["--since", since]);
    }
    logs.arg(id)
}

/// Which part of a log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogOptions {
    /// Go on with what comes.
    pub(crate) follow: bool,
    /// Lines from the end.
    pub(crate) tail: Option<String>,
    /// From this time on, as the client takes it: `10m`, or RFC 3339.
    pub(crate) since: Option<String>,
}

/// How containers of the project ended until `until`, as far as the engine remembers, a JSON object a line.
pub(crate) fn ends(project: &str, until: &str) -> Invocation {
    let events = docker(["events", "--format", "json", "--since", "1", "--until", until]);
    events.args(["--filter", "event=die", "--filter", "event=oom", "--filter"]).arg(of_project(project))
}

/// A connection to the engine's API, wherever the engine is: requests on stdin, responses on stdout.
pub(crate) fn api() -> Invocation {
    docker(["system", "dial-stdio"])
}

/// A live table of processor and memory use of `ids`.
pub(crate) fn top(ids: &[String]) -> Invocation {
    docker(["stats", "--format", "table {{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.NetIO}}\t{{.PIDs}}"]).args(ids)
}

/// What the container `id` writes from the begin of its current run on, as it comes.
pub(crate) fn follow_from_start(id: &str) -> Invocation {
    docker(["container", "logs", "--follow", "--since", "1s", id])
}

/// Runs `command` in the container `id`, with nothing on its stdin.
pub(crate) fn run_in(id: &str, command: &[String]) -> Invocation {
    docker(["container", "exec", id]).args(command)
}

/// Runs `command` in the container `id` as a filter that is talked with.
pub(crate) fn talk_to(id: &str, command: &[&str]) -> Invocation {
    docker(["container", "exec", "--interactive", id]).args(command.iter().copied())
}

/// The same as root.
pub(crate) fn run_as_root(id: &str, command: &[String]) -> Invocation {
    docker(["container", "exec", "--user", "0", id]).args(command)
}

/// Unpacks a tar stream on stdin below `directory` in the container `id`, whether it runs or not.
pub(crate) fn unpack(id: &str, directory: &str) -> Invocation {
    docker(["container", "cp", "-"]).arg(format!("{id}:{directory}"))
}

/// The same with `tar` in the container, which sees what is in its memory alone.
pub(crate) fn unpack_inside(id: &str, directory: &str) -> Invocation {
    docker(["container", "exec", "--interactive", id, "tar", "-x", "-f", "-", "-C", directory])
}

/// The file `path` of the container `id`, as a tar stream on stdout.
pub(crate) fn fetch(id: &str, path: &str) -> Invocation {
    docker(["container", "cp", "--follow-link"]).args([&format!("{id}:{path}"), "-"])
}

/// Restarts the containers `ids`; each has the time to end that its service asks for.
pub(crate) fn restart(ids: &[String]) -> Invocation {
    docker(["container", "restart"]).args(ids)
}

/// Restarts the container `id`, which does not answer: it is asked to end, and is ended a moment later.
pub(crate) fn restart_at_once(id: &str) -> Invocation {
    docker(["container", "restart", "--time", "1", id])
}

/// Starts the container `id` and waits for its end, with what it writes and its exit code.
pub(crate) fn start_to_end(id: &str) -> Invocation {
    docker(["container", "start", "--attach", id])
}

/// Runs `command` in the container `id`, with a terminal or as a filter.
pub(crate) fn exec(id: &str, terminal: bool, command: &[String]) -> Invocation {
    let flags = if terminal { "--interactive --tty" } else { "--interactive" };
    docker(["container", "exec"]).args(flags.split(' ')).arg(id).args(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line() {
        let ids = ["a1".to_owned(), "b2".to_owned()];
        let lines = [
            version(),
            compose_version(),
            buildx_version(),
            images(),
            containers("slipway"),
            container_names("slipway"),
            info(),
            pull("redis:8"),
            copy_volume("slipway/backup:1", "slipway_programs", "slipway-drill_programs"),
            volumes("slipway"),
            networks("slipway"),
            publisher(8080),
            inspect(&ids),
            start("a1"),
            stop(&ids),
            remove(&ids),
            remove_images(&ids),
            remove_volumes(&ids),
            remove_networks(&ids),
            events("slipway", "12.5"),
            tail("a1", 10),
            logs("a1", &LogOptions::default()),
            logs("a1", &LogOptions { follow: true, tail: Some("10".to_owned()), since: Some("5m".to_owned()) }),
            ends("slipway", "2026-01-01T00:00:00Z"),
            api(),
            top(&ids),
            run_in("a1", &["true".to_owned()]),
            talk_to("a1", &["hub", "feed"]),
            run_as_root("a1", &["true".to_owned()]),
            unpack("a1", "/"),
            unpack_inside("a1", "/tmp"),
            fetch("a1", "/etc/passwd"),
            restart(&ids),
            start_to_end("a1"),
            exec("a1", true, &["psql".to_owned()]),
            exec("a1", false, &["sh".to_owned(), "-c".to_owned(), "echo a b".to_owned()]),
        ];
        insta::assert_snapshot!(lines.map(|line| line.to_string()).join("\n"));
    }
}
