//! `status` for people: a table that fits the terminal, and below it what is not as it should be. Pure; the time is an argument.

use std::time::Duration;

use super::report::{CheckReport, Guard, Report, ServiceReport};
use crate::data::interrupted;
use crate::logs::Stamp;
use crate::report::{columns, human, human_bytes};
use crate::terminal::clipped;

/// The columns that narrow terminals have no room for, the least important first.
const OPTIONAL: [&str; 2] = ["IMAGE", "PORTS"];
/// In less room than this, what a check wrote says nothing.
const OUTPUT: usize = 12;

/// The lines about `report` on a screen of `width` columns, which only the table keeps to.
pub(crate) fn render(report: &Report, width: usize, now: Stamp) -> Vec<String> {
    let restore: Vec<String> = report.interrupted_restore.map_or_else(Vec::new, |phase| {
        vec![format!("data: {}", interrupted::meaning(phase)), format!("  {}", interrupted::fix(&report.flags))]
    });
    if report.services.is_empty() {
        return [vec![format!("{} is not running; `cargo xtask up{}` starts it", report.project, report.flags)], restore].concat();
    }
    let guard = match report.guard {
        Guard::Running => ", guarded",
        Guard::Dev => ", `dev` is attached",
        Guard::Off | Guard::Missing => "",
    };
    let mut lines = vec![format!("{}, environment {}{guard}", report.project, report.environment)];
    lines.extend(report.url.clone());
    let well = report.smoke.as_ref().filter(|smoke| smoke.failed == 0);
    lines.extend(well.map(|smoke| format!("smoke: {} checks passed {} ago", smoke.passed, age(&smoke.at, now))));
    lines.push(String::new());
    lines.extend(table(report, width, now));
    let below = [restore, smoke(report, now), below(report, now)].concat();
    if !below.is_empty() {
        lines.push(String::new());
    }
    lines.extend(below);
    lines
}

/// What the last smoke test found, where that was not all as it should be.
fn smoke(report: &Report, now: Stamp) -> Vec<String> {
    let Some(smoke) = report.smoke.as_ref().filter(|smoke| smoke.failed > 0) else { return Vec::new() };
    let all = smoke.passed.saturating_add(smoke.failed);
    let found = format!("smoke: {} of {all} checks failed {} ago; broken: {}", smoke.failed, age(&smoke.at, now), smoke.broken.join(", "));
    vec![found, format!("  `cargo xtask smoke{}` asks again, and says what to do", report.flags)]
}

