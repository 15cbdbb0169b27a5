//! The databases of a PostgreSQL server: dumped from one moment, restored beside those in use, and swapped with them in one transaction.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use backup::BEFORE_RESTORE;
use serde::{Deserialize, Serialize};

use super::catalog::Database;
use super::failure::{Failure, explain};
use super::globals::{self, Globals};
use super::place::{Place, sync};
use super::psql::{Server, Session, identifier, literal};
use super::{lifeline, talk};

/// How it is dumped.
pub(crate) const FORMAT: [&str; 3] = ["--format=custom", "--compress=0", "--no-password"];
/// The files of a part.
const DUMP: &str = "database.dump";
const GLOBALS: &str = "globals.sql";
/// How often the lock of all tables is tried, and for how long each time: less than PostgreSQL waits before it looks for a deadlock, so that it is
/// never the application's transaction that is ended.
const LOCK_TRIES: u32 = 60;
const LOCK_PATIENCE: &str = "500ms";

/// What there is in the dump, and how each database was.
const CATALOG: &str = "databases.json";
/// What a commit has to know, in the directory to work in.
pub(crate) const PLAN: &str = "postgres.json";

/// The tables of applications. Those of sessions are nobody else's.
const TABLES: &str = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' ORDER BY 1";

/// Databases that every server has. Maintenance is done from `postgres`, so it cannot take another one's place.
const MAINTENANCE: [&str; 3] = ["postgres", "template0", "template1"];

/// What somebody put into `postgres`, but for what extensions have there.
const STRAY: &str = "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') \
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e') ORDER BY 1 LIMIT 3";

/// The longest name that PostgreSQL does not cut.
const LONGEST_NAME: usize = 63;

/// One moment of the databases, for as long as it is held.
pub(crate) struct Moment {
    held: Vec<Held>,
    /// How they are then. Rows are counted while they are dumped.
    pub(crate) facts: Facts,
}

/// One moment of one database.
struct Held {
    database: Database,
    session: Session,
    tables: Vec<String>,
    snapshot: String,
}

/// What a backup says of its databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Rows of each table; `other/public.table` in another database than the application's.
    pub(crate) rows: BTreeMap<String, u64>,
    /// The version of the server.
    pub(crate) version: Option<String>,
    /// The newest applied migration.
    pub(crate) migration: Option<String>,
}

/// A dump and the database that it is of.
#[derive(Debug, Serialize, Deserialize)]
struct Dumped {
    file: String,
    database: Database,
}

impl Moment {
    /// Holds this moment. With `quiesce` nothing is written to any table until it goes; reading goes on.
    ///
    /// # Errors
    /// When the server does not answer, or somebody writes all the time.
    pub(crate) fn hold(server: &Server, quiesce: bool, migration_query: Option<&str>) -> anyhow::Result<Self> {
        let mut maintenance = server.maintenance()?;
        let version = maintenance.value("SHOW server_version")?;
        let names = databases(server, &mut maintenance)?;
        check_names(&names, BEFORE_RESTORE)?;
        check_whole(&mut maintenance)?;
        let migration = migration(server, migration_query)?;
        let hold = |name: &String| {
            let database = Database::describe(&mut maintenance, name)?;
            let left_out = database.left_out().iter().map(|what| format!("left out of {}: {what}", identifier(name)));
            left_out.for_each(talk::warn);
            Held::hold(server, database, quiesce)
        };
        let held = names.iter().map(hold).collect::<anyhow::Result<_>>()?;
        Ok(Self { held, facts: Facts { rows: BTreeMap::new(), version, migration } })
    }

