//! A database of PostgreSQL: dumped from one moment, restored beside the one in use, and swapped with it in one transaction.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use super::failure::{Failure, explain};
use super::lifeline;
use super::psql::{Server, Session, identifier, literal};

/// How it is dumped.
pub(crate) const FORMAT: [&str; 3] = ["--format=custom", "--compress=0", "--no-password"];
/// The files of a part.
const DUMP: &str = "database.dump";
const GLOBALS: &str = "globals.sql";
/// How often the lock of all tables is tried, and for how long each time: less than PostgreSQL waits before it looks for a deadlock, so that it is
/// never the application's transaction that is ended.
const LOCK_TRIES: u32 = 60;
const LOCK_PATIENCE: &str = "500ms";

/// The tables of applications.
const TABLES: &str =
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";

/// One moment of the database, for as long as it is held.
pub(crate) struct Moment {
    session: Session,
    tables: Vec<String>,
    snapshot: String,
    /// How it is then. Rows are counted while it is dumped.
    pub(crate) facts: Facts,
}

/// What a backup says of its database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Rows of each table.
    pub(crate) rows: BTreeMap<String, u64>,
    /// The version of the server.
    pub(crate) version: Option<String>,
    /// The newest applied migration.
    pub(crate) migration: Option<String>,
}

impl Moment {
    /// Holds this moment. With `quiesce` nothing is written to any table until it goes; reading goes on.
    ///
    /// # Errors
    /// When the server does not answer, or somebody writes all the time.
    pub(crate) fn hold(server: &Server, quiesce: bool, migration_query: Option<&str>) -> anyhow::Result<Self> {
        let mut session = server.connect()?;
        let version = session.value("SHOW server_version")?;
        let tables: Vec<String> = session.query(TABLES)?.into_iter().flatten().collect();
        let migration = match migration_query {
            Some(query) if !tables.is_empty() => session.value(query).unwrap_or_default(),
            _ => None,
        };
        // An answer that failed has ended the conversation.
        let mut session = if migration.is_some() { session } else { server.connect()? };
        session.run("SET idle_in_transaction_session_timeout TO 0")?;
        if quiesce && !tables.is_empty() {
            session = lock(server, session, &tables)?;
        } else {
            session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        }
        let snapshot = session.value("SELECT pg_export_snapshot()")?.context("PostgreSQL gave no snapshot")?;
        Ok(Self { session, tables, snapshot, facts: Facts { rows: BTreeMap::new(), version, migration } })
    }

    /// Writes a dump of this moment to `directory`.
    ///
    /// # Errors
    /// When `pg_dump` fails; what it wrote is then of no use.
    pub(crate) fn dump(&mut self, server: &Server, directory: &Path) -> anyhow::Result<()> {
        let path = directory.join(DUMP);
        let file = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let snapshot = format!("--snapshot={}", self.snapshot);
        let dump = server.program("pg_dump", &server.database).args(FORMAT).args([&snapshot]);
        let dump = dump.into_file(file(&path)?);
        let globals = server.program("pg_dumpall", "postgres").args(["--globals-only", "--no-role-passwords", "--no-password"]);
        let globals = globals.into_file(file(&directory.join(GLOBALS))?);
        lifeline::together(vec![
            Box::new(|| dump.run().map_err(|error| explain(error, "the database could not be dumped"))),
            Box::new(|| globals.run().map_err(|error| explain(error, "the roles could not be dumped"))),
            Box::new(|| {
                self.facts.rows = rows(&mut self.session, &self.tables)?;
                Ok(())
            }),
        ])?;
        // Reads the table of contents: a dump that was cut off has none, or one that does not fit.
        server.program("pg_restore", "").arg_file(&path).args(["--list"]).run()
    }

    /// Lets go of it; whoever waited to write goes on.
    ///
    /// # Errors
    /// When the connection was lost before: what was copied since then is of another moment.
    pub(crate) fn release(mut self) -> anyhow::Result<()> {
        self.session.run("COMMIT").context("the connection to the database was lost meanwhile")
    }
}

/// A transaction in which nobody else writes. The wait for it is short each time: whoever wants to write waits behind us.
fn lock(server: &Server, mut session: Session, tables: &[String]) -> anyhow::Result<Session> {
    for _ in 0..LOCK_TRIES {
        session.run(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout TO '{LOCK_PATIENCE}'"))?;
        if session.run(&format!("LOCK TABLE {} IN SHARE MODE", tables.join(", "))).is_ok() {
            return Ok(session);
        }
        lifeline::check()?;
        std::thread::sleep(Duration::from_millis(250));
        session = server.connect()?;
    }
    Err(Failure::new("somebody writes to the database all the time, so writing could not be paused")
        .hint("`cargo xtask backup` without `--quiesce` needs no pause")
        .into())
}

fn rows(session: &mut Session, tables: &[String]) -> anyhow::Result<BTreeMap<String, u64>> {
    let count = |table: &String| {
        let rows = session.value(&format!("SELECT count(*) FROM {table}"))?.context("no count")?;
        Ok((table.clone(), rows.parse()?))
    };
    tables.iter().map(count).collect()
}

/// The name of a database that belongs to `database`.
fn beside(database: &str, what: &str) -> String {
    format!("{database}_{what}")
}

/// A database beside the one in use, which takes its place at the commit.
pub(crate) struct Staged {
    name: String,
}

impl Staged {
    fn new(server: &Server) -> Self {
        Self { name: beside(&server.database, "restore") }
    }

    /// Restores the dump in `directory`, and says how many rows it has.
    ///
    /// # Errors
    /// When the server does not take it. The database in use is not touched.
    pub(crate) fn restore(server: &Server, directory: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
        let staged = Self::new(server);
        let mut maintenance = server.maintenance()?;
        roles(&mut maintenance, &directory.join(GLOBALS))?;
        staged.drop(&mut maintenance)?;
        maintenance.run(&format!("CREATE DATABASE {} TEMPLATE template0", identifier(&staged.name)))?;
        let restore = server.program("pg_restore", &staged.name).args(["--exit-on-error", "--no-password", "--jobs=2"]);
        let restore = restore.args([format!("--dbname={}", staged.name)]).arg_file(&directory.join(DUMP));
        restore.run().map_err(|error| explain(error, "the database could not be restored"))?;
        let mut session = Session::to(server, &staged.name)?;
        // Without statistics the first queries would take strange ways.
        session.run("ANALYZE")?;
        let tables: Vec<String> = session.query(TABLES)?.into_iter().flatten().collect();
        rows(&mut session, &tables)
    }

    /// Copies a save point.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn copy(server: &Server, savepoint: &str) -> anyhow::Result<()> {
        let staged = Self::new(server);
        let mut maintenance = server.maintenance()?;
        staged.drop(&mut maintenance)?;
        copy(&mut maintenance, &savepoint_name(server, savepoint), &staged.name)
    }

    /// Removes one that an earlier run left.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) fn discard(server: &Server) -> anyhow::Result<()> {
        Self::new(server).drop(&mut server.maintenance()?)
    }

    fn drop(&self, maintenance: &mut Session) -> anyhow::Result<()> {
        drop_database(maintenance, &self.name)
    }
}

