//! Files that changed although their times are old: restored from somewhere, moved, or unpacked. Cargo compares times, and would not see them.
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Marks those of `paths` below `workspace` as changed now that look unchanged since `last_start`, when cargo last looked. Returns what could not be marked.
pub(super) fn touch(workspace: &Path, paths: &[PathBuf], last_start: Option<SystemTime>) -> Vec<String> {
    let mut problems = Vec::new();
    for path in paths {
        if let Err(error) = touch_one(workspace, path, last_start) {
            problems.push(format!("warning: `{}` changed, but cannot be marked as changed: {error}", path.display()));
        }
    }
    problems
}

fn touch_one(workspace: &Path, path: &Path, last_start: Option<SystemTime>) -> io::Result<()> {
    if !path.components().all(|component| matches!(component, Component::Normal(_))) {
        return Err(io::Error::other("it is not a path below the workspace"));
    }
    let real = match fs::canonicalize(workspace.join(path)) {
        // It was removed: that is seen by its directory.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        real => real?,
    };
    if !real.starts_with(workspace) {
        return Err(io::Error::other("a link leads out of the workspace"));
    }
    let metadata = fs::metadata(&real)?;
    if metadata.is_file() && last_start.is_none_or(|start| metadata.modified().is_ok_and(|modified| modified <= start)) {
        File::open(&real)?.set_modified(SystemTime::now())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    #[test]
    fn old_files_below_the_workspace_are_marked_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        let workspace = root.join("workspace");
        fs::create_dir(&workspace).unwrap();
        let old = SystemTime::now() - Duration::from_secs(1000);
        let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let make = |path: PathBuf, time| {
            fs::write(&path, "").unwrap();
            File::open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        let (restored, outside) = (make(workspace.join("restored.rs"), old), make(root.join("outside.rs"), old));
        let newer = make(workspace.join("newer.rs"), old + Duration::from_secs(500));
        symlink(&outside, workspace.join("link.rs")).unwrap();

        let paths = ["restored.rs", "newer.rs", "link.rs", "../outside.rs", "removed.rs"].map(PathBuf::from);
        let last_start = old + Duration::from_secs(100);
        let problems = touch(&workspace, &paths, Some(last_start));
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(time(&restored) > last_start);
        assert_eq!((time(&newer), time(&outside)), (old + Duration::from_secs(500), old));
    }
}