    /// Writes dumps of this moment to `directory`.
    ///
    /// # Errors
    /// When `pg_dump` fails; what it wrote is then of no use.
    pub(crate) fn dump(&mut self, server: &Server, directory: &Path) -> anyhow::Result<()> {
        let create = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let dumped = self.held.iter().enumerate().map(|(index, held)| Dumped { file: dump_file(index), database: held.database.clone() });
        let dumped: Vec<Dumped> = dumped.collect();
        serde_json::to_writer_pretty(create(&directory.join(CATALOG))?, &dumped)?;
        let snapshots: Vec<String> = self.held.iter().map(|held| format!("--snapshot={}", held.snapshot)).collect();
        let globals = server.program("pg_dumpall", "postgres").args(["--globals-only", "--no-role-passwords", "--no-password"]);
        let globals = globals.into_file(create(&directory.join(GLOBALS))?);
        lifeline::together(vec![
            Box::new(|| {
                dumped.iter().zip(&snapshots).try_for_each(|(Dumped { file, database }, snapshot)| {
                    let dump = server.program("pg_dump", &database.name).args(FORMAT).args([snapshot]);
                    let dump = dump.into_file(create(&directory.join(file))?);
                    dump.run().map_err(|error| explain(error, &format!("the database could not be dumped: {}", identifier(&database.name))))
                })
            }),
            Box::new(|| globals.run().map_err(|error| explain(error, "the roles could not be dumped"))),
            Box::new(|| {
                for (index, Held { database, session, tables, .. }) in self.held.iter_mut().enumerate() {
                    self.facts.rows.extend(rows(session, tables, (index > 0).then_some(database.name.as_str()))?);
                }
                Ok(())
            }),
        ])?;
        // Reads the tables of contents: a dump that was cut off has none, or one that does not fit.
        dumped
            .iter()
            .try_for_each(|Dumped { file, .. }| server.program("pg_restore", "").arg_file(&directory.join(file)).args(["--list"]).run())
    }

    /// Lets go of it; whoever waited to write goes on.
    ///
    /// # Errors
    /// When the connection was lost before: what was copied since then is of another moment.
    pub(crate) fn release(self) -> anyhow::Result<()> {
        self.held
            .into_iter()
            .try_for_each(|mut held| held.session.run("COMMIT").context("the connection to the database was lost meanwhile"))
    }
}

impl Held {
    fn hold(server: &Server, database: Database, quiesce: bool) -> anyhow::Result<Self> {
        let mut session = Session::to(server, &database.name)?;
        let tables = session.texts(TABLES)?;
        session.run("SET idle_in_transaction_session_timeout TO 0")?;
        if quiesce && !tables.is_empty() {
            session = lock(server, &database.name, session, &tables)?;
        } else {
            session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        }
        let snapshot = session.value("SELECT pg_export_snapshot()")?.context("PostgreSQL gave no snapshot")?;
        Ok(Self { database, session, tables, snapshot })
    }
}

/// That of the application, which is the first, has always had its name.
fn dump_file(index: usize) -> String {
    if index == 0 { DUMP.to_owned() } else { format!("database-{index}.dump") }
}

/// The newest applied migration of the application; nothing where the query fails, which ends its conversation.
fn migration(server: &Server, query: Option<&str>) -> anyhow::Result<Option<String>> {
    let Some(query) = query else { return Ok(None) };
    let mut session = server.connect()?;
    let empty = session.texts(TABLES)?.is_empty();
    Ok(if empty { None } else { session.value(query).unwrap_or_default() })
}

/// The databases of the server: the application's first.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn databases(server: &Server, maintenance: &mut Session) -> anyhow::Result<Vec<String>> {
    let mut names = vec![server.database.clone()];
    let all = maintenance.texts("SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname")?;
    names.extend(others(&server.database, &all));
    Ok(names)
}

/// Those of `all` that are neither `own`, nor of every server, nor what we keep beside another one.
fn others(own: &str, all: &[String]) -> Vec<String> {
    let beside = |name: &String| {
        all.iter().map(String::as_str).chain([own]).filter_map(|base| name.strip_prefix(base)).any(|rest| {
            rest == "_restore"
                || ["_snapshot_", "_leftover_"].iter().any(|mark| rest.strip_prefix(mark).is_some_and(|name| !name.is_empty()))
        })
    };
    all.iter().filter(|name| *name != own && !MAINTENANCE.contains(&name.as_str()) && !beside(name)).cloned().collect()
}

