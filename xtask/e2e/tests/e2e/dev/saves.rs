//! Ways in which files come to be changed: each is one change, and what is there at the end is what serves.

use std::fs;
use std::path::PathBuf;

use super::{VERSION, rename, serves};
use crate::harness::workshop::Workshop;

/// How an editor gets a new text into a file.
type Save = fn(&Workshop, &PathBuf, &str);

/// What these programs do, seen with `strace`: written anew beside it and renamed, with and without a backup, in place, with files that come and go.
const SAVES: [(&str, Save); 6] = [
    ("in place, as VS Code", |_, path, text| fs::write(path, text).unwrap()),
    ("through a backup, as vim", |_, path, text| {
        // It first tries whether it may create files here.
        let probe = path.with_file_name("4913");
        fs::write(&probe, "").unwrap();
        fs::remove_file(&probe).unwrap();
        let backup = path.with_extension("rs~");
        fs::rename(path, &backup).unwrap();
        fs::write(path, text).unwrap();
        fs::remove_file(&backup).unwrap();
    }),
    ("with a lock and a backup, as emacs", |_, path, text| {
        let lock = path.with_file_name(".#version.rs");
        fs::write(&lock, "").unwrap();
        let backup = path.with_extension("rs~");
        fs::copy(path, &backup).unwrap();
        fs::write(path, text).unwrap();
        fs::remove_file(&lock).unwrap();
        fs::remove_file(&backup).unwrap();
    }),
    ("renamed into place, as JetBrains", |_, path, text| {
        let (new, old) = (path.with_extension("rs___jb_tmp___"), path.with_extension("rs___jb_old___"));
        fs::write(&new, text).unwrap();
        fs::rename(path, &old).unwrap();
        fs::rename(&new, path).unwrap();
        fs::remove_file(&old).unwrap();
    }),
    ("sed -i", |workshop, path, text| {
        let name = text.split_once("\"name\": \"").and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
        let script = format!("s/\"name\": \"[^\"]*\"/\"name\": \"{name}\"/");
        workshop.run("sed", &["-i", &script, &path.display().to_string()]);
    }),
    ("in two writes", |_, path, text| {
        let (begin, end) = text.split_at(text.len() / 2);
        fs::write(path, begin).unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, end.as_bytes()).unwrap();
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_each_way_to_save_is_one_build() {
    let mut workshop = Workshop::open().await;
    for (number, (what, save)) in SAVES.iter().enumerate() {
        let name = format!("save {number}");
        let text = workshop.text(VERSION);
        let before = text.split_once("\"name\": \"").and_then(|(_, rest)| rest.split_once('"')).unwrap().0.to_owned();
        let ended = workshop.ended("");
        save(&workshop, &workshop.path(VERSION), &text.replace(&format!("\"{before}\""), &format!("\"{name}\"")));
        workshop.see("→ built");
        serves(&workshop.stack, &name).await;
        // Whatever else the save was taken for comes before the next one's.
        assert_eq!(workshop.ended("") - ended, 1, "{what}");
        eprintln!("one build: {what}");
    }
    // A file that is only touched is no change: the next change is the next one that is told.
    let ended = workshop.ended("");
    let file = fs::File::options().append(true).open(workshop.path(VERSION)).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    rename(&workshop, "after the touch");
    workshop.see("version.rs → built");
    assert_eq!(workshop.ended("") - ended, 1, "touched");
}

/// So many files differ between two branches.
const FILES: u32 = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_another_branch_and_a_stash_are_one_build_each() {
    let mut workshop = Workshop::open().await;
    let git = |workshop: &Workshop, args: &[&str]| {
        let identity = ["-c", "user.name=Sailor", "-c", "user.email=sailor@example.org", "-c", "commit.gpgsign=false"];
        workshop.run("git", &[&identity[..], args].concat())
    };
    // Git's own files are no sources: nothing follows from these.
    git(&workshop, &["init", "--quiet", "--initial-branch=main"]);
    git(&workshop, &["add", "--all"]);
    git(&workshop, &["commit", "--quiet", "--message=main"]);
    // The branch is made where nobody watches.
    let branch = workshop.path("target/branch").display().to_string();
    git(&workshop, &["worktree", "add", "--quiet", "-b", "other", &branch]);
    let charts = PathBuf::from(&branch).join("backend/src/charts");
    fs::create_dir_all(&charts).unwrap();
    (0..FILES).for_each(|number| fs::write(charts.join(format!("chart_{number}.txt")), number.to_string()).unwrap());
    let version = PathBuf::from(&branch).join(VERSION);
    let text = fs::read_to_string(&version).unwrap();
    fs::write(&version, text.replace("\"name\": \"backend\"", "\"name\": \"other\"")).unwrap();
    git(&workshop, &["-C", &branch, "add", "--all"]);
    git(&workshop, &["-C", &branch, "commit", "--quiet", "--message=other"]);
    git(&workshop, &["worktree", "remove", "--force", &branch]);

    for (branch, name) in [("other", "other"), ("main", "backend")] {
        let ended = workshop.ended("");
        git(&workshop, &["switch", "--quiet", branch]);
        workshop.see("→ built");
        serves(&workshop.stack, name).await;
        assert_eq!(workshop.ended("") - ended, 1, "git switch {branch}");
    }
    eprintln!("one build each: git switch over {FILES} files, there and back");

    rename(&workshop, "stashed");
    workshop.see("version.rs → built");
    for (command, name) in [("push", "backend"), ("pop", "stashed")] {
        let ended = workshop.ended("");
        git(&workshop, &["stash", command, "--quiet"]);
        workshop.see("→ built");
        serves(&workshop.stack, name).await;
        assert_eq!(workshop.ended("") - ended, 1, "git stash {command}");
    }
}
