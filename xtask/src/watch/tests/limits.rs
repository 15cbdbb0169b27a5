//! Where the system watches less than everything: fewer directories than there are, none at all, or with lost events.

use std::io;

#[cfg(target_os = "linux")]
use super::registry::Backend;
use super::*;

const DIRECTORIES: [&str; 6] = ["a", "a/x", "b", "b/x", "c", "c/x"];

fn prepare(root: &Path) {
    DIRECTORIES.iter().for_each(|directory| write(&root.join(directory).join("file.rs"), directory));
}

/// That what happens anywhere is told, and nothing else.
fn sees_everything(scene: &mut Scene) {
    for directory in DIRECTORIES {
        write(&scene.at(directory).join("file.rs"), &format!("new in {directory}"));
    }
    // A mark would be told by the system, and what is polled a little later: here the end is that all is told.
    scene.catch_up();
    write(&scene.at("c/new/deep/file.rs"), "new");
    fs::rename(scene.at("b/x"), scene.at("a/moved")).expect("renamed");
    fs::remove_file(scene.at("a/x/file.rs")).expect("removed");
    fs::remove_dir_all(scene.at("c/x")).expect("removed");
    fs::File::options()
        .write(true)
        .open(scene.at("a/file.rs"))
        .and_then(|file| file.set_modified(std::time::SystemTime::now()))
        .expect("touched");
    scene.catch_up();
    write(&scene.at("a/moved/file.rs"), "in a directory that came");
    write(&scene.at("c/new/deep/file.rs"), "in a directory that came");
    scene.catch_up();
    fs::remove_dir_all(scene.at("c")).expect("removed");
    scene.catch_up();
}

#[test]
fn polling_needs_no_help_of_the_system() {
    let setup =
        Setup { options: Options { poll: true }, connect: Box::new(|_| panic!("the system is not asked")), ..setup(Windows::default()) };
    let mut scene = Scene::with(setup, prepare);
    sees_everything(&mut scene);
    assert_eq!(scene.notices.try_recv().ok(), None, "it was asked for");
}

/// The system's own way, that gives up after some directories, as it does at its limit.
#[cfg(target_os = "linux")]
struct Limited(Box<dyn Backend>, usize);

#[cfg(target_os = "linux")]
impl Backend for Limited {
    fn watch(&mut self, path: &Path) -> notify::Result<()> {
        self.1 = self.1.checked_sub(1).ok_or_else(|| notify::Error::new(notify::ErrorKind::MaxFilesWatch))?;
        self.0.watch(path)
    }

    fn unwatch(&mut self, path: &Path) -> notify::Result<()> {
        self.0.unwatch(path)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn directories_beyond_the_limit_are_polled_and_the_limit_is_named() {
    let connect = |inbox| Ok(Box::new(Limited(registry::system(inbox)?, 3)) as Box<dyn Backend>);
    let mut scene = Scene::with(Setup { connect: Box::new(connect), ..setup(Windows::default()) }, prepare);
    let Notice::Directories { limit, needed, polled, .. } = scene.notices.recv_timeout(DEADLINE).expect("a notice comes") else {
        panic!("another notice")
    };
    assert_eq!((limit, needed, polled), (notice::limit("max_user_watches"), 7, 4));
    sees_everything(&mut scene);
    assert_eq!(scene.notices.try_recv().ok(), None, "said once");
}

#[test]
fn a_system_that_watches_nothing_leaves_polling() {
    let connect = |_| Err(notify::Error::io(io::Error::other("too many open files")));
    let mut scene = Scene::with(Setup { connect: Box::new(connect), ..setup(Windows::default()) }, prepare);
    let Notice::Instances { reason, .. } = scene.notices.recv_timeout(DEADLINE).expect("a notice comes") else { panic!("another notice") };
    assert_eq!(reason, "too many open files");
    sees_everything(&mut scene);
}

/// The kernel's queue really overflows here: nobody takes its events until more have happened than it holds.
#[cfg(target_os = "linux")]
#[test]
fn lost_events_lose_no_change() {
    use std::sync::{Arc, Mutex};
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().expect("nobody else has it");
    let connect = {
        let gate = Arc::clone(&gate);
        move |inbox| {
            registry::connect(move |event| {
                drop(gate.lock());
                registry::report(&inbox, event);
            })
        }
    };
    let prepare = |root: &Path| (0..100).for_each(|n| write(&root.join(format!("d{}/f{n}", n % 10)), "old"));
    drop(closed);
    let mut scene = Scene::with(Setup { connect: Box::new(connect), ..setup(Windows::default()) }, prepare);
    let closed = gate.lock().expect("nobody else has it for long");
    let queue = notice::limit("max_queued_events").expect("the system says it");
    // Each write is at least an opening, a change and a closing.
    for n in 0..queue / 3 + 100 {
        fs::write(scene.at(&format!("d{}/f{}", n % 10, n % 90)), format!("new {n}")).expect("written");
    }
    fs::rename(scene.at("d0"), scene.at("moved")).expect("renamed");
    fs::remove_dir_all(scene.at("d1")).expect("removed");
    write(&scene.at("made/at/last"), "new");
    drop(closed);
    let mut rescan = false;
    while scene.told != disk(&scene.root) {
        rescan |= scene.next().rescan;
    }
    assert!(rescan, "the queue overflowed");
    // The directories that moved or came without a word are watched.
    write(&scene.at("moved/f0"), "newest");
    write(&scene.at("made/at/last"), "newest");
    drop(scene.rest());
    scene.agrees_with_the_disk();
}