/// Whether there is something on the server that no backup would have.
fn check_whole(maintenance: &mut Session) -> anyhow::Result<()> {
    let stray = maintenance.texts(STRAY)?;
    if !stray.is_empty() {
        return Err(Failure::new("the database `postgres` has tables, and a backup has none of them")
            .detail(format!("for example {}", stray.join(", ")))
            .hint("move them into a database of their own, or drop them: `postgres` is for maintenance")
            .into());
    }
    let closed = maintenance.texts("SELECT quote_ident(datname) FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'")?;
    closed.iter().for_each(|name| talk::warn(format!("left out: the database {name} allows no connections")));
    Ok(())
}

/// A transaction in which nobody else writes. The wait for it is short each time: whoever wants to write waits behind us.
fn lock(server: &Server, database: &str, mut session: Session, tables: &[String]) -> anyhow::Result<Session> {
    for _ in 0..LOCK_TRIES {
        session.run(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout TO '{LOCK_PATIENCE}'"))?;
        if session.run(&format!("LOCK TABLE {} IN SHARE MODE", tables.join(", "))).is_ok() {
            return Ok(session);
        }
        lifeline::check()?;
        std::thread::sleep(Duration::from_millis(250));
        session = Session::to(server, database)?;
    }
    Err(Failure::new("somebody writes to the database all the time, so writing could not be paused")
        .hint("`cargo xtask backup` without `--quiesce` needs no pause")
        .into())
}

fn rows(session: &mut Session, tables: &[String], database: Option<&str>) -> anyhow::Result<BTreeMap<String, u64>> {
    let count = |table: &String| {
        let rows = session.value(&format!("SELECT count(*) FROM {table}"))?.context("no count")?;
        let name = database.map_or_else(|| table.clone(), |database| format!("{database}/{table}"));
        Ok((name, rows.parse()?))
    };
    tables.iter().map(count).collect()
}

/// What a commit has to know of what is staged: the next run may have to finish it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Plan {
    /// The databases whose place is taken.
    databases: Vec<String>,
    /// What `pg_dumpall` wrote of roles.
    globals: String,
}

impl Plan {
    /// Of the restore under way. Earlier versions wrote none, and had one database.
    fn read(server: &Server, place: &Place) -> anyhow::Result<Self> {
        let path = place.work().join(PLAN);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self { databases: vec![server.database.clone()], globals: String::new() })
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn write(&self, place: &Place) -> anyhow::Result<()> {
        let path = place.work().join(PLAN);
        std::fs::write(&path, serde_json::to_vec(self)?).with_context(|| format!("cannot write {}", path.display()))?;
        sync(&path)
    }
}

fn restored(database: &str) -> String {
    format!("{database}_restore")
}

fn savepoint_name(database: &str, name: &str) -> String {
    format!("{database}_snapshot_{name}")
}

/// Refuses databases that have no room in their names for what is kept beside them.
fn check_names(databases: &[String], kept: &str) -> anyhow::Result<()> {
    for name in databases {
        let longest = savepoint_name(name, kept);
        if longest.len() > LONGEST_NAME || MAINTENANCE.contains(&name.as_str()) || name.is_empty() {
            return Err(Failure::new(format!("the name of the database {} cannot be used", identifier(name)))
                .detail(format!("its snapshot would be {}, and PostgreSQL cuts names after {LONGEST_NAME} bytes", identifier(&longest)))
                .hint("give it a shorter name: `ALTER DATABASE … RENAME TO …`")
                .into());
        }
    }
    Ok(())
}

