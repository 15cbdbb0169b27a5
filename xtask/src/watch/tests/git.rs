//! What git does to a whole tree is one batch, because the batch waits for git's lock.

use super::*;

/// The windows of everyday, but patience with a machine that is slow at writing.
fn windows() -> Windows {
    Windows { hold: DEADLINE, ..Windows::default() }
}

fn git(root: &Path, args: &[&str]) {
    // Nothing of the machine's settings: no hooks, no signatures, no background work. Nobody needs these commits after a loss of power.
    let settings = [
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@localhost",
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
        "-c",
        "core.fsync=none",
    ];
    duct::cmd("git", settings.iter().chain(args))
        .dir(root)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdout_null()
        .stderr_capture()
        .run()
        .expect("git runs");
}

/// A repository with `count` files that differ between the branches `main`, checked out, and `other`.
fn two_branches(root: &Path, count: usize) {
    let fill = |text: &str| (0..count).for_each(|n| write(&root.join(format!("d{}/f{n}.rs", n % 100)), &format!("{text} {n}\n")));
    git(root, &["init", "-q", "-b", "main"]);
    fill("main");
    git(root, &["add", "."]);
    git(root, &["commit", "-qm", "main"]);
    git(root, &["switch", "-qc", "other"]);
    fill("other");
    git(root, &["commit", "-qam", "other"]);
    git(root, &["switch", "-q", "main"]);
}

#[test]
fn switching_branches_of_5000_files_is_one_batch() {
    let mut scene = Scene::with(setup(windows()), |root| two_branches(root, 5000));
    git(&scene.root, &["switch", "-q", "other"]);
    assert_eq!(scene.next().changed.len(), 5000);
    assert_eq!(scene.rest(), [[]; 0]);
    scene.agrees_with_the_disk();
    git(&scene.root, &["switch", "-q", "main"]);
    assert_eq!(scene.next().changed.len(), 5000);
    assert_eq!(scene.rest(), [[]; 0]);
    scene.agrees_with_the_disk();
}

#[test]
fn stashing_and_its_undoing_are_one_batch_each() {
    let mut scene = Scene::with(setup(windows()), |root| {
        two_branches(root, 300);
        (0..300).for_each(|n| write(&root.join(format!("d{}/f{n}.rs", n % 100)), &format!("not committed {n}\n")));
    });
    git(&scene.root, &["stash", "-q"]);
    assert_eq!(scene.next().changed.len(), 300);
    assert_eq!(scene.rest(), [[]; 0]);
    fs::remove_file(scene.at("mark-1")).expect("removed");
    assert_eq!(scene.rest(), [[removed("mark-1")]]);
    fs::remove_file(scene.at("mark-2")).expect("removed");
    assert_eq!(scene.rest(), [[removed("mark-2")]]);
    git(&scene.root, &["stash", "pop", "-q"]);
    assert_eq!(scene.next().changed.len(), 300);
    assert_eq!(scene.rest(), [[]; 0]);
    scene.agrees_with_the_disk();
}

#[test]
fn a_worktree_has_a_lock_of_its_own() {
    let mut scene = Scene::with(setup(windows()), |root| {
        let main = root.with_file_name("main");
        fs::create_dir(&main).expect("created");
        two_branches(&main, 500);
        git(&main, &["worktree", "add", "-q", "--detach", &root.to_string_lossy()]);
    });
    assert!(scene.at(".git").is_file());
    git(&scene.root, &["switch", "-q", "other"]);
    assert_eq!(scene.next().changed.len(), 500);
    assert_eq!(scene.rest(), [[]; 0]);
    scene.agrees_with_the_disk();
}

#[test]
fn a_lock_that_a_crash_left_behind_is_told_and_passed() {
    let windows = Windows { hold: Duration::from_millis(50), ..CALM };
    let mut scene = Scene::with(setup(windows), |root| write(&root.join(".git/index.lock"), ""));
    write(&scene.at("one.rs"), "one");
    assert_eq!(scene.next().changed.len(), 1);
    let path = scene.at(".git/index.lock");
    assert_eq!(scene.notices.recv_timeout(DEADLINE).expect("a notice comes"), Notice::StaleLock { path });
    write(&scene.at("two.rs"), "two");
    assert_eq!(scene.next().changed.len(), 1);
    assert_eq!(scene.notices.try_recv().ok(), None, "said once");
}

