//! `backend migrate`
use crate::harness::{Bench, eventually, run, run_unmigrated};
use backend::config::DatabaseConfig;
use backend::migrations::{self, MIGRATOR, Status, Text};
use sqlx::PgConnection;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use std::time::Duration;

async fn connect(bench: &Bench) -> PgConnection {
    migrations::connect(&bench.database, Duration::from_secs(5)).await.unwrap()
}

async fn statuses(connection: &mut PgConnection) -> Vec<Status> {
    migrations::status(connection, &MIGRATOR).await.unwrap().into_iter().map(|entry| entry.status).collect()
}

#[tokio::test]
async fn up_is_idempotent_even_at_the_same_time() {
    run_unmigrated(async |bench| {
        let (mut first, mut second) = (connect(bench).await, connect(bench).await);
        assert!(statuses(&mut first).await.iter().all(|status| *status == Status::Pending));
        let mut told = Vec::new();
        let outcome = tokio::join!(
            migrations::up(&mut first, &MIGRATOR, |migration| told.push(migration.version)),
            migrations::up(&mut second, &MIGRATOR, |_| {})
        );
        let total = migrations::status(&mut first, &MIGRATOR).await.unwrap().len();
        assert_eq!(outcome.0.as_ref().unwrap() + outcome.1.unwrap(), total, "each is applied once");
        assert_eq!(told.len(), outcome.0.unwrap());
        assert!(statuses(&mut first).await.iter().all(|status| *status == Status::Applied));
        assert_eq!(migrations::up(&mut first, &MIGRATOR, |_| {}).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_migration_lets_others_go_on_while_it_waits_for_a_lock() {
    run_unmigrated(async |bench| {
        let (mut holder, mut up) = (connect(bench).await, connect(bench).await);
        sqlx::query("CREATE TABLE busy (n int)").execute(&bench.pool).await.unwrap();
        let migrator = program("ALTER TABLE busy ADD COLUMN m int");
        sqlx::query("BEGIN").execute(&mut holder).await.unwrap();
        sqlx::query("SELECT * FROM busy").execute(&mut holder).await.unwrap();
        let others = async {
            let waiting = async || {
                let sql = "SELECT count(*) FROM pg_locks WHERE relation = 'busy'::regclass AND NOT granted";
                sqlx::query_scalar::<_, i64>(sql).fetch_one(&bench.pool).await.unwrap() > 0
            };
            eventually("it waits", waiting).await;
            // Behind it, and before it has what it wants.
            sqlx::query("SELECT * FROM busy").execute(&bench.pool).await.unwrap();
            sqlx::query("COMMIT").execute(&mut holder).await.unwrap();
        };
        let (applied, ()) = tokio::join!(migrations::up(&mut up, &migrator, |_| {}), others);
        assert_eq!(applied.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_the_database_does_not_use_is_named() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        assert_eq!(migrations::invalid(&mut connection).await.unwrap(), [""; 0]);
        let mut refused = Vec::new();
        for sql in [
            "CREATE TABLE \"a 1\" (n int)",
            "INSERT INTO \"a 1\" VALUES (1), (1)",
            "CREATE UNIQUE INDEX CONCURRENTLY twice ON \"a 1\" (n)",
            // The second time it is there, and nothing fails.
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS twice ON \"a 1\" (n)",
            "ALTER TABLE \"a 1\" ADD CONSTRAINT large CHECK (n > 1) NOT VALID",
        ] {
            refused.push(sqlx::query(sql).execute(&bench.pool).await.is_err());
        }
        assert_eq!(refused, [false, false, true, false, false]);
        assert_eq!(migrations::invalid(&mut connection).await.unwrap(), ["constraint large of \"a 1\"", "index public.twice"]);
    })
    .await;
}

#[tokio::test]
async fn one_at_a_time_changes_the_schema() {
    run(async |bench| {
        let (mut holder, mut up, mut revert, mut watcher) =
            (connect(bench).await, connect(bench).await, connect(bench).await, connect(bench).await);
        let before = statuses(&mut watcher).await;
        holder.lock().await.unwrap();
        let release = async {
            eventually("both wait for the lock", async || {
                let sql = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                           WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";
                sqlx::query_scalar::<_, i64>(sql).fetch_one(&bench.pool).await.unwrap() == 2
            })
            .await;
            assert_eq!(statuses(&mut watcher).await, before, "nobody has begun");
            holder.unlock().await.unwrap();
        };
        let (applied, reverted, ()) = tokio::join!(
            migrations::up(&mut up, &MIGRATOR, |_| {}),
            migrations::revert(&mut revert, &MIGRATOR, None, Text::Applied),
            release
        );
        let (applied, reverted) = (applied.unwrap(), reverted.unwrap().unwrap());
        let status = migrations::status(&mut watcher, &MIGRATOR).await.unwrap().pop().unwrap();
        // Whoever was first: what was reverted is the newest, and is applied again only by one that came later.
        assert_eq!(
            (reverted.version, applied, status.status),
            match applied {
                0 => (status.version, 0, Status::Pending),
                _ => (status.version, 1, Status::Applied),
            }
        );
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_does_not_hold_up_an_index_that_is_built_concurrently() {
    run(async |bench| {
        let (mut holder, mut up) = (connect(bench).await, connect(bench).await);
        holder.lock().await.unwrap();
        let build = async {
            eventually("it waits for the lock", async || {
                let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
                sqlx::query_scalar(sql).fetch_one(&bench.pool).await.unwrap()
            })
            .await;
            let sql = "CREATE INDEX CONCURRENTLY tasks_title ON tasks (title)";
            let outcome = sqlx::query(sql).execute(&mut holder).await;
            holder.unlock().await.unwrap();
            outcome
        };
        let (applied, built) = tokio::join!(migrations::up(&mut up, &MIGRATOR, |_| {}), build);
        assert_eq!((applied.unwrap(), built.is_ok()), (0, true));
        let timeout: String = sqlx::query_scalar("SHOW lock_timeout").fetch_one(&mut up).await.unwrap();
        assert_eq!(timeout, "0", "migrations themselves wait as they would");
    })
    .await;
}

async fn relations(connection: &mut PgConnection) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn step_by_step_back_to_nothing_and_up_again() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        let full = relations(&mut connection).await;
        let versions: Vec<i64> = migrations::status(&mut connection, &MIGRATOR).await.unwrap().iter().map(|entry| entry.version).collect();
        for (left, version) in versions.iter().enumerate().rev() {
            assert_eq!(
                migrations::revert(&mut connection, &MIGRATOR, Some(*version), Text::Applied).await.unwrap().unwrap().version,
                *version
            );
            let statuses = statuses(&mut connection).await;
            assert!(statuses[..left].iter().all(|status| *status == Status::Applied), "{statuses:?}");
            assert!(statuses[left..].iter().all(|status| *status == Status::Pending), "{statuses:?}");
        }
        assert_eq!(relations(&mut connection).await, ["_sqlx_migrations", "_sqlx_migrations_pkey"], "nothing of the schema is left");
        assert_eq!(migrations::revert(&mut connection, &MIGRATOR, None, Text::Applied).await.unwrap(), None);
        assert_eq!(migrations::up(&mut connection, &MIGRATOR, |_| {}).await.unwrap(), versions.len());
        assert_eq!(relations(&mut connection).await, full);
    })
    .await;
}

#[tokio::test]
async fn a_failed_revert_leaves_schema_and_record_as_they_were() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        // The last one whose file has several statements.
        migrations::revert(&mut connection, &MIGRATOR, None, Text::Applied).await.unwrap();
        // In the way of the second of three statements.
        sqlx::query("CREATE VIEW in_the_way AS SELECT * FROM exports").execute(&mut connection).await.unwrap();
        let before = (relations(&mut connection).await, statuses(&mut connection).await);
        let error = migrations::revert(&mut connection, &MIGRATOR, None, Text::Applied).await.unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("backend/migrations/20261121000005_create_files.down.sql: cannot drop"), "{error}");
        assert!(error.contains("because other objects depend on it\n  detail: view in_the_way depends on"), "{error}");
        assert!(error.ends_with("\n  it cannot be reverted: schema and record are as they were"), "{error}");
        assert_eq!((relations(&mut connection).await, statuses(&mut connection).await), before);
        sqlx::query("DROP VIEW in_the_way").execute(&mut connection).await.unwrap();
        migrations::revert(&mut connection, &MIGRATOR, None, Text::Applied).await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_left_alone() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        let before = relations(&mut connection).await;
        let error = migrations::revert(&mut connection, &MIGRATOR, Some(1), Text::Applied).await.unwrap_err().to_string();
        assert!(error.starts_with("migration 1 is not the newest applied one, that is "), "{error}");
        let changed = "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
        sqlx::query(changed).execute(&mut connection).await.unwrap();
        let error = migrations::revert(&mut connection, &MIGRATOR, None, Text::Applied).await.unwrap_err().to_string();
        assert!(error.contains("was changed after it was applied, so its down file may not fit"), "{error}");
        let unknown = "UPDATE _sqlx_migrations SET version = 99990101000000 WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
        sqlx::query(unknown).execute(&mut connection).await.unwrap();
        let error = migrations::revert(&mut connection, &MIGRATOR, None, Text::Applied).await.unwrap_err().to_string();
        assert!(error.contains("is not in this binary: "), "{error}");
        assert_eq!(relations(&mut connection).await, before);
        assert_eq!(statuses(&mut connection).await.iter().rev().take(2).collect::<Vec<_>>(), [&Status::Unknown, &Status::OutOfOrder]);
    })
    .await;
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (99990101000000, 'from the future', true, '\\x00', 0)";
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        assert_eq!(statuses(&mut connection).await.last(), Some(&Status::Unknown));
        let error = migrations::up(&mut connection, &MIGRATOR, |_| {}).await.unwrap_err().to_string();
        assert!(
            error.starts_with("migration 99990101000000 from the future was applied to the database but is not in this binary: "),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        sqlx::query("UPDATE _sqlx_migrations SET checksum = '\\x00'").execute(&mut connection).await.unwrap();
        let error = migrations::up(&mut connection, &MIGRATOR, |_| {}).await.unwrap_err().to_string();
        assert!(error.starts_with("backend/migrations/20261121000001_create_tasks.up.sql was changed after it was applied: "), "{error}");
    })
    .await;
}

