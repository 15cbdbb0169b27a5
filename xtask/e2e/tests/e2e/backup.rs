//! Backups, restores and save points of real data, and what becomes of them when something breaks.

mod databases;
mod drill;
mod faults;
mod interrupted;
mod kept;
mod moment;
mod repository;
mod room;
mod round_trip;
mod savepoints;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::harness::checkout::Checkout;
use crate::harness::command::Outcome;
use crate::harness::{Stack, eventually};
use crate::start::free_port;

/// The agent's image, which is the same for all instances, and is built once.
fn agent_image(stack: &Stack) -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        stack.xtask(&["images", "build", "backup"]).good();
        let images = stack.xtask(&["images", "list"]).good().stdout;
        images.split_whitespace().find(|word| word.starts_with("slipway/backup:")).expect("the agent's image").to_owned()
    })
}

/// A stack of its own, with the data services and those that use them.
struct Ship {
    checkout: Checkout,
}

impl Ship {
    /// Starts `name` beside the shared stack.
    fn new(shared: &Stack, name: &str) -> Self {
        agent_image(shared);
        let checkout = Checkout::new(shared, name, &["worker"], free_port());
        // Its services are started often and hang rarely: a probe is a process, and there are many stacks.
        checkout.edit("infra/compose.yaml", "  interval: 3s\n", "  interval: 30s\n");
        // An earlier run may have left its backups.
        let _ = std::fs::remove_dir_all(checkout.path("backups"));
        Self { checkout }
    }

    /// The same, running.
    fn under_way(shared: &Stack, name: &str) -> Self {
        let mut ship = Self::new(shared, name);
        ship.up();
        ship
    }

    /// Starts all of it, and remembers where it answers.
    fn up(&mut self) {
        self.checkout.stack.url = self.stack().xtask(&["up"]).good().stdout.trim().to_owned();
    }

    /// Waits until the application has found its database and its Redis again.
    async fn ready(&self) {
        eventually("the stack is ready", Duration::from_secs(60), || async {
            let answer = self.stack().get("/api/v1/health/ready").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        })
        .await;
    }

    fn stack(&self) -> &Stack {
        &self.checkout.stack
    }

    fn backups(&self) -> PathBuf {
        self.checkout.path("backups").join(&self.stack().project)
    }

    /// Makes a backup; returns its name.
    fn backup(&self, flags: &[&str]) -> String {
        self.stack().xtask(&[&["backup"], flags].concat()).good().stdout.trim().to_owned()
    }

    fn file(&self, id: &str) -> PathBuf {
        self.backups().join(format!("{id}.tar.zst"))
    }

    /// What `backup list` says.
    fn listed(&self) -> Vec<Value> {
        let json: Value = serde_json::from_str(&self.stack().xtask(&["backup", "list", "--json"]).good().stdout).unwrap();
        json["backups"].as_array().unwrap().clone()
    }

    /// What runs a program of the agent's image as root, with the volumes of the stack at /media, /redis and /db: it has the tools.
    fn helper(&self, flags: &[&str], program: &str, args: &[&str]) -> Vec<String> {
        let project = &self.stack().project;
        let image = agent_image(self.stack());
        let mounts = [("media", "/media"), ("redis-data", "/redis"), ("postgres-data", "/db")]
            // An empty volume would get the owner of what the image has at that path.
            .map(|(volume, path)| format!("--volume={project}_{volume}:{path}:nocopy"));
        let fixed = ["run", "--rm", "--user", "0", "--network", "none", "--log-driver", "none", "--label", "com.docker.compose.project="];
        let mounts = mounts.each_ref().map(String::as_str);
        [&fixed[..], flags, &mounts, &["--entrypoint", program, image], args].concat().into_iter().map(str::to_owned).collect()
    }

    /// Runs a script in such a container.
    fn within(&self, script: &str) -> Outcome {
        let helper = self.helper(&[], "bash", &["-euc", script]);
        self.stack().docker(&helper.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// One number for all files below /media with their owners, modes, times, links, attributes and lists: by tar, and not by what is tested.
    fn tree(&self) -> String {
        let tar = "tar --create --format=posix --pax-option=delete=atime,delete=ctime --sort=name --numeric-owner --acls --xattrs --xattrs-include='*'";
        let script = format!(
            "cd /media; ls -A | grep -vx .slipway | tr '\\n' '\\0' | {tar} --null --files-from=- | sha256sum; stat -c '%a %u %g' /media"
        );
        self.within(&script).good().stdout
    }

    fn redis(&self, command: &[&str]) -> String {
        self.stack().exec("redis", &[&["redis-cli"], command].concat()).good().stdout.trim().to_owned()
    }

    fn sql(&self, sql: &str) -> Vec<String> {
        self.stack().query(sql)
    }

    /// Writes the same number into every kind of data.
    fn mark(&self, number: u32) {
        self.sql(&format!("CREATE TABLE IF NOT EXISTS mark (number int); TRUNCATE mark; INSERT INTO mark VALUES ({number})"));
        self.redis(&["set", "mark", &number.to_string()]);
        self.within(&format!(
            "echo {number} > /media/mark; rm -rf /media/of-*; mkdir /media/of-{number}; echo {number} > /media/of-{number}/file"
        ))
        .good();
    }

    /// The numbers that each kind of data has.
    fn marks(&self) -> [String; 4] {
        let files = self.within("cat /media/mark; cd /media; echo of-*").good().stdout;
        let mut files = files.lines().map(str::to_owned);
        let (file, directory) = (files.next().unwrap_or_default(), files.next().unwrap_or_default());
        [self.sql("SELECT number FROM mark").join(","), self.redis(&["get", "mark"]), file, directory.trim_start_matches("of-").to_owned()]
    }
}
