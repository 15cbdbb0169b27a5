//! Backups in a repository: what comes back, what is refused, and what becomes of it when somebody is killed or a disk forgets.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Ship;
use super::interrupted::{Victim, kills, moments};
use super::round_trip::ODD_FILES;
use crate::harness::{Stack, shared};

impl Ship {
    /// Starts `name` with a repository in its checkout.
    pub(super) fn with_repository(shared: &Stack, name: &str) -> Self {
        let mut ship = Self::new(shared, name);
        let file = "infra/compose.backup-repository.yaml";
        std::fs::copy(PathBuf::from(&shared.root).join(file), ship.checkout.path(file)).unwrap();
        ship.checkout.edit("infra/env/test.toml", "[secrets]", "[backup]\nrepository = \"vault\"\n[secrets]");
        for left in ["vault", "infra/secrets"] {
            let _ = std::fs::remove_dir_all(ship.checkout.path(left));
        }
        ship.up();
        ship
    }

    fn key(&self) -> PathBuf {
        self.checkout.path("infra/secrets/test/backup_key")
    }

    fn vault(&self) -> PathBuf {
        self.checkout.path("vault")
    }

    pub(super) fn shown(&self, id: &str) -> Value {
        serde_json::from_str(&self.stack().xtask(&["backup", "show", "--json", id]).good().stdout).unwrap()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.listed().iter().map(|backup| backup["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_gives_back_what_it_got_and_stores_it_once() {
    let (shared, _turn) = shared().await;
    let ship = Ship::with_repository(&shared, "vault");
    ship.within(ODD_FILES).good();
    ship.within("head -c 20000000 /dev/urandom > /media/noise").good();
    ship.mark(1);
    let tree = ship.tree();
    let first = ship.backup(&[]);
    ship.mark(2);
    ship.within("ln /media/seed/soft /media/seed/soft-again").good();
    let second = ship.backup(&["--strict", "--quiesce"]);
    let added = [&first, &second].map(|id| ship.shown(id)["repository"]["added"].as_u64().unwrap());
    let metrics = std::fs::read_to_string(ship.backups().join("metrics/backup.prom")).unwrap();
    assert!(metrics.contains("slipway_backup_count 2\n") && !metrics.contains("last_verified"), "{metrics}");
    assert!(added[0] > 20_000_000 && added[1] < 1_000_000, "{added:?}");
    assert_eq!(
        std::fs::read_dir(ship.backups()).unwrap().flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "zst")).count(),
        0
    );

    ship.within("cd /media/seed; rm -rf deep; echo changed > sparse; touch new").good();
    ship.stack().xtask(&["restore", &first, "--yes"]).good();
    assert_eq!((ship.marks(), ship.tree()), (["1"; 4].map(str::to_owned), tree.clone()));
    ship.ready().await;
    ship.stack().xtask(&["snapshot", "load", "before-restore", "--yes"]).good();
    ship.stack().xtask(&["restore", &second, "--only", "db,redis", "--yes"]).good();
    assert_eq!(ship.marks(), ["2"; 4]);
    ship.stack().xtask(&["restore", &second, "--only", "media", "--yes"]).good();
    let links = ship.within("readlink /media/seed/soft /media/seed/soft-again").good().stdout;
    assert_eq!((ship.marks(), links.as_str()), (["2"; 4].map(str::to_owned), "deep/file-2\ndeep/file-2\n"));
    ship.stack().xtask(&["backup", "verify", "--all"]).good();

    // Another machine has the key and the address, and nothing else.
    for entry in std::fs::read_dir(ship.backups()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::remove_file(entry.path()).unwrap();
    }
    assert_eq!(ship.ids(), [""; 0]);
    ship.stack().xtask(&["backup", "list", "--remote"]).good();
    assert_eq!(ship.ids(), [first.clone(), second.clone()]);
    ship.stack().xtask(&["restore", &first, "--yes"]).good();
    assert_eq!((ship.marks(), ship.tree()), (["1"; 4].map(str::to_owned), tree));

    // What goes is gone there as well, and the rest is whole.
    ship.stack().xtask(&["backup", "prune", "--keep-last", "1", "--yes"]).good();
    ship.stack().xtask(&["backup", "list", "--remote"]).good();
    assert_eq!(ship.ids(), std::slice::from_ref(&second));
    ship.stack().xtask(&["backup", "verify", "--read-data"]).good();
    ship.stack().xtask(&["restore", &second, "--yes"]).good();
    assert_eq!(ship.marks(), ["2"; 4]);

    // Without the setting the next one is a file, and the one in the repository is named as such.
    ship.checkout.edit("infra/env/test.toml", "repository = \"vault\"", "repository = \"\"");
    let refused = ship.stack().xtask(&["restore", &second, "--yes"]);
    assert!(refused.code == 1 && refused.stderr.contains("is in the repository vault"), "{refused:?}");
    let file = ship.backup(&[]);
    assert!(ship.file(&file).is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_and_damage_change_nothing() {
    let (shared, _turn) = shared().await;
    let ship = Ship::with_repository(&shared, "key");
    ship.within("head -c 20000000 /dev/urandom > /media/noise").good();
    ship.mark(1);
    let id = ship.backup(&[]);
    ship.mark(2);
    let key = std::fs::read_to_string(ship.key()).unwrap();
    std::fs::write(ship.key(), "another key of the same length, or so\n").unwrap();
    for command in [&["backup"][..], &["backup", "verify"], &["backup", "list", "--remote"], &["restore", "--yes"]] {
        let refused = ship.stack().xtask(command);
        assert!(
            refused.code == 1 && refused.stderr.contains("the secret `backup_key` is not the key of the repository vault"),
            "{refused:?}"
        );
        assert!(!format!("{refused:?}").contains("another key"), "{refused:?}");
    }
    std::fs::write(ship.key(), &key).unwrap();
    ship.stack().xtask(&["backup", "list", "--remote"]).good();
    assert_eq!((ship.ids(), ship.marks()), (vec![id], ["2"; 4].map(str::to_owned)));

    // Nobody sees the key.
    let mut running = ship.stack().xtask_start(&["backup"]);
    running.see("storing in vault", Duration::from_secs(60));
    let agent = format!("{}-backup", ship.stack().project);
    let seen =
        [ship.stack().docker(&["inspect", &agent]).good().stdout, ship.stack().docker(&["top", &agent, "-eo", "pid,args"]).good().stdout];
    let said = running.end();
    assert_eq!(said.0, 0, "{said:?}");
    let shown = ship.stack().xtask(&["backup", "--dry-run"]).good().stdout;
    assert!(shown.contains(":/repository") && ![&seen[0], &seen[1], &shown, &said.1].iter().any(|text| text.contains(key.trim())));

    // A byte of the largest file, which is of the noise.
    let mut packs: Vec<PathBuf> = Vec::new();
    for directory in std::fs::read_dir(ship.vault().join("data")).unwrap().flatten() {
        packs.extend(std::fs::read_dir(directory.path()).unwrap().flatten().map(|entry| entry.path()));
    }
    let pack = packs.into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(&pack).unwrap();
    std::fs::write(&pack, &bytes).unwrap();
    let found = ship.stack().xtask(&["backup", "verify", "--read-data"]);
    assert!(found.code == 1 && found.stderr.contains("the repository vault is damaged"), "{found:?}");
    let refused = ship.stack().xtask(&["restore", "--yes"]);
    assert!(refused.code == 1 && refused.stderr.contains("the part `media` could not be restored whole"), "{refused:?}");
    assert_eq!(ship.marks(), ["2"; 4], "nothing was changed");

    // A disk that is not there is no reason to begin anew.
    std::fs::rename(ship.vault(), ship.checkout.path("unmounted")).unwrap();
    let refused = ship.stack().xtask(&["backup"]);
    assert!(refused.code == 1 && refused.stderr.contains("is not there any more"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_change_while_they_are_stored_are_named_and_come_back() {
    let (shared, _turn) = shared().await;
    let ship = Ship::with_repository(&shared, "busy");
    ship.within("mkdir /media/busy; head -c 60000000 /dev/urandom > /media/busy/a; echo same > /media/still").good();
    ship.mark(1);
    let writer = ship.write_all_the_time();
    let id = ship.backup(&[]);
    let media = ship.shown(&id)["parts"].as_array().unwrap().iter().find(|part| part["name"] == "media").unwrap().clone();
    let changed: Vec<&str> = media["changed"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(changed.contains(&"busy/a") && !changed.contains(&"still"), "{changed:?}");
    let strict = ship.stack().xtask(&["backup", "--strict"]);
    assert!(strict.code == 1 && strict.stderr.contains("files of `media` changed while they were read"), "{strict:?}");
    ship.stack().docker(&["rm", "--force", &writer]).good();
    ship.mark(2);
    // What failed is not there either.
    ship.stack().xtask(&["backup", "list", "--remote"]).good();
    assert_eq!(ship.ids(), [id]);
    ship.stack().xtask(&["restore", "--yes"]).good();
    assert_eq!(ship.marks(), ["1"; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_a_killed_agent_leaves_a_repository_that_goes_on() {
    let (shared, _turn) = shared().await;
    let ship = Ship::with_repository(&shared, "locked");
    ship.mark(1);
    ship.backup(&[]);
    ship.within("head -c 60000000 /dev/urandom > /media/noise").good();
    let begun = Instant::now();
    let mut locks = 0;
    ship.backup(&[]);
    for moment in moments(begun.elapsed(), kills()) {
        ship.within("head -c 60000000 /dev/urandom > /media/noise").good();
        ship.kill_in(&["backup"], Victim::Agent, moment);
        locks += std::fs::read_dir(ship.vault().join("locks")).unwrap().count();
        let id = ship.backup(&[]);
        ship.stack().xtask(&["backup", "verify", &id]).good();
        assert_eq!(std::fs::read_dir(ship.vault().join("locks")).unwrap().count(), 0, "no lock is left");
    }
    // One in the middle of its upload leaves a lock.
    ship.within("head -c 60000000 /dev/urandom > /media/noise").good();
    let mut running = ship.stack().xtask_start(&["backup"]);
    running.see("storing in vault", Duration::from_secs(60));
    let begun = Instant::now();
    while std::fs::read_dir(ship.vault().join("locks")).unwrap().count() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "restic takes no lock");
    }
    ship.stack().docker(&["kill", "--signal", "KILL", &format!("{}-backup", ship.stack().project)]).good();
    let (code, said) = running.end();
    assert_eq!(code, 1, "{said}");
    locks += std::fs::read_dir(ship.vault().join("locks")).unwrap().count();
    assert!(locks > 0, "there was no lock to remove");
    let before = ship.ids();
    ship.stack().xtask(&["backup", "prune", "--keep-last", "2", "--yes"]).good();
    ship.backup(&[]);
    ship.stack().xtask(&["backup", "verify", "--read-data"]).good();
    ship.stack().xtask(&["backup", "list", "--remote"]).good();
    assert_eq!(ship.ids().len(), before.len().min(2) + 1, "each that is there is known");
    ship.stack().xtask(&["restore", "--yes"]).good();
    assert_eq!(ship.marks(), ["1"; 4]);
}