/// A program with one migration of this text, in an order of its own.
fn program(text: &'static str) -> Migrator {
    let no_transaction = text.starts_with("-- no-transaction");
    let up = Migration::new(1, "add things".into(), MigrationType::ReversibleUp, text.into_sql_str(), no_transaction);
    let down = Migration::new(
        1,
        "add things".into(),
        MigrationType::ReversibleDown,
        "DROP TABLE things;\nDROP TABEL others;".into_sql_str(),
        false,
    );
    Migrator::with_migrations(vec![up, down])
}

#[tokio::test]
async fn one_without_a_statement_is_not_applied_and_its_first_statement_is() {
    run_unmigrated(async |bench| {
        let mut connection = connect(bench).await;
        for stub in ["-- What changes and why.\n", "", "BEGIN;\nCOMMIT;\n", "/* Later. */\r\n"] {
            assert_eq!(migrations::up(&mut connection, &program(stub), |_| {}).await.unwrap(), 0);
            assert_eq!(migrations::status(&mut connection, &program(stub)).await.unwrap()[0].status, Status::Empty);
        }
        let written = program("-- What changes and why.\nCREATE TABLE things ();");
        assert_eq!(migrations::up(&mut connection, &written, |_| {}).await.unwrap(), 1);
        assert_eq!(migrations::status(&mut connection, &written).await.unwrap()[0].status, Status::Applied);
    })
    .await;
}

