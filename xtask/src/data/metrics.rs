//! What is known of backups, for Prometheus: a file beside them, as node_exporter's textfile collector reads it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use backup::time;

use super::agent;
use super::store::{self, Backup};
use crate::model::Model;
use crate::report::Volume;
use crate::stack::Stack;

/// Its directory in that of the backups: whoever serves it sees nothing else of them.
pub(crate) const DIRECTORY: &str = "metrics";
const FILE: &str = "backup.prom";

/// Writes it where a service of `model` has it mounted, so that it says that there is no backup where there is none.
///
/// # Errors
/// When the directory of backups cannot be made.
pub(crate) fn prepare(stack: &Stack, model: &Model) -> anyhow::Result<()> {
    let end = Path::new(&stack.project.compose_name()).join(DIRECTORY);
    if model.services.values().any(|service| service.binds().any(|(path, _)| path.ends_with(&end))) {
        let directory = agent::directory(stack);
        agent::prepare(&directory)?;
        record(&directory);
    }
    Ok(())
}

/// Writes what there is to say of the backups in `directory`. A failure is only told: the backups are as good without.
pub(crate) fn record(directory: &Path) {
    if let Err(error) = try_record(directory) {
        let hint = "what Prometheus is told of backups is old now";
        Volume::Normal.say(format!("warning: {error:#}; {hint}"));
    }
}

fn try_record(directory: &Path) -> anyhow::Result<()> {
    let text = text(&store::list(directory)?);
    let directory = directory.join(DIRECTORY);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    // The collector reads names that end in `.prom` only, and so never a half of it.
    let (path, new) = (directory.join(FILE), directory.join(format!("{FILE}.new")));
    std::fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
    // The collector is nobody: there is nothing to hide in it.
    #[cfg(unix)]
    for (path, mode) in [(&directory, 0o755), (&new, 0o644)] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .with_context(|| format!("cannot let others read {}", path.display()))?;
    }
    std::fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
}

/// The metrics of `backups`, oldest first. What never happened has no time.
fn text(backups: &[Backup]) -> String {
    let newest = backups.last();
    let verified = backups.iter().filter_map(|backup| time::parse(backup.verified_at.as_deref()?)).max();
    let metrics = [
        ("slipway_backup_count", "Backups that are there.", Some(backups.len() as u64)),
        ("slipway_backup_last_success_timestamp_seconds", "When the newest backup was made.", newest.map(Backup::time)),
        ("slipway_backup_last_verified_timestamp_seconds", "When a backup was last read and found to be as it was.", verified),
        ("slipway_backup_last_bytes", "Size of the newest backup, or of what it added to its repository.", newest.map(Backup::bytes)),
    ];
    let mut text = String::new();
    for (name, help, value) in metrics {
        if let Some(value) = value {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::store::tests::backup;

    #[test]
    fn the_newest_and_the_last_verification_are_told() {
        let [mut first, second] = ["20261121T224501Z", "20261121T224502Z"].map(backup);
        first.verified_at = Some("2026-11-22T00:00:00Z".to_owned());
        insta::assert_snapshot!(text(&[first, second]), @r"
        # HELP slipway_backup_count Backups that are there.
        # TYPE slipway_backup_count gauge
        slipway_backup_count 2
        # HELP slipway_backup_last_success_timestamp_seconds When the newest backup was made.
        # TYPE slipway_backup_last_success_timestamp_seconds gauge
        slipway_backup_last_success_timestamp_seconds 1795301102
        # HELP slipway_backup_last_verified_timestamp_seconds When a backup was last read and found to be as it was.
        # TYPE slipway_backup_last_verified_timestamp_seconds gauge
        slipway_backup_last_verified_timestamp_seconds 1795305600
        # HELP slipway_backup_last_bytes Size of the newest backup, or of what it added to its repository.
        # TYPE slipway_backup_last_bytes gauge
        slipway_backup_last_bytes 2048
        ");
        insta::assert_snapshot!(text(&[]), @r"
        # HELP slipway_backup_count Backups that are there.
        # TYPE slipway_backup_count gauge
        slipway_backup_count 0
        ");
    }

    #[test]
    fn the_file_is_no_backup_and_everybody_can_read_it() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join(DIRECTORY)).expect("made");
        std::fs::write(dir.path().join(DIRECTORY).join(FILE), "old").expect("written");
        record(dir.path());
        assert_eq!(store::list(dir.path()).expect("readable"), []);
        let names: Vec<_> =
            std::fs::read_dir(dir.path().join(DIRECTORY)).expect("readable").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, [FILE]);
        let file = dir.path().join(DIRECTORY).join(FILE);
        assert_eq!(std::fs::read_to_string(&file).expect("readable"), text(&[]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o644);
        }
    }
}