/// Puts what is staged into the place of the database in use, which becomes the save point `kept`; `meanwhile` is done while nobody is connected to
/// either. Where it took the place already, only `meanwhile` is done.
///
/// # Errors
/// When the server refuses it or `meanwhile` fails: the database in use is then the one before.
pub(crate) fn swap(server: &Server, kept: &str, meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let staged = Staged::new(server);
    let mut maintenance = server.maintenance()?;
    if !exists(&mut maintenance, &staged.name)? {
        return meanwhile();
    }
    let kept = savepoint_name(server, kept);
    let (own, new) = (&server.database, &staged.name);
    drop_database(&mut maintenance, &kept)?;
    maintenance.run("BEGIN")?;
    // Whoever connects from here on waits for the end of the transaction.
    without_others(server, &[own, new], || {
        maintenance.run(&format!("ALTER DATABASE {} RENAME TO {}", identifier(own), identifier(&kept)))
    })?;
    without_others(server, &[new], || maintenance.run(&format!("ALTER DATABASE {} RENAME TO {}", identifier(new), identifier(own))))?;
    meanwhile()?;
    maintenance.run("COMMIT")
}

/// Makes the save point `name` of the database in use, in the place of an older one of this name.
///
/// # Errors
/// When the server refuses it.
pub(crate) fn save(server: &Server, name: &str) -> anyhow::Result<()> {
    let mut maintenance = server.maintenance()?;
    let target = savepoint_name(server, name);
    drop_database(&mut maintenance, &target)?;
    without_others(server, &[&server.database], || copy(&mut maintenance, &server.database, &target))
}

/// Removes the save point `name`.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn forget(server: &Server, name: &str) -> anyhow::Result<()> {
    drop_database(&mut server.maintenance()?, &savepoint_name(server, name))
}

/// Whether there is the save point `name`.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn has_savepoint(server: &Server, name: &str) -> anyhow::Result<bool> {
    exists(&mut server.maintenance()?, &savepoint_name(server, name))
}

fn savepoint_name(server: &Server, name: &str) -> String {
    beside(&server.database, &format!("snapshot_{name}"))
}

fn exists(session: &mut Session, database: &str) -> anyhow::Result<bool> {
    Ok(session.value(&format!("SELECT 1 FROM pg_database WHERE datname = {}", literal(database)))?.is_some())
}

fn drop_database(session: &mut Session, database: &str) -> anyhow::Result<()> {
    session.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(database)))
}

/// Files are copied as they are: for a database of more than some megabytes that is faster than through the log.
fn copy(session: &mut Session, from: &str, to: &str) -> anyhow::Result<()> {
    session.run(&format!("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", identifier(to), identifier(from)))
}

/// Does `act`, which takes the lock of a database and then waits for all others to leave it; they are sent away until it is done. Nothing has to be
/// undone if this ends in between: the lock is the connection's.
fn without_others(server: &Server, databases: &[&str], act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let names: Vec<String> = databases.iter().map(|name| literal(name)).collect();
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ({}) AND pid <> pg_backend_pid()",
        names.join(", ")
    );
    let mut sender = server.maintenance()?;
    sender.run(&sql)?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) && sender.run(&sql).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let done = act();
        over.store(true, Ordering::SeqCst);
        done
    })
}

/// Creates the roles that the dump knows and the server does not. Passwords are not in a backup. psql itself understands what follows a backslash, and a
/// file that somebody brought must not tell it anything.
fn roles(session: &mut Session, globals: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(globals).with_context(|| format!("cannot read {}", globals.display()))?;
    let there: Vec<String> = session.query("SELECT format('%I', rolname) FROM pg_roles")?.into_iter().flatten().collect();
    let missing = |line: &&str| {
        let role =
            line.strip_prefix("CREATE ROLE ").or_else(|| line.strip_prefix("ALTER ROLE ")).and_then(|rest| rest.split([' ', ';']).next());
        role.is_some_and(|role| !there.iter().any(|other| other == role))
    };
    text.lines().filter(missing).filter(|line| !line.contains('\\')).try_for_each(|line| session.run(line.trim_end_matches(';')))
}
