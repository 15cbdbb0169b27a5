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
