//! `backend migrate`
use crate::harness::{Bench, run, run_unmigrated};
use backend::config::DatabaseConfig;
use backend::migrations::{self, Status};
use sqlx::PgConnection;
use std::time::Duration;

async fn connect(bench: &Bench) -> PgConnection {
    migrations::connect(&bench.database, Duration::from_secs(5)).await.unwrap()
}

async fn statuses(connection: &mut PgConnection) -> Vec<Status> {
    migrations::status(connection).await.unwrap().into_iter().map(|entry| entry.status).collect()
}

#[tokio::test]
async fn up_is_idempotent_even_at_the_same_time() {
    run_unmigrated(async |bench| {
        let (mut first, mut second) = (connect(bench).await, connect(bench).await);
        assert!(statuses(&mut first).await.iter().all(|status| *status == Status::Pending));
        let mut told = Vec::new();
        let outcome =
            tokio::join!(migrations::up(&mut first, |migration| told.push(migration.version)), migrations::up(&mut second, |_| {}));
        let total = migrations::status(&mut first).await.unwrap().len();
        assert_eq!(outcome.0.as_ref().unwrap() + outcome.1.unwrap(), total, "each is applied once");
        assert_eq!(told.len(), outcome.0.unwrap());
        assert!(statuses(&mut first).await.iter().all(|status| *status == Status::Applied));
        assert_eq!(migrations::up(&mut first, |_| {}).await.unwrap(), 0);
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
        let error = migrations::up(&mut connection, |_| {}).await.unwrap_err().to_string();
        assert!(error.starts_with("migration 99990101000000 was applied to the database but is not in this binary: "), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    run(async |bench| {
        let mut connection = connect(bench).await;
        sqlx::query("UPDATE _sqlx_migrations SET checksum = '\\x00'").execute(&mut connection).await.unwrap();
        let error = migrations::up(&mut connection, |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("was changed after it was applied"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_failed_migration_leaves_the_schema_as_it_was() {
    run_unmigrated(async |bench| {
        let mut connection = connect(bench).await;
        // In the way of the second migration.
        sqlx::query("CREATE TABLE jobs ()").execute(&mut connection).await.unwrap();
        let error = migrations::up(&mut connection, |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("create jobs failed, the schema is as it was before it"), "{error}");
        assert_eq!(statuses(&mut connection).await[..2], [Status::Applied, Status::Pending]);
        sqlx::query("DROP TABLE jobs").execute(&mut connection).await.unwrap();
        migrations::up(&mut connection, |_| {}).await.unwrap();
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
