//! Each way in which editors and tools save a file is one change of that file and of nothing else.

use std::fs::{File, FileTimes, OpenOptions};
use std::io::Write as _;

use super::*;

const NEW: &str = "fn main() { println!(\"new\"); }\n";

/// What is told when `save` has given `src/main.rs` another content.
#[track_caller]
fn is_one_change(save: impl FnOnce(&Path)) {
    let mut scene = Scene::calm(&["src/main.rs", "src/other.rs"]);
    save(&scene.at("src/main.rs"));
    assert_eq!(scene.rest(), [[modified("src/main.rs")]]);
    assert_ne!(fs::read_to_string(scene.at("src/main.rs")).expect("it is there"), "content of src/main.rs\n", "it was saved");
}

fn beside(file: &Path, name: &str) -> PathBuf {
    file.with_file_name(name)
}

#[test]
fn in_place() {
    is_one_change(|file| write(file, NEW));
}

#[test]
fn appended() {
    is_one_change(|file| OpenOptions::new().append(true).open(file).and_then(|mut file| file.write_all(b"more\n")).expect("appended"));
}

#[test]
fn truncated() {
    is_one_change(|file| drop(File::create(file).expect("truncated")));
}

#[test]
fn with_the_same_length() {
    is_one_change(|file| write(file, "CONTENT of src/main.rs\n"));
}

#[test]
fn vim_with_a_backup_beside() {
    is_one_change(|file| {
        // Whether it may write here.
        write(&beside(file, "4913"), "");
        fs::remove_file(beside(file, "4913")).expect("removed");
        write(&beside(file, ".main.rs.swp"), "swap");
        fs::rename(file, beside(file, "main.rs~")).expect("renamed");
        write(file, NEW);
        let rights = fs::metadata(beside(file, "main.rs~")).expect("there").permissions();
        fs::set_permissions(file, rights).expect("set");
        fs::remove_file(beside(file, "main.rs~")).expect("removed");
    });
}

#[test]
fn vim_with_a_copy_as_backup() {
    is_one_change(|file| {
        fs::copy(file, beside(file, "main.rs~")).expect("copied");
        write(file, NEW);
        fs::remove_file(beside(file, "main.rs~")).expect("removed");
    });
}

#[cfg(unix)]
#[test]
fn emacs() {
    is_one_change(|file| {
        std::os::unix::fs::symlink("me@host.1234:1", beside(file, ".#main.rs")).expect("locked");
        write(&beside(file, "#main.rs#"), NEW);
        fs::rename(file, beside(file, "main.rs~")).expect("renamed");
        write(file, NEW);
        fs::remove_file(beside(file, "#main.rs#")).expect("removed");
        fs::remove_file(beside(file, ".#main.rs")).expect("removed");
    });
}

#[test]
fn visual_studio_code_by_renaming() {
    is_one_change(|file| {
        write(&beside(file, "main.rs.vsctmp"), NEW);
        fs::rename(beside(file, "main.rs.vsctmp"), file).expect("renamed");
    });
}

#[test]
fn jetbrains_safe_write() {
    is_one_change(|file| {
        write(&beside(file, "main.rs___jb_tmp___"), NEW);
        fs::rename(file, beside(file, "main.rs___jb_old___")).expect("renamed");
        fs::rename(beside(file, "main.rs___jb_tmp___"), file).expect("renamed");
        fs::remove_file(beside(file, "main.rs___jb_old___")).expect("removed");
    });
}

#[test]
fn kate_and_others_with_any_name_for_a_moment() {
    is_one_change(|file| {
        write(&beside(file, "main.rs.AbCdEf"), NEW);
        fs::rename(beside(file, "main.rs.AbCdEf"), file).expect("renamed");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn sed() {
    is_one_change(|file| drop(duct::cmd!("sed", "-i", "s/content/words/", file).run().expect("sed runs")));
}

#[cfg(unix)]
#[test]
fn a_copy_that_keeps_an_older_time() {
    is_one_change(|file| {
        let other = beside(file, "../../older.rs");
        write(&other, "CONTENT of src/main.rs\n");
        let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().write(true).open(&other).and_then(|other| other.set_times(FileTimes::new().set_modified(long_ago))).expect("set");
        duct::cmd!("cp", "-p", &other, file).run().expect("cp runs");
    });
}

#[test]
fn removed_and_made_again() {
    is_one_change(|file| {
        fs::remove_file(file).expect("removed");
        write(file, NEW);
    });
}

#[test]
fn what_changes_no_content_is_nothing() {
    let mut scene = Scene::calm(&["src/main.rs", "src/other.rs"]);
    let file = scene.at("src/main.rs");
    // touch
    File::options().write(true).open(&file).and_then(|file| file.set_modified(std::time::SystemTime::now())).expect("touched");
    // chmod
    let mut rights = fs::metadata(&file).expect("there").permissions();
    rights.set_readonly(true);
    fs::set_permissions(scene.at("src/other.rs"), rights).expect("set");
    // The same again.
    write(&file, "content of src/main.rs\n");
    // Away and back.
    fs::rename(&file, scene.at("src/away.rs")).expect("renamed");
    fs::rename(scene.at("src/away.rs"), &file).expect("renamed");
    // Read, as a compiler does it.
    fs::read(&file).expect("read");
    // Here for a moment.
    write(&scene.at("src/moment.rs"), "");
    fs::remove_file(scene.at("src/moment.rs")).expect("removed");
    assert_eq!(scene.rest(), [[]; 0]);
}