/// Refuses databases that could not be renamed at the commit.
fn check_free(maintenance: &mut Session, databases: &[String], kept: &str) -> anyhow::Result<()> {
    check_names(databases, kept)?;
    for name in databases {
        let open = maintenance.texts(&format!("SELECT gid FROM pg_prepared_xacts WHERE database = {}", literal(name)))?;
        if let Some(gid) = open.first() {
            return Err(Failure::new(format!("the database {} has a prepared transaction, {}", identifier(name), literal(gid)))
                .hint(format!("end it there: `COMMIT PREPARED {0}` or `ROLLBACK PREPARED {0}`", literal(gid)))
                .into());
        }
    }
    Ok(())
}

/// Restores the dumps in `directory` beside the databases in use, and says how many rows they have.
///
/// # Errors
/// When the server does not take them. The databases in use are not touched.
pub(crate) fn restore(server: &Server, place: &Place, directory: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let path = directory.join(GLOBALS);
    let globals = read_plain(&path)?;
    let roles = Globals::parse(&globals)?;
    let catalog = directory.join(CATALOG);
    let mut dumped: Vec<(String, PathBuf, Option<Database>)> = vec![(server.database.clone(), directory.join(DUMP), None)];
    if catalog.exists() {
        let all: Vec<Dumped> =
            serde_json::from_str(&read_plain(&catalog)?).with_context(|| format!("cannot read {}", catalog.display()))?;
        for (index, Dumped { file, database }) in all.into_iter().enumerate() {
            if index == 0 {
                dumped[0].2 = Some(database);
            } else {
                anyhow::ensure!(file == dump_file(index), "{} names other files", catalog.display());
                dumped.push((database.name.clone(), directory.join(file), Some(database)));
            }
        }
    }
    let mut maintenance = server.maintenance()?;
    let names: Vec<String> = dumped.iter().map(|(name, ..)| name.clone()).collect();
    check_free(&mut maintenance, &names, BEFORE_RESTORE)?;
    Plan { databases: names, globals }.write(place)?;
    roles.create_missing(&mut maintenance)?;
    let mut found = BTreeMap::new();
    for (index, (name, dump, description)) in dumped.iter().enumerate() {
        let staged = restored(name);
        is_plain(dump)?;
        drop_database(server, &mut maintenance, &staged)?;
        let creation = description.as_ref().map(|description| description.creation(&staged));
        maintenance.run(&creation.unwrap_or_else(|| format!("CREATE DATABASE {} TEMPLATE template0", identifier(&staged))))?;
        let restore = server.program("pg_restore", &staged).args(["--exit-on-error", "--no-password", "--jobs=2"]);
        let restore = restore.args([format!("--dbname={}", connection(&staged))]).arg_file(dump);
        restore.run().map_err(|error| explain(error, &format!("the database could not be restored: {}", identifier(name))))?;
        let mut session = Session::to(server, &staged)?;
        // Without statistics the first queries would take strange ways.
        session.run("ANALYZE")?;
        let tables = session.texts(TABLES)?;
        found.extend(rows(&mut session, &tables, (index > 0).then_some(name.as_str()))?);
        drop(session);
        if let Some(description) = description {
            describe_as(&mut maintenance, description, &staged)?;
        }
    }
    Ok(found)
}