/// A repository at `root` that ignores `target/` and tracks a file in it all the same.
fn tracked_in_ignored(root: &Path) {
    git(root, &["init", "-q", "-b", "main"]);
    write(&root.join(".gitignore"), "target/\n");
    for path in ["src/main.rs", "target/a/kept.rs", "target/a/other.rs", "target/b/c/deep.rs"] {
        write(&root.join(path), path);
    }
    git(root, &["add", "."]);
    git(root, &["add", "-f", "target/a/kept.rs"]);
    git(root, &["commit", "-qm", "all"]);
}

#[test]
fn what_git_tracks_is_watched_whatever_ignores_it() {
    let mut scene = Scene::with(setup(CALM), tracked_in_ignored).knowing("target/a/kept.rs");
    for path in ["target/a/kept.rs", "target/a/other.rs", "target/b/c/deep.rs", "target/new.rs"] {
        write(&scene.at(path), "new");
    }
    assert_eq!(scene.rest(), [[modified("target/a/kept.rs")]]);
    // An editor that replaces the file.
    write(&scene.at("target/a/draft"), "newer");
    fs::rename(scene.at("target/a/draft"), scene.at("target/a/kept.rs")).expect("renamed");
    assert_eq!(scene.rest(), [[modified("target/a/kept.rs")]]);
    fs::remove_dir_all(scene.at("target")).expect("removed");
    assert_eq!(scene.rest(), [[removed("target/a/kept.rs")]]);
    write(&scene.at("target/a/kept.rs"), "again");
    write(&scene.at("target/a/other.rs"), "again");
    assert_eq!(scene.rest(), [[created("target/a/kept.rs")]]);
}

#[test]
fn what_becomes_tracked_is_watched_from_then_on() {
    let mut scene = Scene::with(setup(CALM), tracked_in_ignored).knowing("target/a/kept.rs");
    git(&scene.root, &["add", "-f", "target/b/c/deep.rs"]);
    assert_eq!(scene.rest(), [[created("target/b/c/deep.rs")]]);
    write(&scene.at("target/b/c/deep.rs"), "new");
    assert_eq!(scene.rest(), [[modified("target/b/c/deep.rs")]]);
    git(&scene.root, &["rm", "-qf", "--cached", "target/b/c/deep.rs"]);
    assert_eq!(scene.rest(), [[removed("target/b/c/deep.rs")]]);
    write(&scene.at("target/b/c/deep.rs"), "newer");
    assert_eq!(scene.rest(), [[]; 0]);
}

#[test]
fn a_worktree_tracks_what_its_own_index_has() {
    let mut scene = Scene::with(setup(CALM), |root| {
        let main = root.with_file_name("main");
        fs::create_dir(&main).expect("created");
        tracked_in_ignored(&main);
        git(&main, &["worktree", "add", "-q", "--detach", &root.to_string_lossy()]);
        write(&root.join("target/more.rs"), "more");
    })
    .knowing("target/a/kept.rs");
    write(&scene.at("target/a/kept.rs"), "new");
    assert_eq!(scene.rest(), [[modified("target/a/kept.rs")]]);
    git(&scene.root, &["add", "-f", "target/more.rs"]);
    assert_eq!(scene.rest(), [[created("target/more.rs")]]);
}

