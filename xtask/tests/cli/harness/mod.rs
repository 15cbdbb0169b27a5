//! A checkout in a temporary directory with an engine that is a script (`docker`, beside this directory).

mod doctor;
mod images;
mod looping;
mod outcome;
mod running;

use std::cell::Cell;
use std::collections::HashSet;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use outcome::Outcome;
pub(crate) use running::{Running, Target};

/// A checkout, and an engine that knows only this one.
pub(crate) struct Checkout {
    dir: TempDir,
    /// Where the program that is run has its place instead of the directory that cargo builds into.
    built: Option<TempDir>,
    /// The port that `infra/env/local.toml` asks for.
    pub(crate) port: u16,
    /// What Compose makes of the files.
    pub(crate) model: Value,
    replies: Cell<usize>,
    running: Cell<usize>,
    started: Cell<usize>,
}

/// A fixed answer of `docker`.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    /// The exit code.
    pub(crate) code: i32,
    /// What it writes to stdout.
    pub(crate) stdout: String,
    /// What it writes to stderr.
    pub(crate) stderr: String,
}

impl Reply {
    /// Success with `stdout`.
    pub(crate) fn says(stdout: &str) -> Self {
        Self { stdout: stdout.to_owned(), ..Self::default() }
    }

    /// Failure with `stderr`.
    pub(crate) fn fails(code: i32, stderr: &str) -> Self {
        Self { code, stderr: stderr.to_owned(), ..Self::default() }
    }
}

