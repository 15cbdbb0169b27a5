//! What restic says of itself: JSON lines, and exit codes that tell apart what a person does about them.

use backup::Event;
use serde::Deserialize;

use crate::agent::failure::Failure;
use crate::agent::process::Ended;

/// Exit codes of restic.
pub(super) const UNREADABLE: i32 = 3;
pub(super) const ABSENT: i32 = 10;
pub(super) const LOCKED: i32 = 11;
const WRONG_KEY: i32 = 12;

/// A line of stdout or stderr.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    message_type: String,
    // Of `status`.
    total_bytes: u64,
    bytes_done: u64,
    bytes_restored: u64,
    // Of `summary`.
    snapshot_id: String,
    data_added_packed: u64,
    total_files_processed: u64,
    total_bytes_processed: u64,
    // Of `error` and `exit_error`.
    item: String,
    error: Reason,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reason {
    message: String,
}

/// What a line of `restic backup --json` or `restic restore --json` means.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// How far it is.
    Progress(Event),
    /// The snapshot is there.
    Summary(Summary),
    /// Nothing that matters here.
    Other,
}

/// What restic says of a new snapshot.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Summary {
    /// Its id.
    pub(super) id: String,
    /// The bytes by which the repository is larger.
    pub(super) added: u64,
    /// How many files it has, each of its names counted.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

/// Understands a line of stdout, of what people know as `part`.
pub(super) fn line(text: &str, part: &str) -> Line {
    let message: Message = serde_json::from_str(text).unwrap_or_default();
    match message.message_type.as_str() {
        "status" => {
            // The total grows until all names are known. One of both is always none.
            let (total, bytes) = (Some(message.total_bytes).filter(|total| *total > 0), message.bytes_done.max(message.bytes_restored));
            Line::Progress(Event::Progress { part: part.to_owned(), bytes, total })
        }
        "summary" => Line::Summary(Summary {
            id: message.snapshot_id,
            added: message.data_added_packed,
            files: message.total_files_processed,
            bytes: message.total_bytes_processed,
        }),
        _ => Line::Other,
    }
}

/// The files that could not be read, and why.
pub(super) fn unreadable(stderr: &str) -> Vec<String> {
    let messages = stderr.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages
        .filter(|message| message.message_type == "error")
        .map(|message| format!("{}: {}", message.item, message.error.message))
        .collect()
}

/// What restic says on stderr, for people.
fn reasons(stderr: &str) -> Vec<String> {
    let reason = |line: &str| match serde_json::from_str::<Message>(line) {
        Ok(message) if message.message_type == "exit_error" => message.message.trim_start_matches("Fatal: ").to_owned(),
        Ok(message) if message.message_type == "error" => {
            let place = if message.item.is_empty() { String::new() } else { format!("{}: ", message.item) };
            format!("{place}{}", message.error.message)
        }
        Ok(_) => String::new(),
        Err(_) => line.trim_start_matches("Fatal: ").to_owned(),
    };
    let lines = stderr.lines().map(reason).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let lines: Vec<String> = lines.filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].to_vec()
}

/// The failure of a run that ended so, at the repository `address`.
pub(super) fn failure(ended: &Ended, address: &str) -> Failure {
    match ended.code {
        Some(ABSENT) => Failure::new(format!("there is no repository at {address}"))
            .hint("`backup.repository` names it; is its disk mounted? `cargo xtask backup` makes a new one where none was"),
        Some(LOCKED) => reasons(&ended.said)
            .into_iter()
            .fold(Failure::new(format!("somebody else works with the repository {address}")), Failure::detail)
            .hint("wait for its end; a lock that nobody holds any more is passed over after half an hour"),
        Some(WRONG_KEY) => Failure::new(format!("the secret `backup_key` is not the key of the repository {address}"))
            .detail("nothing was changed")
            .hint("`cargo xtask secrets rotate backup_key <FILE` puts the key that it was made with into the secret's place"),
        code => {
            let how = code.map_or_else(|| "restic was ended by a signal".to_owned(), |code| format!("restic failed with exit code {code}"));
            let failure =
                reasons(&ended.said).into_iter().fold(Failure::new(format!("{how}, at the repository {address}")), Failure::detail);
            if ended.said.contains("no space left on device") { failure.hint("there is no room left: make some there") } else { failure }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: Option<i32>, said: &str) -> Event {
        crate::agent::failure::event(&failure(&Ended { code, said: said.to_owned() }, "/srv/backups").into())
    }

    #[test]
    fn lines_become_events() {
        let status =
            r#"{"message_type":"status","percent_done":0.5,"total_files":4,"total_bytes":60,"bytes_done":6,"current_files":["/a"]}"#;
        assert_eq!(
            line(status, "repository"),
            Line::Progress(Event::Progress { part: "repository".to_owned(), bytes: 6, total: Some(60) })
        );
        let summary = r#"{"message_type":"summary","files_new":4,"data_added":3130,"data_added_packed":1962,"total_files_processed":4,"total_bytes_processed":3001,"snapshot_id":"44cb"}"#;
        assert_eq!(line(summary, ""), Line::Summary(Summary { id: "44cb".to_owned(), added: 1962, files: 4, bytes: 3001 }));
        assert_eq!(["{}", "repository opened"].map(|text| line(text, "")), [Line::Other, Line::Other]);
    }

    #[test]
    fn files_that_vanished_are_named() {
        let said = "{\"message_type\":\"error\",\"error\":{\"message\":\"lstat /a: no such file\"},\"during\":\"archival\",\"item\":\"/a\"}\nnoise\n";
        assert_eq!(unreadable(said), ["/a: lstat /a: no such file"]);
    }

    #[test]
    fn each_exit_code_says_what_to_do() {
        let Event::Failed { message, hints, .. } =
            told(Some(12), r#"{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}"#)
        else {
            panic!("a failure")
        };
        assert!(message.contains("`backup_key`") && message.contains("/srv/backups"), "{message}");
        assert!(hints[0].contains("secrets rotate backup_key"), "{hints:?}");
        let failed = |details: &[&str]| Event::Failed {
            message: "restic failed with exit code 1, at the repository /srv/backups".to_owned(),
            details: details.iter().map(|text| (*text).to_owned()).collect(),
            hints: Vec::new(),
        };
        let said = "{\"message_type\":\"exit_error\",\"code\":1,\"message\":\"Fatal: a\\nb\"}\n{\"message_type\":\"error\",\"error\":{\"message\":\"c\"},\"item\":\"\"}\nplain\n";
        assert_eq!(told(Some(1), said), failed(&["a", "b", "c", "plain"]));
        let said = [(Some(10), "no repository at"), (Some(11), "somebody else"), (None, "by a signal")];
        for (code, part) in said {
            assert!(matches!(told(code, ""), Event::Failed { message, .. } if message.contains(part)), "{code:?}");
        }
    }
}
