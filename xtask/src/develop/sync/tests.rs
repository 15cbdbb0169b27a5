//! Tests of what is selected, and of what refusals say.

use super::*;

fn edit(path: &str) -> Edit {
    let inside = Path::new(path).strip_prefix("src").expect("below src").to_owned();
    Edit { action: Action::Sync, path: path.into(), inside, target: Some("/app".to_owned()) }
}

/// What is selected of a tree with these files after an edit of these paths.
fn selected(files: &[&str], edits: &[&str]) -> (Vec<String>, Vec<String>) {
    let dir = tempfile::tempdir().expect("a directory");
    for file in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.with_file_name("")).expect("created");
        std::fs::write(path, file).expect("written");
    }
    let edits: Vec<Edit> = edits.iter().map(|path| edit(path)).collect();
    let Selection { gone, files } = Selection::of(dir.path(), &edits);
    let text = |name: Vec<u8>| String::from_utf8(name).expect("text");
    (gone.into_iter().map(text).collect(), files.into_keys().map(text).collect())
}

fn names(gone: &[&str], files: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    (owned(gone), owned(files))
}

#[test]
fn directories_come_before_what_is_in_them() {
    let all = ["src/a/b/c.py", "src/a-b/d.py", "src/e.py"];
    assert_eq!(selected(&all, &all), names(&[], &["/app/a", "/app/a-b", "/app/a-b/d.py", "/app/a/b", "/app/a/b/c.py", "/app/e.py"]));
}

#[test]
fn what_is_gone_is_gone_with_its_directory() {
    assert_eq!(selected(&["src/a/x.py"], &["src/a/y.py", "src/b/c/one.py", "src/b/c/two.py"]), names(&["/app/a/y.py", "/app/b"], &[]));
    assert_eq!(selected(&[], &["src/only.py"]), names(&["/app/only.py"], &[]), "never the target itself");
}

#[test]
fn a_file_and_a_directory_take_each_others_place() {
    assert_eq!(selected(&["src/a/x.py"], &["src/a", "src/a/x.py"]), names(&["/app/a"], &["/app/a", "/app/a/x.py"]));
    assert_eq!(selected(&["src/a"], &["src/a", "src/a/x.py", "src/a/b/y.py"]), names(&["/app/a"], &["/app/a"]));
}

#[test]
fn a_rule_may_name_a_file() {
    let edit = |target: &str| Edit {
        action: Action::SyncRestart,
        path: "conf/app.ini".into(),
        inside: PathBuf::new(),
        target: Some(target.to_owned()),
    };
    let place = |target: &str| edit(target).place(Path::new("")).map(|place| String::from_utf8(place).expect("text"));
    assert_eq!(place("/etc/app.ini").as_deref(), Some("/etc/app.ini"));
    assert_eq!(place("/etc/").as_deref(), Some("/etc/app.ini"));
    assert_eq!(Edit { action: Action::Restart, ..edit("/etc/") }.place(Path::new("")), None, "nothing is copied");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_stays_as_it_is() {
    use std::os::unix::ffi::OsStrExt as _;
    let name = std::ffi::OsStr::from_bytes(b"\xff -x\n");
    let edit = Edit { action: Action::Sync, path: Path::new("src").join(name), inside: name.into(), target: Some("/app/".to_owned()) };
    assert_eq!(edit.place(&edit.inside), Some(b"/app/\xff -x\n".to_vec()));
}

#[test]
fn command_lines_stay_short() {
    let names: Vec<String> = (0..3000).map(|number| format!("/app/{number:0>100}")).collect();
    let pieces = in_pieces(names.clone());
    assert!(pieces.iter().all(|piece| piece.iter().map(|name| name.len() + 1).sum::<usize>() <= NAMES_AT_ONCE + 106), "{}", pieces.len());
    assert_eq!(pieces.concat(), names);
    assert!(in_pieces(Vec::new()).is_empty());
}

#[test]
fn refusals_name_the_key_to_change() {
    let texts = [NoWay::ReadOnly, NoWay::MountReadOnly("/app".to_owned()), NoWay::IsMount].map(|reason| no_way(&reason, "/app/src/a.py"));
    insta::assert_snapshot!(texts.join("\n"), @r"
    `/app/src/a.py` cannot be written: its container is read-only
    hint: leave out `read_only: true` in the compose file, or mount a volume or `tmpfs` at `/app/src`
    `/app/src/a.py` cannot be written: what is mounted at `/app` is read-only
    hint: leave out `ro` at that mount in the compose file
    `/app/src/a.py` cannot be written: it is itself a mount
    hint: leave out the rule or the mount: what is mounted needs no copy
    ");
}

/// What `tar` lists of these files, packed with their names, and the directory that it unpacks them into.
#[cfg(unix)]
fn unpacked(files: &[(&[u8], &Path)]) -> (String, tempfile::TempDir) {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, host) in files {
        pack(&mut archive, name, host, (10001, 3_000_000_000)).expect("a stream").expect("readable");
    }
    let stream = archive.into_inner().expect("written");
    let dir = tempfile::tempdir().expect("a directory");
    let tar =
        |flags: &[&str]| duct::cmd("tar", flags).dir(dir.path()).env("TZ", "UTC").stdin_bytes(stream.clone()).read().expect("tar takes it");
    let said = tar(&["--list", "--verbose", "--numeric-owner", "--file", "-"]);
    tar(&["--extract", "--no-same-owner", "--file", "-"]);
    (said, dir)
}

#[cfg(unix)]
#[test]
fn entries_keep_their_names_modes_owners_and_links() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str, content: &str, mode: u32| {
        let path = dir.path().join(name);
        if name.ends_with('/') { std::fs::create_dir(&path) } else { std::fs::write(&path, content) }.expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        std::fs::File::open(&path).and_then(|file| file.set_modified(std::time::UNIX_EPOCH)).expect("set");
        path
    };
    let (directory, file, program) = (at("d/", "", 0o750), at("file", "hello", 0o640), at("program", "", 0o755));
    let link = dir.path().join("link");
    symlink("d/a b\n-", &link).expect("linked");
    let (said, dir) =
        unpacked(&[(b"d", &directory), (b"d/a b\n-", &file), (b"-rf", &program), (b"link", &link), (b"gone", Path::new("/gone"))]);
    let said = said.lines().map(|line| if line.starts_with('l') { line.split(' ').next().unwrap_or_default() } else { line });
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r"
    drwxr-x--- 10001/3000000000  0 1970-01-01 00:00 d
    -rw-r----- 10001/3000000000  5 1970-01-01 00:00 d/a b\n-
    -rwxr-xr-x 10001/3000000000  0 1970-01-01 00:00 -rf
    lrwxrwxrwx
    ");
    assert_eq!(std::fs::read_to_string(dir.path().join("link")).expect("through the link"), "hello");
}

#[cfg(unix)]
#[test]
fn long_and_strange_names_are_as_they_were() {
    let name = [b"x".repeat(90), b"/".to_vec(), b"\xff\xc3".repeat(60)].concat();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, "1").expect("written");
    let links = tempfile::tempdir().expect("a directory");
    let link = links.path().join("link");
    std::os::unix::fs::symlink(path_of(&name), &link).expect("linked");
    let (_, dir) = unpacked(&[(&name, file.path()), (b"link", &link)]);
    assert_eq!(std::fs::read(dir.path().join("link")).expect("through the link"), b"1");
}