impl Checkout {
    /// With every image there and nothing running; each service becomes ready at once, one after the other,
    /// so that what is said about them has one order.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("xtask-cli-").tempdir().expect("a temporary directory");
        let model = serde_json::from_str(include_str!("../../../src/model/sample.json")).expect("JSON");
        let mut checkout =
            Self { dir, built: None, port: free_port(), model, replies: Cell::new(0), running: Cell::new(0), started: Cell::new(0) };
        checkout.model["secrets"] = json!({ "password": { "file": checkout.root().join("infra/secrets/local/password") } });
        for dir in ["bin", "engine/services", "engine/replies", "engine/containers", "engine/volumes", "engine/networks"] {
            std::fs::create_dir_all(checkout.dir.path().join(dir)).expect("created");
        }
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/docker"), checkout.dir.path().join("bin/docker")).expect("linked");
        // Settings are checked against the text of these, and base images come from it; the engine of the tests has a model of its own.
        for file in ["infra/compose.yaml", "infra/compose.tls.yaml", "infra/env/base.toml"] {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).expect("readable");
            checkout.file(file, &images::pinned(&text));
        }
        checkout.file("infra/images/runtime/packages", "ca-certificates\n");
        checkout.file("backend/migrations/20260101000000_begin.sql", "-- Begins.\n");
        checkout.environment(&format!("port = {}\nport_fallback = true", checkout.port));
        checkout.engine("profiles", "worker\n");
        let images = ["slipway/backend:main", "slipway/frontend:main", "slipway/proxy:main", "postgres:17", "redis:8"];
        checkout.engine("images", &images.map(|image| format!("{image} sha256:{image}\n")).concat());
        let order = ["db", "frontend", "redis", "migrate", "backend", "proxy"];
        for (index, service) in order.into_iter().enumerate() {
            let image = checkout.model["services"][service]["image"].as_str().expect("an image").to_owned();
            checkout.of_service(service, "image", &format!("{image}\n"));
            checkout.of_service(service, "hash", &format!("hash-{service}\n"));
            let after = index.checked_sub(1).map(|before| match order[before] {
                "migrate" => "after migrate die 0\n".to_owned(),
                before => format!("after {before} health_status: healthy\n"),
            });
            let what = if service == "migrate" { "exit 0" } else { "healthy" };
            checkout.of_service(service, "behaviour", &format!("{}{what}\n", after.unwrap_or_default()));
            checkout.of_service(service, "check", "\n");
            checkout.of_service(service, "log", "");
        }
        checkout
    }

    /// The root of the checkout.
    pub(crate) fn root(&self) -> PathBuf {
        // The temporary directory itself may be behind a link, and `xtask` sees the real path.
        self.dir.path().canonicalize().expect("there").join("checkout")
    }

    /// Writes a file of the checkout.
    pub(crate) fn file(&self, path: &str, text: &str) {
        write(&self.root().join(path), text);
    }

    /// Writes `infra/env/local.toml` with these lines in `[proxy]`.
    pub(crate) fn environment(&self, proxy: &str) {
        let text =
            format!("compose.profiles = []\nbuild.profile = \"dev\"\nsecrets.generate = true\nguard.enabled = false\n[proxy]\n{proxy}\n");
        self.file("infra/env/local.toml", &text);
    }

    /// Writes a file of the engine.
    pub(crate) fn engine(&self, path: &str, text: &str) {
        write(&self.dir.path().join("engine").join(path), text);
    }

    fn of_service(&self, service: &str, file: &str, text: &str) {
        self.engine(&format!("services/{service}/{file}"), text);
    }

    /// Says that the model has a service that nobody starts.
    pub(crate) fn idle_service(&self, service: &str) {
        self.of_service(service, "hash", &format!("hash-{service}\n"));
    }

    /// What `service` does when it starts, one thing a line: `after <event>`, `held`, `again` (it ends and is restarted), `refuse <reason>`; then `healthy`, `unhealthy`,
    /// `running` (without a health check), `starting` (for ever) or `exit <code>`.
    pub(crate) fn behaves(self, service: &str, behaviour: &str) -> Self {
        self.of_service(service, "behaviour", &format!("{behaviour}\n"));
        self
    }

    /// What the containers of `service` log.
    pub(crate) fn logs(self, service: &str, log: &str) -> Self {
        self.of_service(service, "log", log);
        self
    }

    /// What the last health check of `service` printed.
    pub(crate) fn check(self, service: &str, output: &str) -> Self {
        let escaped = Value::from(output).to_string();
        self.of_service(service, "check", &format!("{}\n", escaped.trim_matches('"')));
        self
    }

    /// What the containers of `service` log in their first, second… run, each line with its time in front.
    pub(crate) fn says(self, service: &str, runs: &[&str]) -> Self {
        for (index, lines) in runs.iter().enumerate() {
            self.of_service(service, &format!("said-{}", index + 1), lines);
        }
        self
    }

    /// The logging driver of `service`: one whose lines the engine cannot read.
    pub(crate) fn logs_elsewhere(self, service: &str, driver: &str) -> Self {
        self.of_service(service, "driver", &format!("{driver}\n"));
        self
    }

    /// Leaves only these services in the stack.
    pub(crate) fn only(mut self, services: &[&str]) -> Self {
        self.model["services"].as_object_mut().expect("an object").retain(|name, _| services.contains(&name.as_str()));
        for entry in std::fs::read_dir(self.dir.path().join("engine/services")).expect("readable").flatten() {
            if !services.contains(&entry.file_name().to_str().expect("a name")) {
                std::fs::remove_dir_all(entry.path()).expect("removed");
            }
        }
        self
    }

    /// Takes `image` off the engine.
    pub(crate) fn without_image(self, image: &str) -> Self {
        let path = self.dir.path().join("engine/images");
        let images = std::fs::read_to_string(&path).expect("readable");
        let prefix = format!("{image} ");
        let rest: Vec<&str> = images.split_inclusive('\n').filter(|line| !line.starts_with(&prefix)).collect();
        assert!(rest.concat() != images, "the image was there");
        write(&path, &rest.concat());
        self
    }

    /// Changes what Compose makes of `service`'s configuration: an edit of the orchestration file.
    pub(crate) fn edited(&self, service: &str) {
        self.of_service(service, "hash", &format!("edited-{service}\n"));
    }

    /// Adds `service`, as Compose's JSON has it, which runs `image` and does what `behaviour` says.
    pub(crate) fn service(mut self, service: &str, json: Value, behaviour: &str) -> Self {
        let image = json["image"].as_str().unwrap_or("redis:8").to_owned();
        self.model["services"][service] = json;
        self.model["services"][service]["image"] = image.clone().into();
        for (file, text) in
            [("image", image), ("hash", format!("hash-{service}")), ("behaviour", behaviour.to_owned()), ("check", String::new())]
        {
            self.of_service(service, file, &format!("{text}\n"));
        }
        self.of_service(service, "log", "");
        self
    }

    /// Scales `service` to so many containers.
    pub(crate) fn scaled(&mut self, service: &str, replicas: u32) {
        self.model["services"][service]["deploy"] = json!({ "replicas": replicas });
        self.of_service(service, "replicas", &format!("{replicas}\n"));
    }

    /// The engine restarts containers of `service` by this policy.
    pub(crate) fn policy(self, service: &str, policy: &str) -> Self {
        self.of_service(service, "policy", &format!("{policy}\n"));
        self
    }

    /// The image of `service` has a health check.
    pub(crate) fn image_checks(self, service: &str) -> Self {
        self.of_service(service, "health", "{\"Test\":[\"CMD\",\"true\"]}\n");
        self
    }

    /// Takes `service` out of the compose files; what it has on the engine stays.
    pub(crate) fn deleted(&mut self, service: &str) {
        self.model["services"].as_object_mut().expect("an object").remove(service);
        self.of_service(service, "gone", "");
    }

    /// What a file about `service` says on the engine.
    pub(crate) fn of(&self, service: &str, file: &str, text: &str) {
        self.of_service(service, file, &format!("{text}\n"));
    }

    /// The next containers of `service` get this hash as their label, whatever Compose prints.
    pub(crate) fn labelled(&self, service: &str, label: &str) {
        self.of(service, "label", label);
    }

    /// Changes what Compose makes of `service`'s configuration once more.
    pub(crate) fn edited_again(&self, service: &str) {
        self.of(service, "hash", &format!("edited-again-{service}"));
    }

    /// Answers calls of `docker` that match `pattern` (as in a shell's `case`) with `reply`, from now on. The first pattern that matches counts.
    pub(crate) fn docker(self, pattern: &str, reply: Reply) -> Self {
        let number = self.replies.replace(self.replies.get() + 1);
        let Reply { code, stdout, stderr } = reply;
        for (file, text) in [("pattern", format!("{pattern}\n")), ("stdout", stdout), ("stderr", stderr), ("code", format!("{code}\n"))] {
            self.engine(&format!("replies/{number:02}/{file}"), &text);
        }
        self
    }

    /// Lets `docker events` stay connected and print nothing.
    pub(crate) fn silent_events(self) -> Self {
        self.engine("silent", "");
        self
    }

    /// Says that the containers were made from `infra`, the directory of another checkout.
    pub(crate) fn moved(&self, infra: &str) {
        for id in self.names("containers") {
            self.engine(&format!("containers/{id}/working_dir"), &format!("{infra}\n"));
        }
    }

    /// Ends the container of `service` between two runs.
    pub(crate) fn kill(&self, service: &str) {
        let state = format!("containers/c-slipway-{service}/state");
        let text = std::fs::read_to_string(self.dir.path().join("engine").join(&state)).expect("readable");
        let run = text.trim().rsplit(' ').next().expect("a number");
        self.engine(&state, &format!("exited - 137 {run}\n"));
    }

    /// Removes the container of `service` between two runs.
    pub(crate) fn remove(&self, service: &str) {
        std::fs::remove_dir_all(self.dir.path().join(format!("engine/containers/c-slipway-{service}"))).expect("removed");
    }

    /// Removes a volume, as another hand does between two runs.
    pub(crate) fn lose_volume(&self, name: &str) {
        std::fs::remove_dir(self.dir.path().join("engine/volumes").join(name)).expect("removed");
    }

    /// A machine whose PATH has these programs instead of `docker`.
    pub(crate) fn programs(self, names: &[&str]) -> Self {
        let bin = self.dir.path().join("bin");
        let docker = std::fs::read_link(bin.join("docker")).expect("a link");
        std::fs::remove_file(bin.join("docker")).expect("removed");
        for name in names {
            symlink(&docker, bin.join(name)).expect("linked");
        }
        self
    }

    /// A machine that has the program `name` beside `docker`: a script of the shell, which finds no others.
    pub(crate) fn program(self, name: &str, script: &str) -> Self {
        let path = self.dir.path().join("bin").join(name);
        write(&path, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
        self
    }

    /// Holds `docker compose create` until [`release`](Self::release).
    pub(crate) fn hold_create(self) -> Self {
        self.engine("held", "");
        self
    }

    /// Lets what is held go on.
    pub(crate) fn release(&self) {
        self.engine("released", "");
    }

    /// The state of each container: `db running`, `migrate exited`.
    pub(crate) fn containers(&self) -> Vec<String> {
        let read = |path: &Path| std::fs::read_to_string(path).expect("readable");
        let dirs = self.names("containers").into_iter().map(|id| self.dir.path().join("engine/containers").join(id));
        let line = |dir: PathBuf| {
            let state = read(&dir.join("state"));
            format!("{} {}", read(&dir.join("service")).trim(), state.split(' ').next().unwrap_or_default())
        };
        dirs.map(line).collect()
    }

    /// The directory that each container was made from.
    pub(crate) fn working_dirs(&self) -> Vec<PathBuf> {
        let path = |id: String| self.dir.path().join(format!("engine/containers/{id}/working_dir"));
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("readable").trim().into();
        self.names("containers").into_iter().map(path).map(read).collect()
    }

    /// The host port of the container `id`.
    pub(crate) fn published(&self, id: &str) -> u16 {
        let text = std::fs::read_to_string(self.dir.path().join(format!("engine/containers/{id}/port"))).expect("readable");
        text.trim().parse().expect("a port")
    }

    /// The names of everything that the engine has of a project: containers, volumes, networks.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        ["containers", "volumes", "networks"].iter().flat_map(|kind| self.names(kind)).collect()
    }

    fn names(&self, kind: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("engine").join(kind)).expect("readable").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("created");
    std::fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// A port that nobody listens on, and that no other test here got.
fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().expect("no test panics here");
    loop {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        if given.get_or_insert_default().insert(port) {
            return port;
        }
    }
}
