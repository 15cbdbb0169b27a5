//! What is restored is what was backed up: into the same stack, and into one that was never started.

use std::time::Duration;

use super::Ship;
use super::databases::assert_same;
use crate::harness::shared;

/// Everything that a file system knows, and names that few programs like.
pub(super) const ODD_FILES: &str = r#"
cd /media; mkdir -p seed/deep/er "seed/$(printf 'odd \377 name')" seed/empty
for n in $(seq 1 300); do head -c $((n * 100)) /dev/urandom > seed/deep/file-$n; done
ln seed/deep/file-1 seed/hard; ln seed/deep/file-1 seed/deep/er/hard-too; ln -s deep/file-2 seed/soft; ln -s /nowhere seed/dangling
truncate -s 20M seed/sparse; printf middle | dd of=seed/sparse bs=1 seek=9000000 conv=notrunc status=none
printf x > "$(printf 'seed/two\nlines')"; printf x > "seed/$(head -c 255 /dev/zero | tr '\0' n)"
mkfifo seed/pipe; chmod 4755 seed/deep/file-3; chmod 2770 seed/empty; chown 33:34 seed/deep/file-4; chown -h 35:36 seed/soft
touch -d '1969-12-31 23:59:58.5 UTC' seed/deep/file-5; touch -d '2001-02-03 04:05:06.123456789 UTC' seed/deep
tar --format=posix --pax-option='SCHILY.xattr.user.origin:=harbour,SCHILY.acl.access:=user::rw-
user:33:r--
group::r--
mask::r--
other::---' -cf - seed/deep/file-6 | tar --xattrs --xattrs-include='*' --acls -xf -
ls -l seed/deep/file-6 | grep -q '^-rw-r-----+'
tar --format=posix --pax-option='SCHILY.xattr.user.a%3Db:=equals' -cf - seed/deep/file-7 | tar --xattrs --xattrs-include='*' -xf -
deep=seed; for n in 1 2 3 4 5 6 7 8; do deep=$deep/$(head -c 60 /dev/zero | tr '\0' d); done; mkdir -p $deep; echo far > $deep/file
chown 10001:10001 /media; chmod 2755 /media
"#;