/// A name as `--dbname` takes it, which reads one with `=` or `://` in it as something else.
fn connection(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Gives the database `name` all that `description` says, and names what could not be given.
fn describe_as(maintenance: &mut Session, description: &Database, name: &str) -> anyhow::Result<()> {
    for sql in description.statements(name) {
        if let Some(reason) = maintenance.attempt(&sql)? {
            talk::warn(format!("left out: {} ({reason})", sql.lines().next().unwrap_or_default()));
        }
    }
    Ok(())
}

/// Whether `path` is a file: an archive may have anything there, also what never ends.
fn is_plain(path: &Path) -> anyhow::Result<()> {
    let found = path.symlink_metadata().with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().display();
    anyhow::ensure!(
        found.is_file(),
        Failure::new(format!("`{name}` in the backup is not a file")).hint("the backup was not made by `cargo xtask backup`")
    );
    Ok(())
}

fn read_plain(path: &Path) -> anyhow::Result<String> {
    is_plain(path)?;
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Stages copies of the snapshot `name`, which takes the place of what becomes the snapshot `kept`.
///
/// # Errors
/// When there is none.
pub(crate) fn copy_savepoint(server: &Server, place: &Place, name: &str, kept: &str) -> anyhow::Result<()> {
    let mut maintenance = server.maintenance()?;
    let databases = saved(&mut maintenance, name)?;
    check_free(&mut maintenance, &databases, kept)?;
    Plan { databases: databases.clone(), globals: String::new() }.write(place)?;
    for database in databases {
        drop_database(server, &mut maintenance, &restored(&database))?;
        copy(&mut maintenance, &savepoint_name(&database, name), &restored(&database))?;
    }
    Ok(())
}

/// The databases of which there is the snapshot `name`.
fn saved(maintenance: &mut Session, name: &str) -> anyhow::Result<Vec<String>> {
    let suffix = savepoint_name("", name);
    let all = maintenance.texts("SELECT datname FROM pg_database ORDER BY datname")?;
    let bases = all.iter().filter_map(|database| database.strip_suffix(&suffix)).filter(|base| !base.is_empty());
    Ok(bases.map(str::to_owned).collect())
}

/// Removes what an earlier run staged, and the roles that it created.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn discard(server: &Server, place: &Place) -> anyhow::Result<()> {
    let mut maintenance = server.maintenance()?;
    for database in Plan::read(server, place)?.databases {
        drop_database(server, &mut maintenance, &restored(&database))?;
    }
    globals::undo(&mut maintenance)
}

/// Puts what is staged into the place of the databases in use, which become the snapshot `kept`; `meanwhile` is done while nobody is connected to
/// any. Where it took the place already, only `meanwhile` is done.
///
/// # Errors
/// When the server refuses it or `meanwhile` fails: the databases in use are then those before.
pub(crate) fn swap(server: &Server, place: &Place, kept: &str, meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut maintenance = server.maintenance()?;
    let plan = Plan::read(server, place)?;
    let staged: Vec<&String> = plan
        .databases
        .iter()
        .filter_map(|name| match exists(&mut maintenance, &restored(name)) {
            Ok(true) => Some(Ok(name)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<anyhow::Result<_>>()?;
    if staged.is_empty() {
        return meanwhile();
    }
    for own in &staged {
        put_aside(server, &mut maintenance, own, &savepoint_name(own, kept))?;
    }
    maintenance.run("BEGIN")?;
    // Whoever connects from here on waits for the end of the transaction.
    for own in staged {
        let (kept, new) = (savepoint_name(own, kept), restored(own));
        if exists(&mut maintenance, own)? {
            without_others(server, &[own, &new], || {
                maintenance.run(&format!("ALTER DATABASE {} RENAME TO {}", identifier(own), identifier(&kept)))
            })?;
        }
        without_others(server, &[&new], || maintenance.run(&format!("ALTER DATABASE {} RENAME TO {}", identifier(&new), identifier(own))))?;
    }
    meanwhile()?;
    Globals::parse(&plan.globals)?.apply(&mut maintenance)?;
    maintenance.run("COMMIT")
}

/// Makes room for another database of the name `old`. One that cannot be dropped gets another name: what it holds must not stop what comes.
fn put_aside(server: &Server, maintenance: &mut Session, base: &str, old: &str) -> anyhow::Result<()> {
    let Err(error) = drop_database(server, maintenance, old) else { return Ok(()) };
    // An answer that failed has ended the conversation.
    *maintenance = server.maintenance()?;
    let aside = maintenance.value("SELECT extract(epoch FROM clock_timestamp())::bigint")?.unwrap_or_default();
    let aside: String = format!("{base}_leftover_{aside}").chars().take(LONGEST_NAME).collect();
    without_others(server, &[old], || maintenance.run(&format!("ALTER DATABASE {} RENAME TO {}", identifier(old), identifier(&aside))))?;
    talk::warn(format!("the database {} could not be dropped and is {} now: {error:#}", identifier(old), identifier(&aside)));
    Ok(())
}

/// Makes the snapshot `name` of the databases in use, in the place of an older one of this name.
///
/// # Errors
/// When the server refuses it.
pub(crate) fn save(server: &Server, name: &str) -> anyhow::Result<()> {
    let mut maintenance = server.maintenance()?;
    let databases = databases(server, &mut maintenance)?;
    check_names(&databases, name)?;
    for database in databases {
        let target = savepoint_name(&database, name);
        drop_database(server, &mut maintenance, &target)?;
        without_others(server, &[&database], || copy(&mut maintenance, &database, &target))?;
    }
    Ok(())
}

/// Removes the snapshot `name`.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn forget(server: &Server, name: &str) -> anyhow::Result<()> {
    let mut maintenance = server.maintenance()?;
    for database in saved(&mut maintenance, name)? {
        drop_database(server, &mut maintenance, &savepoint_name(&database, name))?;
    }
    Ok(())
}

/// Whether there is the snapshot `name`.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn has_savepoint(server: &Server, name: &str) -> anyhow::Result<bool> {
    exists(&mut server.maintenance()?, &savepoint_name(&server.database, name))
}

fn exists(session: &mut Session, database: &str) -> anyhow::Result<bool> {
    Ok(session.value(&format!("SELECT 1 FROM pg_database WHERE datname = {}", literal(database)))?.is_some())
}

/// Drops a database and what would keep it: it may be a template, subscribe to another server, or be sent to one. The other server is not asked.
fn drop_database(server: &Server, session: &mut Session, database: &str) -> anyhow::Result<()> {
    let Some(template) = session.value(&format!("SELECT datistemplate FROM pg_database WHERE datname = {}", literal(database)))? else {
        return Ok(());
    };
    if template == "t" {
        session.run(&format!("ALTER DATABASE {} IS_TEMPLATE false", identifier(database)))?;
    }
    let of = format!("FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = {}", literal(database));
    let subscriptions = session.texts(&format!("SELECT subname {of}"))?;
    if !subscriptions.is_empty() {
        let mut inside = Session::to(server, database)?;
        for name in subscriptions.iter().map(|name| identifier(name)) {
            inside.run(&format!(
                "ALTER SUBSCRIPTION {name} DISABLE; ALTER SUBSCRIPTION {name} SET (slot_name = NONE); DROP SUBSCRIPTION {name}"
            ))?;
        }
    }
    let senders = format!("FROM pg_replication_slots WHERE database = {} AND active_pid IS NOT NULL", literal(database));
    session.run(&format!("SELECT pg_terminate_backend(active_pid) {senders}"))?;
    session.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(database)))
}

/// Files are copied as they are: for a database of more than some megabytes that is faster than through the log. What the server says of the database is
/// copied too.
fn copy(session: &mut Session, from: &str, to: &str) -> anyhow::Result<()> {
    session.run(&format!("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", identifier(to), identifier(from)))?;
    let description = Database::describe(session, from)?;
    describe_as(session, &description, to)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_a_database_is_no_other_database() {
        let all = [
            "analytics",
            "analytics_snapshot_before-restore",
            "app",
            "app_leftover_1700000000",
            "app_restore",
            "app_snapshot_a_snapshot_b",
            "other_restore",
            "postgres",
            "shop_snapshot_",
            "snapshot_app",
            "template1",
        ];
        let all: Vec<String> = all.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(others("app", &all), ["analytics", "other_restore", "shop_snapshot_", "snapshot_app"]);
    }

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(connection(r"a'b\c=d"), r"dbname='a\'b\\c=d'");
    }
}
