//! The ways in which a stack is broken, each with what names it and how it is mended.

use crate::harness::Stack;

/// A way to break the stack.
pub(super) struct Break {
    pub(super) what: &'static str,
    pub(super) component: &'static str,
    /// In the detail of a failure of that component.
    pub(super) says: &'static str,
    how: How,
}

/// How something is broken, and mended.
enum How {
    /// The component's container is stopped.
    Stopped,
    /// The component's program does not go on.
    Hung,
    /// Something else.
    Other { act: fn(&Stack), mend: fn(&Stack) },
}

impl Break {
    pub(super) fn act(&self, stack: &Stack) {
        match self.how {
            How::Stopped => docker(stack, "stop", self.component),
            How::Hung => stack.signal_service(self.component, "STOP"),
            How::Other { act, .. } => act(stack),
        }
    }

    fn mend(&self, stack: &Stack) {
        match self.how {
            How::Stopped => docker(stack, "start", self.component),
            How::Hung => stack.signal_service(self.component, "CONT"),
            How::Other { mend, .. } => mend(stack),
        }
    }
}

/// Ends the connections of all programs, which open new ones.
const DISCONNECT: &str =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_addr IS NOT NULL AND pid <> pg_backend_pid()";

/// Statements on their own: some of them cannot be in a transaction.
fn sql(stack: &Stack, statements: &[&str]) {
    statements.iter().for_each(|statement| drop(stack.query(statement)));
}

/// Takes the backend from the database's network, or gives it back.
fn network(stack: &Stack, verb: &[&str]) {
    let network = format!("{}_data", stack.project);
    stack.docker(&[&["network"], verb, &[&network, &stack.container("backend")]].concat()).good();
}

fn redis(stack: &Stack, command: &[&str]) {
    stack.exec("redis", &[&["redis-cli"], command].concat()).good();
}

fn docker(stack: &Stack, verb: &str, service: &str) {
    stack.docker(&[verb, &stack.container(service)]).good();
}

/// Each way.
pub(super) const BREAKS: [Break; 11] = [
    Break { what: "stopped database", component: "db", says: "it ended", how: How::Stopped },
    Break { what: "stopped worker", component: "worker", says: "it ended", how: How::Stopped },
    Break { what: "database that hangs", component: "db", says: "no answer", how: How::Hung },
    Break { what: "backend that hangs", component: "backend", says: "no answer", how: How::Hung },
    Break { what: "proxy that hangs", component: "proxy", says: "no answer", how: How::Hung },
    Break { what: "Redis that hangs", component: "redis", says: "timed out", how: How::Hung },
    Break {
        what: "lost network",
        component: "backend",
        says: "not connected to the network `data`",
        how: How::Other { act: |stack| network(stack, &["disconnect"]), mend: |stack| network(stack, &["connect", "--alias", "backend"]) },
    },
    Break {
        what: "wrong password",
        component: "db",
        says: "password",
        how: How::Other {
            act: |stack| sql(stack, &["ALTER ROLE slipway PASSWORD 'another one'", DISCONNECT]),
            mend: |stack| {
                let secret = std::fs::read_to_string(format!("{}/infra/secrets/test/postgres_password", stack.root)).unwrap();
                sql(stack, &[&format!("ALTER ROLE slipway PASSWORD '{}'", secret.trim())]);
            },
        },
    },
    Break {
        what: "database that is slow by three seconds",
        component: "db",
        says: "no answer within",
        how: How::Other {
            act: |stack| sql(stack, &["ALTER SYSTEM SET pre_auth_delay TO 3", "SELECT pg_reload_conf()", DISCONNECT]),
            mend: |stack| sql(stack, &["ALTER SYSTEM RESET pre_auth_delay", "SELECT pg_reload_conf()"]),
        },
    },
    Break {
        what: "missing migration",
        component: "migrate",
        says: "pending",
        how: How::Other {
            act: |stack| {
                let newest = "CREATE TABLE kept AS SELECT * FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";
                sql(stack, &[newest, "DELETE FROM _sqlx_migrations WHERE version = (SELECT version FROM kept)"]);
            },
            mend: |stack| sql(stack, &["INSERT INTO _sqlx_migrations SELECT * FROM kept", "DROP TABLE kept"]),
        },
    },
    Break {
        what: "Redis that is full",
        component: "redis",
        says: "maxmemory",
        how: How::Other {
            act: |stack| redis(stack, &["config", "set", "maxmemory", "1"]),
            mend: |stack| redis(stack, &["config", "set", "maxmemory", "128mb"]),
        },
    },
];

/// Mends what a test broke, also where the test fails.
pub(super) struct Mend<'a>(pub(super) &'a Stack, pub(super) &'a Break);

impl Drop for Mend<'_> {
    fn drop(&mut self) {
        self.1.mend(self.0);
    }
}
