//! Directories that come, go and move, and the rules of what is ignored.

use super::*;

#[test]
fn nested_directories_with_a_file_at_once() {
    let mut scene = Scene::calm(&["a.rs"]);
    write(&scene.at("x/y/z/deep.rs"), "one");
    assert_eq!(scene.rest(), [[created("x/y/z/deep.rs")]]);
    write(&scene.at("x/y/z/deep.rs"), "two");
    write(&scene.at("x/y/other.rs"), "one");
    assert_eq!(scene.rest(), [[created("x/y/other.rs"), modified("x/y/z/deep.rs")]]);
}

#[test]
fn a_directory_gets_another_name_and_stays_watched() {
    let mut scene = Scene::calm(&["a/one.rs", "a/b/two.rs", "c.rs"]);
    fs::rename(scene.at("a"), scene.at("z")).expect("renamed");
    assert_eq!(scene.rest(), [[removed("a/b/two.rs"), removed("a/one.rs"), created("z/b/two.rs"), created("z/one.rs")]]);
    write(&scene.at("z/b/two.rs"), "new");
    assert_eq!(scene.rest(), [[modified("z/b/two.rs")]]);
    // The old name again, for other files: each is where it is, not where it was.
    write(&scene.at("a/b/two.rs"), "another");
    write(&scene.at("z/one.rs"), "new");
    assert_eq!(scene.rest(), [[created("a/b/two.rs"), modified("z/one.rs")]]);
    fs::remove_dir_all(scene.at("a")).expect("removed");
    write(&scene.at("z/b/two.rs"), "newer");
    assert_eq!(scene.rest(), [[removed("a/b/two.rs"), modified("z/b/two.rs")]]);
}

#[test]
fn a_directory_that_moves_out_of_the_tree_is_gone() {
    let mut scene = Scene::calm(&["a/one.rs", "a/b/two.rs"]);
    let outside = scene.root.with_file_name("outside");
    fs::rename(scene.at("a"), &outside).expect("renamed");
    assert_eq!(scene.rest(), [[removed("a/b/two.rs"), removed("a/one.rs")]]);
    write(&outside.join("b/two.rs"), "nobody cares");
    assert_eq!(scene.rest(), [[]; 0]);
    fs::rename(&outside, scene.at("back")).expect("renamed");
    assert_eq!(scene.rest(), [[created("back/b/two.rs"), created("back/one.rs")]]);
}

#[test]
fn deleted_files_and_directories() {
    let mut scene = Scene::calm(&["a/one.rs", "a/b/two.rs", "c.rs"]);
    fs::remove_file(scene.at("c.rs")).expect("removed");
    fs::remove_dir_all(scene.at("a")).expect("removed");
    assert_eq!(scene.rest(), [[removed("a/b/two.rs"), removed("a/one.rs"), removed("c.rs")]]);
}

#[test]
fn a_file_and_a_directory_take_each_others_place() {
    let mut scene = Scene::calm(&["a/one.rs", "b"]);
    fs::remove_dir_all(scene.at("a")).expect("removed");
    write(&scene.at("a"), "a file");
    fs::remove_file(scene.at("b")).expect("removed");
    write(&scene.at("b/two.rs"), "in a directory");
    assert_eq!(scene.rest(), [[created("a"), removed("a/one.rs"), removed("b"), created("b/two.rs")]]);
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let mut scene = Scene::calm(&["a/one.rs", "b/one.rs", "c.rs"]);
    symlink("/", scene.at("everything")).expect("linked");
    assert_eq!(scene.rest(), [[created("everything")]]);
    // What is behind a link is not here, even if it looks the same.
    fs::remove_dir_all(scene.at("a")).expect("removed");
    symlink("b", scene.at("a")).expect("linked");
    assert_eq!(scene.rest(), [[created("a"), removed("a/one.rs")]]);
    write(&scene.at("a/one.rs"), "through the link");
    assert_eq!(scene.rest(), [[modified("b/one.rs")]]);
}

/// A tree that ignores `target/` and logs.
fn with_rules() -> Scene {
    Scene::with(setup(CALM), |root| {
        write(&root.join(".gitignore"), "target/\n*.log\n");
        for path in ["src/main.rs", "src/x.log", "target/debug/deps/main.d"] {
            write(&root.join(path), path);
        }
    })
}

#[test]
fn ignored_files_are_nothing() {
    let mut scene = with_rules();
    write(&scene.at("target/debug/deps/main.d"), "new");
    write(&scene.at("target/new/x.d"), "new");
    write(&scene.at("src/target/x.d"), "new");
    write(&scene.at("src/x.log"), "new");
    write(&scene.at(".git/index"), "new");
    fs::remove_dir_all(scene.at("target")).expect("removed");
    write(&scene.at("target/debug/deps/main.d"), "newer");
    assert_eq!(scene.rest(), [[]; 0]);
    write(&scene.at("src/main.rs"), "new");
    write(&scene.at(".env"), "hidden files count");
    assert_eq!(scene.rest(), [[created(".env"), modified("src/main.rs")]]);
}

#[test]
fn other_rules_are_taken_up() {
    let mut scene = with_rules();
    write(&scene.at(".gitignore"), "*.log\n/src/\n");
    assert_eq!(scene.rest(), [[modified(".gitignore"), removed("src/main.rs"), created("target/debug/deps/main.d")]]);
    write(&scene.at("target/debug/deps/main.d"), "new");
    write(&scene.at("src/main.rs"), "ignored");
    assert_eq!(scene.rest(), [[modified("target/debug/deps/main.d")]]);
    fs::remove_file(scene.at("src/main.rs")).expect("removed");
    fs::remove_file(scene.at(".gitignore")).expect("removed");
    assert_eq!(scene.rest(), [[removed(".gitignore"), created("src/x.log")]]);
    write(&scene.at("src/.gitignore"), "*.rs\n");
    write(&scene.at("src/main.rs"), "ignored by rules that are as new as itself");
    assert_eq!(scene.rest(), [[created("src/.gitignore")]]);
    fs::write(scene.at("src/.gitignore"), "").expect("emptied");
    assert_eq!(scene.rest(), [[modified("src/.gitignore"), created("src/main.rs")]]);
}

/// The directories that this process watches, by their inode, as the kernel counts them.
#[cfg(target_os = "linux")]
pub(super) fn watched() -> std::collections::BTreeSet<u64> {
    let mut watched = std::collections::BTreeSet::new();
    for entry in fs::read_dir("/proc/self/fdinfo").expect("readable").flatten() {
        // Other tests close files at any time.
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let inodes = text.lines().filter(|line| line.starts_with("inotify")).filter_map(|line| line.split("ino:").nth(1));
        watched.extend(inodes.map(|rest| u64::from_str_radix(rest.split(' ').next().expect("a word"), 16).expect("a number")));
    }
    watched
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_below_an_ignored_directory_is_registered() {
    use std::os::unix::fs::MetadataExt as _;
    let mut scene = with_rules();
    write(&scene.at("target/later/x.d"), "new");
    write(&scene.at("later/new.rs"), "new");
    assert_eq!(scene.rest(), [[created("later/new.rs")]]);
    let watched = watched();
    let is_watched = |path: &str| watched.contains(&fs::metadata(scene.at(path)).expect("there").ino());
    let all = ["", "src", "later", "target", "target/debug", "target/debug/deps", "target/later"];
    assert_eq!(all.map(is_watched), [true, true, true, false, false, false, false]);
}
