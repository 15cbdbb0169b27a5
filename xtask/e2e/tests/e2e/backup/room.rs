//! No room, in each place that a backup or a restore writes to: it is said, and nothing is changed.

use super::Ship;
use crate::harness::shared;

/// The mount of backups in the compose file.
const DIRECTORY: &str = "- ${BACKUP_DIR:-../backups/slipway}:/backups";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_there_is_no_backup_and_the_others_stay() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "room");
    ship.mark(1);
    ship.sql("CREATE TABLE bulk AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 150000) g");
    ship.within("head -c 6000000 /dev/urandom > /media/noise").good();
    let first = ship.backup(&[]);
    // In the place of the one with room, a directory that the dump does not fit into, and one that the files do not fit into.
    for (size, part) in [(4_000_000, "the database could not be dumped"), (12_000_000, "No space left on device")] {
        let small = format!("- {{ type: tmpfs, target: /backups, tmpfs: {{ size: {size} }} }}");
        ship.checkout.edit("infra/compose.yaml", DIRECTORY, &small);
        let outcome = ship.stack().xtask(&["backup"]);
        assert!(outcome.code == 1 && outcome.stderr.contains(part), "{outcome:?}");
        assert!(outcome.stderr.contains("backup.directory"), "it says what to do: {outcome:?}");
        ship.checkout.edit("infra/compose.yaml", &small, DIRECTORY);
    }
    let ids: Vec<String> = ship.listed().iter().map(|backup| backup["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [first]);
    assert_eq!(ship.marks(), ["1"; 4]);
    ship.backup(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_nothing_is_restored() {
    let (shared, _turn) = shared().await;
    let mut ship = Ship::new(&shared, "full");
    // Volumes with an end.
    for (volume, options) in
        [("postgres-data", "size=300m,uid=999,mode=0700"), ("redis-data", "size=30m,uid=999"), ("media", "nr_inodes=400")]
    {
        let bounded = format!("  {volume}: {{ labels: *labels, driver_opts: {{ type: tmpfs, device: tmpfs, o: \"{options}\" }} }}");
        ship.checkout.edit("infra/compose.yaml", &format!("  {volume}: {{ labels: *labels }}"), &bounded);
    }
    ship.up();
    // What is in memory is gone when nobody has it mounted. This one ends with the test: nothing comes from its stdin then.
    let holder = ship.helper(&["--interactive"], "cat", &[]);
    let _holder = ship.stack().docker_start(&holder.iter().map(String::as_str).collect::<Vec<_>>());
    ship.mark(1);
    // About 10 MB of text, and 50 MB in tables.
    ship.sql("CREATE TABLE bulk AS SELECT g AS id FROM generate_series(1, 1500000) g");
    ship.within("mkdir /media/many; for n in $(seq 100); do echo $n > /media/many/$n; done").good();
    ship.redis(&["eval", "for n = 1, 100 do redis.call('set', 'bulk:' .. n, string.rep('x' .. n, 50000)) end", "0"]);
    let backup = ship.backup(&[]);
    ship.mark(2);
    let file = ship.file(&backup).display().to_string();
    let restore = ["restore", "--at", &file, "--yes"];
    let refused = |place: &str, said: &str| {
        let outcome = ship.stack().xtask(&restore);
        assert!(outcome.code == 1 && outcome.stderr.contains(said), "{place}: {outcome:?}");
    };
    let fill = |path: &str, left: u32| {
        // Never the disk of this machine.
        let script = format!(
            "test $(stat --file-system --format %T {path}) = tmpfs; head -c $(($(df --output=avail --block-size=1 {path} | tail -1) - {left})) /dev/zero > {path}/junk"
        );
        ship.within(&script).good();
    };
    let unchanged = |place: &str| {
        assert_eq!(ship.marks(), ["2"; 4], "{place}");
        assert_eq!(ship.sql("SELECT datname FROM pg_database WHERE datname = 'slipway_restore'"), [""; 0], "{place}");
        assert_eq!(ship.within("ls -A /media/.slipway /redis/.slipway | grep -x new || true").good().stdout, "", "{place}");
    };

    // Less than the dump has; then less than its tables will take, which only the server finds out.
    for (left, said) in [(5_000_000, "there is no room for `db`"), (25_000_000, "the database could not be restored")] {
        fill("/db", left);
        refused("db", said);
        ship.within("rm /db/junk").good();
        ship.ready().await;
        // What could not be removed from a server that was away is removed by whoever comes next.
        ship.stack().xtask(&["backup", "verify"]).good();
        unchanged("db");
    }
    // There is room for contents, and none for names.
    ship.within("mkdir /media/junk; cd /media/junk; for n in $(seq 1000); do touch $n || break; done 2>/dev/null; rm [1-4]?").good();
    refused("media", "No space left on device");
    ship.within("rm -r /media/junk").good();
    unchanged("media");
    fill("/redis", 0);
    refused("redis", "there is no room for `redis`");
    ship.within("rm /redis/junk").good();
    unchanged("redis");
    // Where it is unpacked.
    let small = "- { type: tmpfs, target: /backups, tmpfs: { size: 1000000 } }";
    ship.checkout.edit("infra/compose.yaml", DIRECTORY, small);
    refused("backups", "there is no room for `db`");
    ship.checkout.edit("infra/compose.yaml", small, DIRECTORY);
    unchanged("backups");

    ship.stack().xtask(&restore).good();
    assert_eq!(ship.marks(), ["1"; 4]);
}
