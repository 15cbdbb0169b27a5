//! `status`: every service with its health, on one screen.

use std::collections::BTreeMap;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Context;
use crate::commands;
use crate::engine::containers::Container;
use crate::report::{human_bytes, product, table};
use crate::stack::Stack;
use crate::{ports, start};

/// Show each service: state, health, last check, restarts, processor and memory use
#[derive(Args)]
pub(crate) struct Status {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints. Fields are added, never renamed.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    environment: String,
    instance: String,
    project: String,
    url: Option<String>,
    services: Vec<ServiceReport>,
}

#[derive(Debug, Serialize)]
struct ServiceReport {
    name: String,
    state: String,
    health: Option<String>,
    since: Option<String>,
    last_check: Option<CheckReport>,
    restarts: u64,
    image: String,
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    memory_limit_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    at: String,
    ok: bool,
    output: String,
}

/// A line of `docker stats --format json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatsLine {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "CPUPerc")]
    cpu: String,
    #[serde(rename = "MemUsage")]
    memory: String,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        let containers = stack.containers()?;
        let running = start::undo::running(&containers);
        let usage = if running.is_empty() { BTreeMap::new() } else { parse_stats(&commands::engine::stats(&running).read()?) };
        let report = Report::new(&stack, &containers, &usage);
        if self.json {
            product(serde_json::to_string_pretty(&report)?);
        } else if report.services.is_empty() {
            product(format!("{} is not running; `cargo xtask up{}` starts it", report.project, stack.project.flags()));
        } else {
            product(report.render());
        }
        Ok(())
    }
}

impl Report {
    fn new(stack: &Stack, containers: &[Container], usage: &BTreeMap<String, (f64, u64)>) -> Self {
        let proxy = containers.iter().find(|container| container.service() == ports::PROXY.0 && container.running());
        Self {
            schema: 1,
            environment: stack.project.environment.clone(),
            instance: stack.project.instance.clone(),
            project: stack.project.compose_name(),
            url: proxy.and_then(|proxy| ports::current(&stack.environment, proxy)).map(|address| address.url()),
            services: containers.iter().map(|container| ServiceReport::new(container, usage.get(&container.id))).collect(),
        }
    }

    fn render(&self) -> String {
        let rows: Vec<[String; 8]> = self.services.iter().map(ServiceReport::row).collect();
        let head = ["SERVICE", "STATE", "HEALTH", "SINCE", "RESTARTS", "CPU", "MEMORY", "LAST CHECK"];
        let url = self.url.as_ref().map(|url| format!("{url}\n")).unwrap_or_default();
        format!("{}, environment {}\n{url}\n{}", self.project, self.environment, table(head, &rows))
    }
}

impl ServiceReport {
    fn new(container: &Container, usage: Option<&(f64, u64)>) -> Self {
        let state = &container.state;
        let moment = if container.running() { &state.started_at } else { &state.finished_at };
        let last_check = container.last_check().map(|check| CheckReport {
            at: check.end.clone(),
            ok: check.exit_code == 0,
            output: check.output.trim().to_owned(),
        });
        Self {
            name: container.service().to_owned(),
            state: if container.completed() { "completed".to_owned() } else { state.status.clone() },
            health: container.health().map(str::to_owned),
            since: Some(moment.clone()).filter(|moment| !moment.starts_with("0001-")),
            last_check: last_check.filter(|_| container.running()),
            restarts: container.restart_count,
            image: container.image_name().to_owned(),
            cpu_percent: usage.map(|(cpu, _)| *cpu),
            memory_bytes: usage.map(|(_, memory)| *memory),
            memory_limit_bytes: Some(container.memory_limit()).filter(|limit| *limit > 0),
        }
    }

    fn row(&self) -> [String; 8] {
        let dash = || "-".to_owned();
        let memory = match (self.memory_bytes, self.memory_limit_bytes) {
            (Some(used), Some(limit)) => format!("{} of {}", human_bytes(used), human_bytes(limit)),
            (Some(used), None) => human_bytes(used),
            _ => dash(),
        };
        let check = self.last_check.as_ref().map_or_else(dash, |check| {
            let output = check.output.lines().next().unwrap_or_default();
            let verdict = if check.ok { "ok" } else { "failed" };
            format!("{} {verdict} {output}", clock(&check.at)).trim_end().to_owned()
        });
        [
            self.name.clone(),
            self.state.clone(),
            self.health.clone().unwrap_or_else(dash),
            self.since.as_deref().map_or_else(dash, clock),
            self.restarts.to_string(),
            self.cpu_percent.map_or_else(dash, |cpu| format!("{cpu:.1}%")),
            memory,
            check,
        ]
    }
}

/// `2026-11-21T02:15:00.123456789Z` → `2026-11-21 02:15:00`.
fn clock(moment: &str) -> String {
    moment.get(..19).unwrap_or(moment).replace('T', " ")
}

/// Processor percent and memory bytes by container id.
fn parse_stats(text: &str) -> BTreeMap<String, (f64, u64)> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<StatsLine>(line).ok());
    lines
        .filter_map(|line| Some((line.id, (line.cpu.trim_end_matches('%').parse().ok()?, parse_bytes(line.memory.split('/').next()?)?))))
        .collect()
}

/// `29.5MiB` → bytes, in the units that `docker stats` prints.
fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..digits].trim().parse().ok()?;
    let factor = match &text[digits..] {
        "B" => 1.0,
        "KiB" | "kB" => 1024.0,
        "MiB" | "MB" => 1024.0 * 1024.0,
        "GiB" | "GB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    // A whole number of bytes is all that is meant; the fraction is the rounding of the text.
    Some((number * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    fn report() -> Report {
        let usage = BTreeMap::from([("id-db".to_owned(), (12.5, 29 << 20))]);
        let containers =
            [sample("db", "running", Some("healthy")), sample("migrate", "exited", None), sample("proxy", "running", Some("starting"))];
        Report {
            schema: 1,
            environment: "local".to_owned(),
            instance: "main".to_owned(),
            project: "slipway".to_owned(),
            url: Some("http://localhost:8080".to_owned()),
            services: containers.iter().map(|container| ServiceReport::new(container, usage.get(&container.id))).collect(),
        }
    }

    #[test]
    fn the_table_is_one_screen() {
        insta::assert_snapshot!(report().render());
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&report()).expect("serializable"));
    }

    #[test]
    fn stats_are_read() {
        let line = r#"{"BlockIO":"0B / 0B","CPUPerc":"1.25%","Container":"x","ID":"abc","MemPerc":"1%","MemUsage":"29.5MiB / 512MiB","Name":"n","NetIO":"","PIDs":"7"}"#;
        assert_eq!(parse_stats(line), BTreeMap::from([("abc".to_owned(), (1.25, 30_932_992))]));
        assert_eq!(["0B", "1.5GiB", "12kB", "many"].map(parse_bytes), [Some(0), Some(1_610_612_736), Some(12_288), None]);
    }
}