/// How many more files there are, of 54,000 bytes each, and how many rows of about 150; `TEST_FILES` and `TEST_ROWS` say otherwise.
fn bulk() -> [u64; 2] {
    [("TEST_FILES", 100), ("TEST_ROWS", 20_000)]
        .map(|(name, usual)| std::env::var(name).map_or(usual, |count| count.parse().unwrap_or_else(|_| panic!("{name} is a number"))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_comes_back_as_it_was() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "trip");
    ship.within(ODD_FILES).good();
    // Restic keeps links of files alone.
    ship.within("cd /media/seed; ln soft soft-again; ln pipe pipe-again").good();
    ship.sql("CREATE TABLE accounts AS SELECT g AS id, 1000::bigint AS balance FROM generate_series(1, 200) g");
    let [files, rows] = bulk();
    ship.within(&format!(
        "mkdir /media/many; cd /media/many; head -c {} /dev/urandom | split --bytes=54000 --suffix-length=5",
        files * 54_000
    ))
    .good();
    ship.sql(&format!(
        "CREATE TABLE bulk AS SELECT g AS id, md5(g::text) || md5((g * 7)::text) || md5((g * 11)::text) || md5((g * 13)::text) AS text \
         FROM generate_series(1, {rows}) g"
    ));
    ship.furnish();
    ship.mark(1);
    let sum = "SELECT count(*), sum(hashtextextended(id || text, 0)) FROM bulk";
    let (tree, bulk, server) = (ship.tree(), ship.sql(sum), ship.whole_server());
    // A session has tables that nobody else can lock or read.
    let temporary = "CREATE TEMPORARY TABLE own (n int); SELECT pg_sleep(600)";
    let _session =
        ship.stack().xtask_start(&["shell", "db", "--", "psql", "--username=slipway", "--dbname=slipway", "--command", temporary]);

    // Money moves between accounts all the time; a copy of one moment has all of it.
    let mut transfers = ship.stack().xtask_start(&[
        "shell",
        "db",
        "--",
        "sh",
        "-c",
        "while psql -q -U slipway -d slipway -c \"BEGIN; UPDATE accounts SET balance = balance - 1 WHERE id = (SELECT 1 + (random() * 198)::int); \
         SELECT pg_sleep(0.002); UPDATE accounts SET balance = balance + 1 WHERE id = 200; COMMIT\" >/dev/null; do echo moved; done",
    ]);
    transfers.see("moved", Duration::from_secs(30));
    let (plain, quiesced) = (ship.backup(&[]), ship.backup(&["--quiesce"]));
    transfers.see("moved", Duration::from_secs(30));
    // They end where there is no such table, and not only those who listen to them.
    ship.sql("ALTER TABLE accounts RENAME TO closed");
    drop(transfers.end());
    ship.sql("ALTER TABLE closed RENAME TO accounts");
    let sums: u64 = 200 * 1000;

    for id in [&plain, &quiesced] {
        ship.mark(2);
        ship.within("cd /media/seed; rm -rf deep; echo changed > sparse; setfattr -n user.x -v 1 hard 2>/dev/null || true; touch new")
            .good();
        ship.sql("DROP TABLE bulk; UPDATE accounts SET balance = 0");
        // Settings, privileges and memberships go back, and so does a database that is gone.
        ship.sql("GRANT CONNECT ON DATABASE slipway TO PUBLIC");
        ship.sql("ALTER DATABASE slipway RESET ALL");
        ship.sql("COMMENT ON DATABASE slipway IS NULL");
        ship.sql("REVOKE plain FROM \"Odd\"\"name\\n;\"");
        ship.sql("DROP DATABASE analytics");
        let restored = ship.stack().xtask(&["restore", id, "--yes"]).good();
        assert!(restored.stderr.contains(": db, redis, media"), "{restored:?}");
        assert_eq!(ship.marks(), ["1", "1", "1", "1"]);
        assert_eq!(ship.tree(), tree);
        assert_eq!(ship.sql(sum), bulk);
        assert_same(&ship.whole_server(), &server);
        assert_eq!(ship.sql("SELECT sum(balance) FROM accounts"), [sums.to_string()], "no transfer is half done");
    }
    // The application goes on by itself.
    ship.ready().await;
    // What was there before is one command away.
    ship.stack().xtask(&["snapshot", "load", "before-restore", "--yes"]).good();
    assert_eq!(ship.marks(), ["2", "2", "2", "2"]);

    // A single part comes back alone.
    ship.stack().xtask(&["snapshot", "save", "whole"]).good();
    let server_of_whole = ship.whole_server();
    ship.stack().xtask(&["restore", &plain, "--yes"]).good();
    ship.stack().xtask(&["snapshot", "load", "whole", "--yes"]).good();
    assert_same(&ship.whole_server(), &server_of_whole);
    let alone = ship.stack().xtask(&["restore", &plain, "--only", "media", "--yes"]).good();
    assert!(alone.stderr.contains("the save point `before-restore` that is there also has db, redis: it is gone then"), "{alone:?}");
    assert_eq!(ship.marks(), ["2", "2", "1", "1"]);
    let left = ship.sql("SELECT count(*) FROM pg_database WHERE datname LIKE '%snapshot_before-restore'");
    let kept = ship.within("ls -d /redis/.slipway/snapshots/before-restore /media/.slipway/snapshots/before-restore").stdout;
    assert_eq!(
        (left, kept.as_str()),
        (vec!["0".to_owned()], "/media/.slipway/snapshots/before-restore\n"),
        "one save point is of one moment"
    );
    ship.stack().xtask(&["snapshot", "load", "before-restore", "--yes"]).good();
    assert_eq!(ship.marks(), ["2", "2", "2", "2"]);

    // Onto a machine that has nothing of it.
    let mut fresh = Ship::new(&shared, "fresh");
    let file = ship.file(&plain).display().to_string();
    let refused = fresh.stack().xtask(&["restore", "--at", &file]);
    assert!(refused.code == 1 && refused.stderr.contains("--yes"), "{refused:?}");
    assert_eq!(fresh.checkout.left().containers, [""; 0], "nothing was started before somebody agreed");
    let restored = fresh.stack().xtask(&["restore", "--at", &file, "--yes"]).good();
    assert!(restored.stderr.contains("no password, because backups have none: \"report user\""), "{restored:?}");
    assert_same(&fresh.whole_server(), &server);
    assert!(restored.stderr.contains(&format!("the backup is of {}", ship.stack().project)), "{restored:?}");
    assert_eq!((fresh.marks(), fresh.tree(), fresh.sql(sum)), (["1", "1", "1", "1"].map(str::to_owned), tree, bulk));
    fresh.up();
    fresh.ready().await;
    assert_eq!(fresh.marks(), ["1", "1", "1", "1"]);
}