#[test]
fn a_submodule_tracks_its_own_files() {
    let mut scene = Scene::with(setup(CALM), |root| {
        let library = root.with_file_name("library");
        fs::create_dir(&library).expect("created");
        tracked_in_ignored(&library);
        git(root, &["init", "-q", "-b", "main"]);
        git(root, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library", "library"]);
        write(&root.join(".gitignore"), "library/\n");
    })
    .knowing("library/target/a/kept.rs");
    write(&scene.at("library/target/a/kept.rs"), "new");
    write(&scene.at("library/target/a/ignored.rs"), "new");
    write(&scene.at("library/src/main.rs"), "new");
    assert_eq!(scene.rest(), [[modified("library/src/main.rs"), modified("library/target/a/kept.rs")]]);
}

#[test]
fn a_part_of_a_bigger_repository_is_watched_as_that_one_has_it() {
    let mut scene = Scene::with(setup(CALM), |root| {
        let top = root.parent().expect("a directory above");
        git(top, &["init", "-q", "-b", "main"]);
        write(&top.join(".gitignore"), "*.tmp\ntarget/\n");
        for path in ["src/main.rs", "src/main.tmp", "target/kept.rs", "target/other.rs"] {
            write(&root.join(path), path);
        }
        git(top, &["add", "."]);
        git(top, &["add", "-f", "root/target/kept.rs"]);
    })
    .knowing("target/kept.rs");
    for path in ["src/main.rs", "src/main.tmp", "target/kept.rs", "target/other.rs"] {
        write(&scene.at(path), "new");
    }
    assert_eq!(scene.rest(), [[modified("src/main.rs"), modified("target/kept.rs")]]);
    let excludes = scene.root.with_file_name(".gitignore");
    write(&excludes, "*.tmp\ntarget/\n/root/src/main.rs\n*.txt\n");
    write(&scene.at("notes.txt"), "new");
    write(&scene.at("src/main.rs"), "tracked all the same");
    assert_eq!(scene.rest(), [[modified("src/main.rs")]]);
}

#[test]
fn the_excludes_of_a_checkout_are_taken_up() {
    let mut scene = Scene::with(setup(CALM), |root| {
        tracked_in_ignored(root);
        write(&root.join("notes.txt"), "one");
    });
    write(&scene.at(".git/info/exclude"), "notes.txt\n");
    assert_eq!(scene.rest(), [[removed("notes.txt")]]);
    write(&scene.at("notes.txt"), "two");
    assert_eq!(scene.rest(), [[]; 0]);
}

#[test]
fn what_rules_for_edits_name_is_watched_although_it_is_ignored() {
    let mut scene = Scene::with(setup(CALM), |root| {
        tracked_in_ignored(root);
        write(&root.join("target/b/cache/x.rs"), "ignored by the rule as well");
        let old = std::time::SystemTime::now() - Duration::from_secs(3600);
        for path in ["target/b/c/deep.rs", "target/b/cache/x.rs"] {
            // Old for the watcher means: also its inode has not changed for a while, which no test can wait for.
            let file = fs::File::options().write(true).open(root.join(path)).expect("opened");
            file.set_times(fs::FileTimes::new().set_modified(old)).expect("set");
        }
    });
    let wanted = |path: &Path, directory: bool| {
        let (rule, cache) = (Path::new("target/b"), Path::new("target/b/cache"));
        (path.starts_with(rule) || directory && rule.starts_with(path)) && !path.starts_with(cache)
    };
    scene.want(Wanted::new(wanted));
    // Made a moment ago: it may have been edited while it was not watched.
    assert_eq!(scene.rest(), [[created("target/b/c/deep.rs")]]);
    write(&scene.at("target/b/c/deep.rs"), "new");
    write(&scene.at("target/b/new.rs"), "new");
    write(&scene.at("target/b/cache/x.rs"), "new");
    write(&scene.at("target/a/other.rs"), "new");
    assert_eq!(scene.rest(), [[modified("target/b/c/deep.rs"), created("target/b/new.rs")]]);
    scene.want(Wanted::default());
    assert_eq!(scene.rest(), [[removed("target/b/c/deep.rs"), removed("target/b/new.rs")]]);
}

#[cfg(target_os = "linux")]
#[test]
fn of_an_ignored_directory_only_the_way_to_what_is_tracked_is_registered() {
    use std::os::unix::fs::MetadataExt as _;
    let mut scene = Scene::with(setup(CALM), tracked_in_ignored).knowing("target/a/kept.rs");
    assert_eq!(scene.rest(), [[]; 0]);
    let watched = tree::watched();
    let is_watched = |path: &str| watched.contains(&fs::metadata(scene.at(path)).expect("there").ino());
    assert_eq!(["target", "target/a", "target/b", "target/b/c"].map(is_watched), [true, true, false, false]);
}
