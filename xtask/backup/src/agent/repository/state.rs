//! What tells whether a database is as it was when it was dumped.

use crate::agent::database::{FORMAT, databases};
use crate::agent::psql::{Server, Session};

/// A transaction that writes has a number, and as long as the snapshot of the next one ends with the same number, none has ended since
/// (<https://www.postgresql.org/docs/current/transaction-id.html>). Only sequences move without one, and those outside of the log do so unseen. A server
/// that went down by itself may give numbers again; then its processes are new ones.
const STATE: &str = "SELECT concat_ws(' ', control.system_identifier, own.oid, extract(epoch FROM process.backend_start), \
    current_setting('server_version'), pg_snapshot_xmax(next), (SELECT md5(string_agg(format('%I.%I %s', schemaname, sequencename, last_value), ' ' \
    ORDER BY schemaname, sequencename)) FROM pg_sequences)) \
    FROM pg_control_system() control, pg_database own, pg_stat_activity process, pg_current_snapshot() next \
    WHERE own.datname = current_database() AND process.backend_type = 'checkpointer' AND process.backend_start IS NOT NULL \
    AND pg_snapshot_xmin(next) = pg_snapshot_xmax(next) AND NOT pg_is_in_recovery() \
    AND NOT EXISTS (SELECT FROM pg_class WHERE relkind = 'S' AND relpersistence = 'u')";

/// Counts up where a dump has other files than before.
const LAYOUT: &str = "2";

/// What the databases of `server` are like: while this is the same, a dump is. Nothing where that cannot be told: transactions are under way, or the
/// server does not say.
///
/// # Errors
/// When it does not answer.
pub(crate) fn state(server: &Server, migration_query: Option<&str>) -> anyhow::Result<Option<String>> {
    let mut known = vec![LAYOUT.to_owned(), FORMAT.join(" "), migration_query.unwrap_or_default().to_owned()];
    for database in databases(server, &mut server.maintenance()?)? {
        // Whoever is no superuser may not ask for all of it.
        let Some(state) = Session::to(server, &database)?.value(STATE).unwrap_or_default() else { return Ok(None) };
        known.push(state);
    }
    let (ended, dumper) = server.program("pg_dump", "").args(["--version"]).output()?;
    known.push(dumper.trim().to_owned());
    Ok(Some(known.join("\n")).filter(|_| ended.code == Some(0)))
}
