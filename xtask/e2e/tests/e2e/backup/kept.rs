//! The dump of a backup in a repository: used again where nothing was written to the database since, and made anew whatever was.

use std::time::Duration;

use super::Ship;
use crate::harness::{eventually, shared};

impl Ship {
    /// Makes a backup; says how its database was dumped, and whether that is the dump of the backup before.
    fn dumped(&self, flags: &[&str]) -> (String, bool) {
        let made = self.stack().xtask(&[&["backup", "--verbose"], flags].concat()).good();
        let again = made.stderr.contains("nothing was written to db since it was dumped");
        assert!(again != made.stderr.contains("dumping db"), "{made:?}");
        let parts = self.shown(made.stdout.trim())["parts"].clone();
        let part = parts.as_array().unwrap().iter().find(|part| part["name"] == "db").unwrap().clone();
        (part["digest"].as_str().unwrap().to_owned(), again)
    }

    /// Lets a process of the database server die, and the server recover.
    async fn crash(&self) {
        let checkpointer = || {
            let query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
            self.stack().exec("db", &["psql", "-tA", "--username=slipway", "--dbname=slipway", "--command", query]).stdout
        };
        let before = checkpointer();
        self.stack().exec("db", &["bash", "-c", &format!("kill -9 {before}")]).good();
        eventually("another process", Duration::from_secs(60), || async {
            let now = checkpointer();
            if now.trim().is_empty() || now == before { Err(now) } else { Ok(()) }
        })
        .await;
    }

    /// Makes backups until the server's own work after a change is done; says how the database was dumped.
    async fn settled(&self, flags: &[&str]) -> String {
        eventually("a backup without a new dump", Duration::from_secs(120), || async {
            let (digest, again) = self.dumped(flags);
            if again { Ok(digest) } else { Err(digest) }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_is_made_where_something_was_written_and_only_there() {
    let (shared, _turn) = shared().await;
    let ship = Ship::with_repository(&shared, "quiet");
    ship.mark(1);
    ship.sql("CREATE SEQUENCE moved; SELECT nextval('moved'); CREATE UNLOGGED TABLE unlogged (number int)");
    let mut before = ship.settled(&[]).await;
    assert_eq!(ship.settled(&["--quiesce"]).await, before);
    // Rows, what comes without rows or without a number of a transaction, what is not of this database alone, what somebody touched.
    let dump = ship.backups().join(".dump/db/database.dump");
    let changes: [(&str, &dyn Fn()); 6] = [
        ("a row", &|| drop(ship.sql("UPDATE mark SET number = 2"))),
        ("a sequence alone", &|| drop(ship.sql("SELECT nextval('moved')"))),
        ("a row outside of the log", &|| drop(ship.sql("INSERT INTO unlogged VALUES (1)"))),
        ("a role", &|| drop(ship.sql("CREATE ROLE another"))),
        ("another file in its place", &|| {
            std::fs::copy(&dump, dump.with_extension("copy")).unwrap();
            std::fs::rename(dump.with_extension("copy"), &dump).unwrap();
        }),
        ("a dump that is gone", &|| std::fs::remove_file(&dump).unwrap()),
    ];
    for (what, change) in changes {
        change();
        let (digest, again) = ship.dumped(&[]);
        assert!(!again && digest != before, "{what}");
        before = ship.settled(&[]).await;
    }
    // What a server gave that went down may be given again.
    ship.crash().await;
    let (digest, again) = ship.dumped(&[]);
    assert!(!again && digest != before, "a server that recovered");
    before = ship.settled(&[]).await;
    // A transaction that is under way has written nothing yet.
    let writes = "INSERT INTO mark VALUES (3); DO $$ BEGIN WHILE pg_stat_file('/tmp/go', true) IS NULL LOOP PERFORM pg_sleep(0.02); END LOOP; END $$";
    let writing = ship.stack().xtask_start(&["shell", "db", "--", "psql", "--username=slipway", "--dbname=slipway", "--command", writes]);
    eventually("a transaction that wrote", Duration::from_secs(30), || async {
        let there = ship.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL");
        if there == ["1"] { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
    assert_eq!(ship.dumped(&[]), (before.clone(), true));
    ship.stack().exec("db", &["touch", "/tmp/go"]).good();
    assert_eq!(writing.end().0, 0);
    let (digest, again) = ship.dumped(&[]);
    assert!(!again && digest != before, "a transaction that ended later");
    ship.settled(&["--quiesce"]).await;
    let moved = ship.sql("SELECT last_value FROM moved");
    ship.mark(4);
    ship.sql("SELECT nextval('moved')");
    let id = ship.ids().pop().unwrap();
    ship.stack().xtask(&["backup", "verify", &id]).good();
    ship.stack().xtask(&["restore", &id, "--yes"]).good();
    assert_eq!(ship.sql("SELECT number FROM mark ORDER BY 1"), ["2", "3"]);
    assert_eq!(ship.sql("SELECT last_value FROM moved"), moved);
    assert!(!ship.backups().join(".dump").exists(), "it is not that of the database any more");
    assert!(!ship.dumped(&[]).1);
    // What is outside of the log, and has no number, moves unseen.
    ship.sql("CREATE UNLOGGED SEQUENCE unseen");
    assert!(!ship.dumped(&[]).1);
    ship.sql("SELECT setval('unseen', 1000, false)");
    assert!(!ship.dumped(&[]).1);
}