fn table(report: &Report, width: usize, now: Stamp) -> Vec<String> {
    let without = |left_out: &[&str]| {
        let row = |cells: Vec<(&str, String)>| -> Vec<String> {
            cells.into_iter().filter(|(name, _)| !left_out.contains(name)).map(|(_, cell)| cell).collect()
        };
        let head = row(["SERVICE", "STATE", "SINCE", "RESTARTS", "CPU", "MEMORY", "PORTS", "IMAGE", "LAST CHECK"]
            .map(|name| (name, name.to_owned()))
            .into());
        let rows = report.services.iter().map(|service| row(service.cells(report.label(service), now)));
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        columns(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()).lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let fits = |lines: &Vec<String>| lines.iter().all(|line| line.chars().count() <= width);
    let tables = (0..=OPTIONAL.len()).map(|count| without(&OPTIONAL[..count]));
    let lines = tables.reduce(|widest, narrower| if fits(&widest) { widest } else { narrower }).unwrap_or_default();
    // What the checks said takes whatever room is left.
    let (head, rows) = lines.split_at(1);
    let rows = rows.iter().zip(&report.services).map(|(line, service)| {
        let room = width.saturating_sub(line.chars().count());
        if room < OUTPUT { line.clone() } else { format!("{line}{}", service.output()) }
    });
    head.iter().cloned().chain(rows).map(|line| clipped(&line, width)).collect()
}

/// What is not well, what was restarted, and what to do.
fn below(report: &Report, now: Stamp) -> Vec<String> {
    let mut lines = Vec::new();
    for service in &report.services {
        let name = report.label(service);
        lines.extend(service.problem.as_ref().map(|problem| format!("{name}: {problem}")));
        let restart = service.last_restart.as_ref();
        lines.extend(restart.map(|restart| format!("{name}: restarted {} ago: {}", age(&restart.at, now), restart.why)));
        if service.given_up {
            lines.push(format!("{name}: the guard restarts it no more, which did not help"));
        }
        lines.extend(service.next.as_ref().map(|next| format!("  {next}")));
    }
    if report.guard == Guard::Missing {
        lines.push("guard: it does not run, so nobody restarts services that hang".to_owned());
        lines.push(format!("  `cargo xtask up{}` starts it", report.flags));
    }
    lines
}

impl ServiceReport {
    fn cells(&self, name: String, now: Stamp) -> Vec<(&'static str, String)> {
        let dash = || "-".to_owned();
        let state = match (&self.health, self.exit_code) {
            (Some(health), _) => health.clone(),
            (None, Some(code)) if self.problem.is_some() && self.state != "paused" => format!("exited {code}"),
            (None, _) => self.state.clone(),
        };
        let memory = match (self.memory_bytes, self.memory_limit_bytes) {
            (Some(used), Some(limit)) => format!("{} of {}", human_bytes(used), human_bytes(limit)),
            (Some(used), None) => human_bytes(used),
            _ => dash(),
        };
        let ports: Vec<String> =
            self.ports.iter().map(|port| format!("{}→{}", port.host, port.container.trim_end_matches("/tcp"))).collect();
        let check = |check: &CheckReport| format!("{}, {} ago", if check.ok { "ok" } else { "failed" }, age(&check.at, now));
        let restarts = self.restarts + self.guard_restarts as u64;
        vec![
            ("SERVICE", name),
            ("STATE", state),
            ("SINCE", self.since.as_deref().map_or_else(dash, |since| age(since, now))),
            ("RESTARTS", if restarts == 0 { dash() } else { restarts.to_string() }),
            ("CPU", self.cpu_percent.map_or_else(dash, |cpu| format!("{cpu:.1}%"))),
            ("MEMORY", memory),
            ("PORTS", if ports.is_empty() { dash() } else { ports.join(" ") }),
            ("IMAGE", self.image.clone()),
            ("LAST CHECK", self.last_check.as_ref().map_or_else(dash, check)),
        ]
    }

    /// The first line that the last check wrote.
    fn output(&self) -> String {
        let line = self.last_check.as_ref().and_then(|check| check.output.lines().next()).unwrap_or_default();
        if line.is_empty() { String::new() } else { format!(": {line}") }
    }
}

/// How long before `now` the moment `at` (RFC 3339) was.
fn age(at: &str, now: Stamp) -> String {
    let at = Stamp::parse(at.as_bytes()).unwrap_or(now);
    match now.0.saturating_sub(at.0) / 1_000_000_000 {
        seconds @ 0..=59 => format!("{seconds}s"),
        seconds => human(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::report::tests::broken;

    fn at(width: usize) -> String {
        let now = Stamp::parse(b"2026-01-01T00:01:15.9Z").expect("a time");
        render(&broken(), width, now).join("\n")
    }

    #[test]
    fn eighty_columns_are_enough() {
        insta::assert_snapshot!(at(80));
    }

    #[test]
    fn wider_screens_show_more() {
        insta::assert_snapshot!(at(120));
    }

    #[test]
    fn nothing_is_cut_where_there_is_no_screen() {
        let text = at(usize::MAX);
        assert!(text.contains("IMAGE") && text.contains("8080→80") && text.contains("ok, 1m14s ago: ok"), "{text}");
        assert!(!text.contains('…'), "{text}");
    }

    #[test]
    fn no_width_is_too_small() {
        for width in 0..130 {
            let table = at(width).lines().skip(3).take(9).map(|line| line.chars().count()).max();
            assert!(table <= Some(width), "{width}");
        }
    }
}
