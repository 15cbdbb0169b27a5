//! What the lines say that loops, cargo and containers write.

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::journal::Line;

/// A change as the hub tells it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Change {
    /// When it was decided that there is one, RFC 3339.
    pub(crate) at: String,
    /// How far it is.
    pub(crate) phase: String,
    /// From the first event of the system to the decision.
    pub(crate) detect_ms: f64,
    /// Cargo.
    pub(crate) build_ms: Option<f64>,
    /// From the end of cargo to the new processes.
    pub(crate) swap_ms: Option<f64>,
    /// What changed.
    pub(crate) paths: Vec<String>,
}

/// The last change of a file that ends with `path` and has come to its end.
pub(crate) fn change(lines: &[Line], path: &str) -> Option<Change> {
    let changes = lines.iter().rev().filter_map(|(_, line)| serde_json::from_str::<Change>(line.strip_prefix("data: ")?).ok());
    changes.into_iter().find(|change| change.phase == "done" && change.paths.iter().any(|changed| changed.ends_with(path)))
}

/// When `docker compose watch` began to act on an edit.
pub(crate) fn compose_decided(lines: &[Line]) -> Option<f64> {
    lines.iter().find(|(_, line)| line.contains("after changes were detected")).map(|(at, _)| *at)
}

/// When `watchexec` ran its command.
pub(crate) fn watchexec_decided(lines: &[Line]) -> Option<f64> {
    lines.iter().find(|(_, line)| line.contains("[Running:")).map(|(at, _)| *at)
}

/// When `text` was first said.
pub(crate) fn said(lines: &[Line], text: &str) -> Option<f64> {
    lines.iter().find(|(_, line)| plain(line).contains(text)).map(|(at, _)| *at)
}

/// How long cargo says that it took.
pub(crate) fn cargo(lines: &[Line]) -> Option<f64> {
    lines.iter().rev().map(|(_, line)| plain(line)).find_map(|line| {
        let (_, rest) = line.split_once("Finished ")?;
        seconds(rest.rsplit_once(" in ")?.1.trim())
    })
}

/// A time as cargo writes it: `4.07s` or `1m 02s`.
fn seconds(text: &str) -> Option<f64> {
    let (minutes, rest) = text.split_once("m ").unwrap_or(("0", text));
    let (minutes, seconds): (f64, f64) = (minutes.parse().ok()?, rest.strip_suffix('s')?.parse().ok()?);
    Some(((minutes * 60.0 + seconds) * 1000.0).round())
}

/// A line without the sequences that colour it.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// The lines of `docker logs --timestamps` with the engine's times.
pub(crate) fn logged(text: &str) -> Vec<Line> {
    let lines = text.lines().filter_map(|line| {
        let (at, line) = line.split_once(' ')?;
        Some((moment(at)?, line.to_owned()))
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.sort_by(|left, right| left.0.total_cmp(&right.0));
    lines
}

/// An RFC 3339 time in milliseconds.
pub(crate) fn moment(text: &str) -> Option<f64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some((time.unix_timestamp_nanos() / 1000) as f64 / 1000.0)
}

/// When linking began and ended, from what stands behind the end of a program.
pub(crate) fn linked(end: &str) -> Option<(f64, f64)> {
    let (_, times) = end.rsplit_once("\nlinked ")?;
    let (begin, end) = times.trim().split_once(' ')?;
    Some((begin.parse().ok()?, end.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().zip(1..).map(|(text, at)| (f64::from(at), (*text).to_owned())).collect()
    }

    #[test]
    fn changes_come_from_the_hub() {
        let data = |phase: &str, path: &str| {
            format!(
                r#"data: {{"id":3,"at":"2026-01-02T03:04:05.5Z","phase":"{phase}","detect_ms":21,"build_ms":900,"swap_ms":null,"what":[],"paths":["{path}"]}}"#
            )
        };
        let said = [data("done", "a/version.rs"), data("building", "a/version.rs"), data("done", "b.css"), "event: change".to_owned()];
        let said = lines(&said.each_ref().map(String::as_str));
        let found = change(&said, "version.rs").unwrap();
        assert_eq!((found.detect_ms, found.build_ms, found.swap_ms), (21.0, Some(900.0), None));
        assert_eq!(moment(&found.at), Some(1_767_323_045_500.0));
        assert_eq!(change(&said[1..], "version.rs"), None);
    }

    #[test]
    fn decisions_are_found() {
        let said = lines(&["watch enabled", "Syncing \"backend\" after changes were detected:", "[Running: cargo run]"]);
        assert_eq!((compose_decided(&said), watchexec_decided(&said), compose_decided(&said[..1])), (Some(2.0), Some(3.0), None));
    }

    #[test]
    fn cargo_says_how_long_it_took() {
        let coloured = "\u{1b}[1m\u{1b}[32m    Finished\u{1b}[0m `dev` profile [unoptimized + debuginfo] target(s) in 4.07s";
        assert_eq!(cargo(&lines(&["Finished `dev` profile target(s) in 0.10s", coloured])), Some(4070.0));
        assert_eq!(cargo(&lines(&["#17 62.1     Finished `dev` profile [x] target(s) in 1m 02s"])), Some(62_000.0));
        assert_eq!(cargo(&lines(&["Compiling backend", "Finished in time"])), None);
    }

    #[test]
    fn logs_have_the_times_of_the_engine() {
        let text = "2026-01-02T03:04:06Z b c\n2026-01-02T03:04:05.25Z a\nno time\n";
        assert_eq!(logged(text), [(1_767_323_045_250.0, "a".to_owned()), (1_767_323_046_000.0, "b c".to_owned())]);
    }

    #[test]
    fn programs_carry_the_times_of_their_linker() {
        assert_eq!(linked("\u{0}\u{0}\nlinked 1767323045250 1767323046000\n"), Some((1_767_323_045_250.0, 1_767_323_046_000.0)));
        assert_eq!(linked("an ELF file ends here"), None);
    }
}
