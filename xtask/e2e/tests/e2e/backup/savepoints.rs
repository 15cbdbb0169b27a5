//! Save points: made and loaded while everything else goes on.

use super::Ship;
use crate::harness::shared;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_point_is_gone_back_to_without_a_restart() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "points");
    let started = |service: &str| ship.stack().inspect(service)["State"]["StartedAt"].clone();
    let services = ["backend", "worker", "frontend", "proxy", "db"];
    let before = services.map(started);
    ship.mark(1);
    assert_eq!(ship.stack().xtask(&["snapshot", "save", "one"]).good().stdout, "one\n");
    ship.mark(2);
    ship.stack().xtask(&["snapshot", "save", "two"]).good();
    ship.mark(3);
    for (name, number) in [("one", "1"), ("two", "2"), ("one", "1"), ("before-load", "2")] {
        ship.stack().xtask(&["snapshot", "load", name, "--yes"]).good();
        assert_eq!(ship.marks(), [number; 4], "{name}");
    }
    assert_eq!(services.map(started), before, "no container was restarted");
    assert_eq!(ship.stack().inspect("redis")["RestartCount"], 0, "nor did the engine have to start Redis");
    ship.ready().await;

    let listed = ship.stack().xtask(&["snapshot", "list"]).good().stdout;
    assert!(["one", "two", "before-load"].iter().all(|name| listed.contains(name)), "{listed}");
    // What is saved is not backed up.
    ship.backup(&[]);
    let show = ship.stack().xtask(&["backup", "show", "--json"]).good().stdout;
    assert!(!show.contains(".slipway"), "{show}");
    ship.stack().xtask(&["snapshot", "rm", "one", "two"]).good();
    let refused = ship.stack().xtask(&["snapshot", "load", "one", "--yes"]);
    assert!(refused.code == 1 && refused.stderr.contains("there is no save point `one`"), "{refused:?}");
    let databases = ship.sql("SELECT count(*) FROM pg_database WHERE datname LIKE '%snapshot_one' OR datname LIKE '%snapshot_two'");
    assert_eq!(databases, ["0"]);
}
