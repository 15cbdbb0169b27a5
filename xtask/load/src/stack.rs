//! The containers of the stack: what they are told, and the memory they use.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The services whose memory is of interest, in the order of the tables.
pub(crate) const SERVICES: [&str; 6] = ["proxy", "frontend", "backend", "worker", "db", "redis"];

/// How often memory is looked at while something goes on.
const SAMPLE: Duration = Duration::from_millis(250);

/// A running stack.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    project: String,
}

/// Bytes by service.
pub(crate) type Memory = BTreeMap<&'static str, u64>;

/// Memory that is sampled until somebody asks for it.
pub(crate) struct Sampling {
    stop: oneshot::Sender<()>,
    samples: JoinHandle<anyhow::Result<Vec<Memory>>>,
}

impl Stack {
    pub(crate) fn new(project: &str) -> Self {
        Self { project: project.to_owned() }
    }

    /// Runs a program in the container of `service`; returns what it writes.
    async fn exec(&self, service: &str, command: &[&str]) -> anyhow::Result<String> {
        let container = format!("{}-{service}-1", self.project);
        let output = Command::new("docker").args(["exec", &container]).args(command).stdin(Stdio::null()).output().await?;
        if !output.status.success() {
            bail!("`{}` in {container}: {}", command.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Adds made-up tasks; returns the address and the password of a made-up account.
    pub(crate) async fn seed(&self, tasks: u32) -> anyhow::Result<(String, String)> {
        let said = self.exec("backend", &["backend", "seed", "--yes", "--tasks", &tasks.to_string()]).await?;
        let mut words = said.split_whitespace().map(str::to_owned);
        words.next().zip(words.next()).with_context(|| format!("`backend seed` names no account: {said}"))
    }

    /// What the database makes durable by itself some time later, now: otherwise it would do so during a measurement.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let psql = ["psql", "--username=slipway", "--dbname=slipway", "--command=VACUUM ANALYZE tasks", "--command=CHECKPOINT"];
        self.exec("db", &psql).await.map(drop)
    }

    /// The memory that `service` could not give back: its own pages and shared ones, files in memory included, the cache of files on disk left out.
    async fn memory_of(&self, service: &str) -> anyhow::Result<u64> {
        // One of the two is there: control groups of version 2, or of version 1.
        let script = "cat /sys/fs/cgroup/memory.stat 2>/dev/null || cat /sys/fs/cgroup/memory/memory.stat";
        let stat = self.exec(service, &["sh", "-c", script]).await?;
        let value = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let own = value("anon ").or_else(|| value("total_rss ")).with_context(|| format!("no memory in {stat}"))?;
        Ok(own + value("shmem ").or_else(|| value("total_shmem ")).unwrap_or(0))
    }

    /// The memory of some services.
    pub(crate) async fn memory(&self, services: &[&'static str]) -> anyhow::Result<Memory> {
        let one = async |service: &'static str| anyhow::Ok((service, self.memory_of(service).await?));
        Ok(futures_util::future::try_join_all(services.iter().map(|service| one(service))).await?.into_iter().collect())
    }

    /// Looks at the memory of some services until [`Sampling::most`].
    pub(crate) fn sample(&self, services: &'static [&'static str]) -> Sampling {
        let (stop, mut stopped) = oneshot::channel();
        let stack = self.clone();
        let samples = tokio::spawn(async move {
            let mut samples = Vec::new();
            loop {
                samples.push(stack.memory(services).await?);
                tokio::select! {
                    _ = &mut stopped => return Ok(samples),
                    () = tokio::time::sleep(SAMPLE) => {}
                }
            }
        });
        Sampling { stop, samples }
    }
}

impl Sampling {
    /// The most of each service.
    pub(crate) async fn most(self) -> anyhow::Result<Memory> {
        let _ = self.stop.send(());
        let mut most = Memory::new();
        for (service, bytes) in self.samples.await??.into_iter().flatten() {
            let known = most.entry(service).or_default();
            *known = bytes.max(*known);
        }
        Ok(most)
    }
}
