//! How containers ended lately. The engine keeps the exit code of a run until the next one begins, and the last 256 events of everything on it: health
//! checks push out what happened more than about a minute ago.

use std::collections::BTreeMap;

use super::events::Line;
use crate::commands;
use crate::logs::Stamp;

/// How a run of a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Of its main process.
    pub(crate) exit_code: i64,
    /// Whether a process of it was ended for want of memory.
    pub(crate) out_of_memory: bool,
}

/// The last end of each container of `project` that the engine remembers, by id.
///
/// # Errors
/// When `docker` cannot be started.
pub(crate) fn recent(project: &str) -> anyhow::Result<BTreeMap<String, End>> {
    Ok(parse(&commands::engine::ends(project, &Stamp::now().to_string()).capture()?.stdout))
}

/// Reads lines of `docker events --format json`.
fn parse(text: &str) -> BTreeMap<String, End> {
    let (mut ends, mut out_of_memory) = (BTreeMap::new(), Vec::new());
    for line in text.lines().filter_map(Line::parse) {
        let (exit_code, id) = (line.exit_code(), line.actor.id);
        match line.action.as_str() {
            "oom" => out_of_memory.push(id),
            "die" => {
                let before = out_of_memory.len();
                out_of_memory.retain(|other| *other != id);
                ends.insert(id, End { exit_code, out_of_memory: out_of_memory.len() < before });
            }
            _ => {}
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_end_counts() {
        let line = |action: &str, id: &str, code: &str| {
            format!("{{\"Action\":\"{action}\",\"Actor\":{{\"ID\":\"{id}\",\"Attributes\":{{\"exitCode\":\"{code}\"}}}}}}\n")
        };
        let text = [line("oom", "a", ""), line("die", "b", "3"), line("die", "a", "137"), line("start", "a", ""), line("die", "b", "4")];
        let ends = parse(&format!("warning: text\n{}", text.concat()));
        assert_eq!(ends["a"], End { exit_code: 137, out_of_memory: true });
        assert_eq!(ends["b"], End { exit_code: 4, out_of_memory: false });
        // The next end of it may have another reason.
        assert_eq!(parse(&format!("{}{}", text.concat(), line("die", "a", "1")))["a"], End { exit_code: 1, out_of_memory: false });
    }
}
