//! Damage, two at once, a database that goes away, files that change: it is said, and nothing is changed.

use std::time::{Duration, Instant};

use super::Ship;
use crate::harness::shared;

impl Ship {
    /// Starts a container that lets files below /media/busy grow, shrink and vanish, again and again; returns its name.
    pub(super) fn write_all_the_time(&self) -> String {
        let name = format!("{}-writer", self.stack().project);
        let image = self.stack().inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned();
        let volume = format!("{}_media:/media", self.stack().project);
        // Grows, shrinks and vanishes, again and again.
        let script = "(while :; do echo more >> /media/busy/a; done) & while :; do for n in 1 2 3; do truncate -s $((n * 90000)) /media/busy/b; done; \
                  touch /media/busy/v-$RANDOM; rm -f /media/busy/v-*; done";
        let writer =
            ["run", "--detach", "--rm", "--user", "0", "--label", "com.docker.compose.project=", "--name", &name, "--volume", &volume];
        self.stack().docker(&[&writer[..], &["--entrypoint", "bash", &image, "-c", script]].concat()).good();
        name
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_named_and_nothing_is_restored_from_it() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "damage");
    ship.mark(1);
    ship.within("head -c 200000 /dev/urandom > /media/noise").good();
    let id = ship.backup(&[]);
    let whole = std::fs::read(ship.file(&id)).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&ship.stack().xtask(&["backup", "show", "--json"]).good().stdout).unwrap();
    ship.mark(2);
    for part in manifest["parts"].as_array().unwrap() {
        let (name, stored) = (part["name"].as_str().unwrap(), &part["stored"]);
        let at = stored["offset"].as_u64().unwrap() + stored["bytes"].as_u64().unwrap() / 2;
        let mut bent = whole.clone();
        bent[usize::try_from(at).unwrap()] ^= 1;
        std::fs::write(ship.file(&id), &bent).unwrap();
        for command in [&["backup", "verify"][..], &["restore", "--yes"]] {
            let outcome = ship.stack().xtask(command);
            assert!(outcome.code == 1 && outcome.stderr.contains(&format!("the part `{name}` is damaged")), "{command:?}: {outcome:?}");
        }
        assert_eq!(ship.marks(), ["2"; 4], "nothing was changed");
    }
    // Cut off anywhere, and with another manifest beside it.
    for length in [whole.len() - 1, whole.len() / 2, 10, 0] {
        std::fs::write(ship.file(&id), &whole[..length]).unwrap();
        let outcome = ship.stack().xtask(&["restore", "--yes"]);
        assert!(outcome.code == 1 && outcome.stderr.contains("is no whole backup"), "{outcome:?}");
    }
    std::fs::write(ship.file(&id), &whole).unwrap();
    ship.stack().xtask(&["backup", "verify"]).good();
    assert_eq!(ship.marks(), ["2"; 4], "nothing was changed");

    // No backup is given up for one that is damaged.
    let newer = ship.backup(&[]);
    let mut bent = std::fs::read(ship.file(&newer)).unwrap();
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    std::fs::write(ship.file(&newer), &bent).unwrap();
    let refused = ship.stack().xtask(&["backup", "prune", "--keep-last", "1", "--yes"]);
    assert!(refused.code == 1 && refused.stderr.contains("nothing was removed"), "{refused:?}");
    assert_eq!(ship.listed().len(), 2);
    std::fs::remove_file(ship.file(&newer)).unwrap();
    ship.backup(&[]);
    ship.stack().xtask(&["backup", "prune", "--keep-last", "1", "--yes"]).good();
    assert_eq!(ship.listed().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_is_told_who_is_at_it() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "second");
    ship.within("head -c 100000000 /dev/urandom > /media/noise").good();
    for (first, says) in [(&["backup"][..], "storing media"), (&["restore", "--yes"], "restoring media")] {
        let mut running = ship.stack().xtask_start(first);
        running.see(says, Duration::from_secs(60));
        for command in [&["backup"][..], &["restore", "--yes"], &["snapshot", "save", "x"]] {
            let refused = ship.stack().xtask(command);
            assert!(refused.code == 1 && refused.stderr.contains("is being changed by `cargo xtask --env test"), "{refused:?}");
            assert!(refused.stderr.contains(&format!(" {}`, process ", first.join(" "))), "{refused:?}");
        }
        let (code, said) = running.end();
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(ship.listed().len(), 1);
    // One whose xtask is gone is at it all the same.
    let name = format!("{}-backup", ship.stack().project);
    let image = ship.stack().inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned();
    let label = ["--label", "com.docker.compose.project=", "--label", "slipway.doing=restore"];
    ship.stack()
        .docker(&[&["run", "--detach", "--rm", "--name", &name, "--entrypoint", "sleep"], &label[..], &[&image, "60"]].concat())
        .good();
    let refused = ship.stack().xtask(&["backup"]);
    assert!(refused.code == 1 && refused.stderr.contains("another command is at the data of"), "{refused:?}");
    assert!(refused.stderr.contains("`restore`, since "), "{refused:?}");
    ship.stack().docker(&["rm", "--force", &name]).good();
    ship.backup(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_leaves_no_backup() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "away");
    ship.sql("CREATE TABLE bulk AS SELECT g AS id, repeat(md5(g::text), 20) AS text FROM generate_series(1, 200000) g");
    ship.mark(1);
    // Whoever reads the large table is sent away as soon as it does.
    let sends = "SET statement_timeout TO '60s'; DO $$ BEGIN LOOP PERFORM pg_stat_clear_snapshot(), pg_sleep(0.002); \
                 PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%bulk%'; EXIT WHEN FOUND; END LOOP; END $$";
    let sender = ship.stack().xtask_start(&["shell", "db", "--", "psql", "--username=slipway", "--dbname=slipway", "--command", sends]);
    let backup = ship.stack().xtask_start(&["backup"]);
    let sent = sender.end();
    assert_eq!(sent.0, 0, "{sent:?}");
    let (code, said) = backup.end();
    assert!(code == 1 && said.contains("the database could not be dumped"), "{said}");
    assert_eq!(ship.listed(), [""; 0]);
    // Whatever a backup waits for, Ctrl-C ends it.
    let _held = ship.stack().lock_table("bulk").await;
    let mut backup = ship.stack().xtask_start(&["backup"]);
    backup.see("dumping db", Duration::from_secs(60));
    backup.signal("INT");
    let begun = Instant::now();
    let (code, said) = backup.end();
    eprintln!("a backup that waits ended {:?} after Ctrl-C", begun.elapsed());
    assert_eq!(code, 130, "{said}");
    // A server that hangs is given up.
    let mut backup = ship.stack().xtask_start(&["backup"]);
    backup.see("dumping db", Duration::from_secs(60));
    ship.stack().signal_service("db", "STOP");
    let begun = Instant::now();
    let (code, said) = backup.end();
    eprintln!("a backup of a server that hangs ended after {:?}", begun.elapsed());
    assert!(code == 1 && said.contains("the database has not answered for "), "{said}");
    ship.stack().signal_service("db", "CONT");
    ship.stack().unlock_tables();
    assert_eq!(ship.listed(), [""; 0]);
    // One that does not run is named before anything begins.
    ship.stack().docker(&["stop", &ship.stack().container("db")]).good();
    let refused = ship.stack().xtask(&["backup"]);
    assert!(refused.code == 1 && refused.stderr.contains("`db` does not run"), "{refused:?}");
    ship.stack().xtask(&["up"]).good();
    ship.backup(&["--strict"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_change_meanwhile_are_named() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "change");
    ship.within(
        "mkdir /media/busy; head -c 60000000 /dev/urandom > /media/busy/a; for n in $(seq 1 200); do echo $n > /media/busy/g-$n; done",
    )
    .good();
    let name = ship.write_all_the_time();
    let id = ship.backup(&[]);
    let manifest: serde_json::Value = serde_json::from_str(&ship.stack().xtask(&["backup", "show", "--json"]).good().stdout).unwrap();
    let media = manifest["parts"].as_array().unwrap().iter().find(|part| part["name"] == "media").unwrap().clone();
    assert!(media["changed"].to_string().contains("busy"), "{media}");
    let strict = ship.stack().xtask(&["backup", "--strict"]);
    assert!(strict.code == 1 && strict.stderr.contains("files of `media` changed while they were read"), "{strict:?}");
    ship.stack().docker(&["rm", "--force", &name]).good();
    assert_eq!(ship.listed().len(), 1);
    ship.stack().xtask(&["restore", &id, "--yes"]).good();
}