#[tokio::test]
async fn a_failure_has_file_line_and_reason_once() {
    let cases = [
        ("ALTR TABLE tasks ADD x int;", ":1: syntax error at or near \"ALTR\""),
        ("-- 1\n-- 2\n\n\n\nCREATE TABLE things ();\nALTR TABLE x;\n-- 8\n", ":7: syntax error at or near \"ALTR\""),
        ("CREATE TABLE things ();\r\nALTER TABLE nowhere ADD x int;", ": relation \"nowhere\" does not exist"),
        ("SELECT 1;\nSELECT nothing FROM pg_class;", ":2: column \"nothing\" does not exist"),
        ("-- Größe, ändern, 漢字, 🦀\nSELECT 'ä', 🦀🦀 FROM nowhere;", ":2: relation \"nowhere\" does not exist"),
        ("SELECT 1;\n\\copy things FROM 'file'\n", ":2: syntax error at or near \"\\\""),
        ("SELECT 1;\nDO $$\nBEGIN\n    INSERT INTO nowhere VALUES (1);\nEND $$;", ":4: relation \"nowhere\" does not exist"),
        ("SELECT 1;\nDO $$\nBEGIN\n    RAISE 'no';\nEND $$;", ":4: no\n  context: PL/pgSQL function inline_code_block line 3 at RAISE"),
        ("SELECT 1;\nDO $$\nBEGIN\n    RISE 'no';\nEND $$;", ":4: syntax error at or near \"RISE\""),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n    INSERT INTO nowhere VALUES (1);\nEND $$;\nSELECT f();",
            ":3: relation \"nowhere\" does not exist",
        ),
        (
            "CREATE TABLE things (id int PRIMARY KEY);\nINSERT INTO things VALUES (1), (1);",
            ": duplicate key value violates unique constraint \"things_pkey\"\n  detail: Key (id)=(1) already exists.",
        ),
        (
            "CREATE TABLE things (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO things VALUES (1), (1);",
            ": duplicate key value violates unique constraint",
        ),
        ("SELECT 'no end", ":1: unterminated quoted string at or near \"'no end\""),
    ];
    run_unmigrated(async |bench| {
        let mut connection = connect(bench).await;
        for (sql, expected) in cases {
            let error = format!("{:#}", migrations::up(&mut connection, &program(sql), |_| {}).await.unwrap_err());
            assert!(error.starts_with(&format!("backend/migrations/1_add_things.up.sql{expected}")), "{sql:?}: {error}");
            assert!(error.ends_with("\n  the schema is as it was before it"), "{error}");
        }
        assert_eq!(relations(&mut connection).await, ["_sqlx_migrations", "_sqlx_migrations_pkey"]);
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_not_had_in_time_is_told_and_so_is_what_runs_without_a_transaction() {
    run_unmigrated(async |bench| {
        let (mut connection, mut holder) = (connect(bench).await, connect(bench).await);
        sqlx::raw_sql("CREATE TABLE others ()").execute(&mut holder).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE others").execute(&mut holder).await.unwrap();
        let waits = program("SET LOCAL lock_timeout = '50ms';\nALTER TABLE others ADD x int;");
        let error = migrations::up(&mut connection, &waits, |_| {}).await.unwrap_err().to_string();
        assert!(error.starts_with("backend/migrations/1_add_things.up.sql: canceling statement due to lock timeout"), "{error}");
        let alone = program("-- no-transaction\nCREATE INDEX CONCURRENTLY a ON nowhere (x);");
        let error = migrations::up(&mut connection, &alone, |_| {}).await.unwrap_err().to_string();
        assert!(error.ends_with("\n  it runs without a transaction: look at what it left"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_down_file_is_named_with_its_line() {
    run_unmigrated(async |bench| {
        let mut connection = connect(bench).await;
        let program = program("CREATE TABLE things ();");
        migrations::up(&mut connection, &program, |_| {}).await.unwrap();
        let error = migrations::revert(&mut connection, &program, None, Text::Applied).await.unwrap_err().to_string();
        assert!(error.starts_with("backend/migrations/1_add_things.down.sql:2: syntax error at or near \"TABEL\""), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_failed_migration_leaves_the_schema_as_it_was() {
    run_unmigrated(async |bench| {
        let mut connection = connect(bench).await;
        // In the way of the second migration.
        sqlx::query("CREATE TABLE jobs ()").execute(&mut connection).await.unwrap();
        let error = migrations::up(&mut connection, &MIGRATOR, |_| {}).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "backend/migrations/20261121000002_create_jobs.up.sql: relation \"jobs\" already exists\n  the schema is as it was before it"
        );
        assert_eq!(statuses(&mut connection).await[..2], [Status::Applied, Status::Pending]);
        sqlx::query("DROP TABLE jobs").execute(&mut connection).await.unwrap();
        migrations::up(&mut connection, &MIGRATOR, |_| {}).await.unwrap();
        assert!(statuses(&mut connection).await.iter().all(|status| *status == Status::Applied));
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_named() {
    run(async |bench| {
        let (link, database) = bench.database_link().await;
        link.cut();
        let error = migrations::connect(&database, Duration::from_millis(300)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("the database at 127.0.0.1:{}", link.port)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_refused_login_is_told_at_once() {
    run(async |bench| {
        let options = bench.database.options.clone().password("wrong");
        let error =
            migrations::connect(&DatabaseConfig { options, secret: None }, Duration::from_secs(3600)).await.unwrap_err().to_string();
        assert!(error.contains("refuses us: password authentication failed for user"), "{error}");
        assert!(error.contains("`DATABASE_PASSWORD_FILE`"), "{error}");
    })
    .await;
}
