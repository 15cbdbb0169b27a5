//! What a database server has beside the rows of the application: other databases, roles with any name, settings, privileges. All of it comes back.

use super::Ship;

/// Roles, memberships, settings and objects of many kinds. Names have quotes, capitals, backslashes, spaces, lines and letters of other languages.
const SERVER: &[&str] = &[
    r#"CREATE ROLE "report user" LOGIN CONNECTION LIMIT 3 VALID UNTIL '2099-01-01'"#,
    r#"CREATE ROLE "Odd""name\n;" NOLOGIN CREATEDB"#,
    r#"CREATE ROLE "größe" BYPASSRLS"#,
    "CREATE ROLE plain REPLICATION NOINHERIT",
    r#"GRANT "größe" TO "report user" WITH ADMIN OPTION"#,
    r#"GRANT plain TO "Odd""name\n;""#,
    r#"COMMENT ON ROLE "report user" IS E'it''s; a\nrole \\ with "everything"'"#,
    r#"ALTER ROLE "report user" SET search_path TO "$user", public, 'odd, one'"#,
    "ALTER ROLE plain SET work_mem TO '5MB'",
    "GRANT SET ON PARAMETER log_min_duration_statement TO plain",
    r#"CREATE DATABASE analytics OWNER "report user" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0 CONNECTION LIMIT 7"#,
    r#"CREATE DATABASE "Odd ""base" TEMPLATE template0"#,
    "REVOKE CONNECT ON DATABASE slipway FROM PUBLIC",
    r#"GRANT CONNECT, TEMPORARY ON DATABASE slipway TO "report user" WITH GRANT OPTION"#,
    "REVOKE ALL ON DATABASE analytics FROM PUBLIC",
    "ALTER DATABASE slipway SET statement_timeout TO '59s'",
    r#"ALTER DATABASE slipway SET search_path TO "$user", public"#,
    r#"ALTER ROLE "report user" IN DATABASE analytics SET DateStyle TO 'ISO, DMY'"#,
    "COMMENT ON DATABASE slipway IS 'the board; it''s \"ours\"'",
    "COMMENT ON DATABASE analytics IS 'figures'",
];

/// Of more kinds, in the other database.
const ANALYTICS: &[&str] = &[
    "CREATE SCHEMA sales; CREATE TYPE sales.state AS ENUM ('open', 'closed'); CREATE DOMAIN sales.amount AS numeric CHECK (value >= 0)",
    "CREATE TABLE sales.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state sales.state NOT NULL DEFAULT 'open', \
     amount sales.amount, at timestamptz DEFAULT now()) WITH (fillfactor = 80)",
    "INSERT INTO sales.orders (amount) SELECT g FROM generate_series(1, 500) g",
    "CREATE TABLE sales.parts (day date, number int) PARTITION BY RANGE (day)",
    "CREATE TABLE sales.parts_2026 PARTITION OF sales.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "CREATE INDEX ON sales.orders (state) WHERE state = 'open'; CREATE STATISTICS sales.both ON state, amount FROM sales.orders",
    "CREATE VIEW sales.open AS SELECT * FROM sales.orders WHERE state = 'open'",
    "CREATE MATERIALIZED VIEW sales.sums AS SELECT state, sum(amount) FROM sales.orders GROUP BY state",
    "CREATE FUNCTION sales.noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER noop BEFORE INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION sales.noop()",
    "CREATE SEQUENCE sales.free START 77; CREATE COLLATION sales.german (provider = icu, locale = 'de')",
    r#"ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON sales.orders TO "report user" USING (state = 'open')"#,
    r#"GRANT SELECT (id, state) ON sales.orders TO "größe"; ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO plain"#,
    r#"ALTER TABLE sales.orders OWNER TO "report user"; COMMENT ON COLUMN sales.orders.amount IS 'in cents'"#,
    "CREATE PUBLICATION figures FOR TABLE sales.orders; SELECT lo_from_bytea(0, 'large')",
    "CREATE EXTENSION pg_trgm; CREATE UNLOGGED TABLE sales.scratch (n int); CREATE RULE nothing AS ON DELETE TO sales.open DO INSTEAD NOTHING",
];

impl Ship {
    /// Puts all of that onto the server.
    pub(super) fn furnish(&self) {
        SERVER.iter().for_each(|sql| drop(self.sql(sql)));
        ANALYTICS.iter().for_each(|sql| drop(self.sql_in("analytics", sql)));
        self.sql_in(r#"Odd "base"#, r#"CREATE TABLE "t ""1" (n int); INSERT INTO "t ""1" VALUES (1)"#);
    }

    /// What `pg_dumpall` writes of the whole server, but for snapshots and rows of the application; a key of each run is left out.
    pub(super) fn whole_server(&self) -> String {
        let flags = ["--username=slipway", "--no-role-passwords", "--exclude-database=*_snapshot_*", "--schema-only"];
        let schema = self.stack().exec("db", &[&["pg_dumpall"], &flags[..]].concat()).good().stdout;
        let rows = self.sql_in(
            "analytics",
            "SELECT count(*), sum(amount) FROM sales.orders; SELECT last_value FROM sales.free; SELECT * FROM sales.sums",
        );
        let kept = schema.lines().filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "));
        kept.map(str::to_owned).chain(rows).collect::<Vec<_>>().join("\n")
    }

    /// The rows of an SQL query in another database than the application's.
    fn sql_in(&self, database: &str, sql: &str) -> Vec<String> {
        let database = format!("dbname='{database}'");
        let psql = [
            "psql",
            "--username=slipway",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--command",
            sql,
            &database,
        ];
        self.stack().exec("db", &psql).good().stdout.lines().map(str::to_owned).collect()
    }
}

/// The first line in which two texts differ.
#[track_caller]
pub(super) fn assert_same(found: &str, wanted: &str) {
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert_eq!(differs, None, "the first line that is another one");
    assert_eq!(found.lines().count(), wanted.lines().count());
}
