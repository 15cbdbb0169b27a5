//! Whatever is killed at whatever moment: the next run finds all of the old data or all of the new, and no backup that is not whole.

use std::time::{Duration, Instant};

use super::Ship;
use crate::harness::shared;

/// How often each is killed; `TEST_KILLS` says otherwise.
pub(super) fn kills() -> u32 {
    std::env::var("TEST_KILLS").map_or(1, |count| count.parse().expect("TEST_KILLS is a number"))
}

/// Moments spread over a run that takes `whole`, others in each run of the test.
pub(super) fn moments(whole: Duration, count: u32) -> Vec<Duration> {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_micros();
    (0..count).map(|n| whole.mul_f64((f64::from(n) + f64::from(seed.wrapping_mul(n + 1) % 1000) / 1000.0) / f64::from(count))).collect()
}

/// What is killed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Victim {
    Xtask,
    Agent,
    Client,
}

impl Ship {
    /// How the container `name` is; empty where there is none.
    fn state(&self, name: &str) -> String {
        self.stack().docker(&["container", "inspect", "--format", "{{.State.Status}}", name]).stdout.trim().to_owned()
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.stack().xtask(&["status", "--json"]).good().stdout).unwrap()
    }

    /// Starts a command, kills somebody after `moment`, and waits until all of it is over.
    pub(super) fn kill_in(&self, command: &[&str], victim: Victim, moment: Duration) {
        let running = self.stack().xtask_start(command);
        std::thread::sleep(moment);
        let agent = format!("{}-backup", self.stack().project);
        match victim {
            Victim::Xtask => running.signal_if_there("KILL"),
            Victim::Agent => drop(self.stack().docker(&["kill", "--signal", "KILL", &agent])),
            // Whatever talks with the engine for xtask.
            Victim::Client => running.signal_children("KILL"),
        }
        let _ = running.end();
        let begun = Instant::now();
        // The agent of a killed xtask ends by itself, and so does the client that is about to start it. One that nobody was left to start never begins,
        // and is removed by whoever comes next.
        let works = || self.stack().runs(&format!("name {agent} ")) || ["running", "removing"].contains(&self.state(&agent).as_str());
        while works() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the agent goes on without anybody");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_no_kill_leaves_half_a_backup() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "killed");
    ship.mark(1);
    ship.within("head -c 30000000 /dev/urandom > /media/noise").good();
    let begun = Instant::now();
    ship.backup(&["--quiesce"]);
    let whole = begun.elapsed();
    for victim in [Victim::Xtask, Victim::Agent, Victim::Client] {
        for moment in moments(whole, kills()) {
            ship.kill_in(&["backup", "--quiesce"], victim, moment);
            // Nobody waits to write.
            ship.sql("SET lock_timeout TO '5s'; UPDATE mark SET number = 1");
            // All that are in the list are whole.
            ship.stack().xtask(&["backup", "verify", "--all"]).good();
        }
    }
    ship.backup(&[]);
    let left: Vec<String> =
        std::fs::read_dir(ship.backups().join(".work")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left, [""; 0], "what was begun and not finished is gone");
    let files =
        std::fs::read_dir(ship.backups()).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "zst"));
    assert_eq!(files.count(), ship.listed().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_leaves_a_mix_of_old_and_new() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "mixed");
    ship.mark(1);
    ship.within("mkdir /media/many; for n in $(seq 1 2000); do echo $n > /media/many/$n; done").good();
    let backup = ship.backup(&[]);
    let begun = Instant::now();
    ship.stack().xtask(&["restore", "--yes"]).good();
    let (whole, mut old, mut new) = (begun.elapsed(), 0, 0);
    for victim in [Victim::Xtask, Victim::Agent, Victim::Client] {
        for moment in moments(whole, kills()) {
            ship.mark(2);
            ship.kill_in(&["restore", &backup, "--yes"], victim, moment);
            // Whoever is left, the command or its agent, finishes what was half in place.
            assert_ne!(ship.status()["interrupted_restore"], "commit", "{victim:?} after {moment:?}");
            // Any command at the data finishes or undoes it first.
            ship.stack().xtask(&["snapshot", "save", "after"]).good();
            let marks = ship.marks();
            assert!(marks == ["1"; 4] || marks == ["2"; 4], "{victim:?} after {moment:?}: {marks:?}");
            if marks == ["1"; 4] {
                new += 1;
            } else {
                old += 1;
            }
            assert!(!ship.backups().join(".work/restore.json").exists());
            assert_eq!(ship.sql("SELECT datname FROM pg_database WHERE datname = 'slipway_restore'"), [""; 0]);
            let staged = ship.within("ls -A /media/.slipway /redis/.slipway").good().stdout;
            assert!(!staged.contains("new") && !staged.contains("out"), "{staged}");
        }
    }
    // Where both are gone, those who look at the stack hear of it, until the next command finishes it.
    let journal = ship.backups().join(".work/restore.json");
    let text = r#"{"parts":[{"name":"media","kind":"files"}],"kept":"before-restore","phase":"commit"}"#;
    std::fs::write(&journal, text).unwrap();
    let told = [&["status"], &["doctor"]].map(|command| ship.stack().xtask(command).stdout);
    assert!(told.iter().all(|text| text.contains("a restore was interrupted while it put data into place")), "{told:?}");
    assert_eq!((&ship.status()["interrupted_restore"], &ship.status()["well"]), (&"commit".into(), &false.into()));
    ship.stack().xtask(&["up"]).good();
    assert!(!journal.exists() && ship.status()["well"] == true);
    eprintln!("{} kills in restores of {whole:?}: {old} ended with the old data, {new} with the new", old + new);
}
