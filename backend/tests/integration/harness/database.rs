//! A database for each test, copied from one that is migrated once.
use super::required;
use backend::config::DatabaseConfig;
use backend::migrations::{self, MIGRATOR};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use tokio::sync::OnceCell;

/// Serialises the making of the template between processes: any number that nothing else uses.
const TEMPLATE_LOCK: i64 = 0x0073_6c69_7077_6179;

pub(super) fn config(name: &str) -> DatabaseConfig {
    DatabaseConfig { options: options().database(name), secret: None }
}

/// An empty database with a new name.
pub(super) async fn create_empty() -> String {
    create("").await
}

/// A migrated database with a new name.
pub(super) async fn create_migrated() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(make_template).await;
    create(&format!("TEMPLATE {template}")).await
}

async fn create(clause: &str) -> String {
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    execute(&mut connect().await, format!("CREATE DATABASE {name} {clause}")).await;
    name
}

pub(super) async fn drop(name: &str) {
    execute(&mut connect().await, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// The name of a database with the migrations of this binary; made if it is not there yet.
async fn make_template() -> String {
    let mut hash = DefaultHasher::new();
    MIGRATOR.iter().for_each(|migration| (migration.version, &migration.checksum).hash(&mut hash));
    let name = format!("test_template_{:016x}", hash.finish());
    let mut admin = connect().await;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut admin).await.unwrap();
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)").bind(&name).fetch_one(&mut admin).await.unwrap();
    if !exists {
        let unfinished = format!("{name}_unfinished");
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {unfinished}")).await;
        execute(&mut admin, format!("CREATE DATABASE {unfinished}")).await;
        let mut connection = config(&unfinished).options.connect().await.unwrap();
        migrations::up(&mut connection, &MIGRATOR, |_| {}).await.unwrap();
        connection.close().await.unwrap();
        execute(&mut admin, format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
    }
    name
}

async fn connect() -> PgConnection {
    options().connect().await.expect("`TEST_DATABASE_URL` must lead to a running PostgreSQL: run `cargo xtask test`, which starts it")
}

fn options() -> PgConnectOptions {
    PgConnectOptions::from_str(&required("TEST_DATABASE_URL")).unwrap()
}

/// Names of databases cannot be parameters; these are made of hexadecimal digits.
async fn execute(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}
