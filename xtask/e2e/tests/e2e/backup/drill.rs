//! A backup in a throw-away instance: restored for the sake of it, or to rehearse migrations. Nobody who works notices.

use super::Ship;
use crate::harness::shared;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_restores_elsewhere_and_leaves_nothing() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "trial");
    ship.mark(1);
    let id = ship.backup(&[]);
    ship.mark(2);
    let started = |service: &str| ship.stack().inspect(service)["State"]["StartedAt"].clone();
    let before = ["db", "redis", "backend"].map(started);
    let drill = ship.stack().xtask(&["backup", "verify", "--drill"]).good();
    // The application was asked for everything, on the copy.
    assert!(drill.stdout.contains(" passed, 0 failed") && drill.stdout.ends_with(&format!("{id}  as it was, and restored\n")), "{drill:?}");
    assert!(drill.stderr.contains("starting on it: backend, frontend, proxy, worker"), "{drill:?}");
    assert_eq!((ship.marks(), ["db", "redis", "backend"].map(started)), (["2", "2", "2", "2"].map(str::to_owned), before));

    // A database whose migrations the application does not know is restored, and the application does not start on it.
    ship.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99999999999999, 'of tomorrow', true, '', 0)");
    ship.backup(&[]);
    let refused = ship.stack().xtask(&["backup", "verify", "--drill"]);
    assert!(refused.code != 0 && refused.stderr.contains("99999999999999"), "{refused:?}");
    assert_nothing_left(&ship);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_are_rehearsed_on_a_copy() {
    let (shared, _turn) = shared().await;
    let ship = Ship::under_way(&shared, "rehearse");
    let none = ship.stack().xtask(&["migrate", "check", "--rehearse"]);
    assert!(none.code == 1 && none.stderr.contains("cargo xtask backup"), "{none:?}");
    let newest = ship.sql("SELECT max(version) FROM _sqlx_migrations").remove(0);
    ship.stack().xtask(&["migrate", "revert", "--yes"]).good();
    let before = ship.sql("SELECT max(version) FROM _sqlx_migrations");
    assert_ne!(before.first(), Some(&newest));
    let id = ship.backup(&[]);
    let rehearsed = ship.stack().xtask(&["migrate", "check", "--rehearse"]).good();
    assert!(rehearsed.stdout.contains(&newest), "{rehearsed:?}");
    assert!(rehearsed.stderr.contains(&format!("a copy of {id} is up to date")), "{rehearsed:?}");
    assert_eq!(ship.sql("SELECT max(version) FROM _sqlx_migrations"), before, "the stack itself was not migrated");

    // What does not work on a copy is said, with the words of the database.
    ship.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99999999999999, 'of tomorrow', true, '', 0)");
    ship.backup(&[]);
    ship.sql("DELETE FROM _sqlx_migrations WHERE version = 99999999999999");
    let refused = ship.stack().xtask(&["migrate", "check", "--rehearse"]);
    assert!(refused.code == 1 && refused.stderr.contains("the migrations do not work on a copy of"), "{refused:?}");
    assert!(refused.stderr.contains("99999999999999"), "{refused:?}");
    assert_nothing_left(&ship);
}

/// Whatever happened there, the throw-away instance is gone.
fn assert_nothing_left(ship: &Ship) {
    let project = format!("{}-drill", ship.stack().project);
    let label = format!("label=com.docker.compose.project={project}");
    for list in [&["ps", "--all", "--quiet"][..], &["volume", "ls", "--quiet"], &["network", "ls", "--quiet"]] {
        assert_eq!(ship.stack().docker(&[list, &["--filter", &label]].concat()).good().stdout, "", "{list:?}");
    }
    assert!(!ship.checkout.path("backups").join(project).exists());
}
