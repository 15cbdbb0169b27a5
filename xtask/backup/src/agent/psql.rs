//! PostgreSQL through its own client: where the server is, and a conversation with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::failure::Failure;
use super::lifeline;
use super::process::{Program, Running};

/// How often a server is asked whether it still answers while its clients work, and how long each answer may take.
const PERIOD: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long without an answer nothing is expected any more.
const SILENCE: Duration = Duration::from_secs(20);

/// Ends an answer: no row of ours looks like it.
const DONE: &str = "\u{1}done";

/// How clients of PostgreSQL reach the database: in variables, which other containers cannot see, instead of arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    variables: Vec<(String, String)>,
    /// The application's database.
    pub(crate) database: String,
}

impl Server {
    /// From the variables that the applications have.
    ///
    /// # Errors
    /// When there are none, or they cannot be understood.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let url = match secret("DATABASE_URL_FILE")? {
            Some(url) => url,
            None => std::env::var("DATABASE_URL").context("neither DATABASE_URL nor DATABASE_URL_FILE is set for the backup service")?,
        };
        Self::parse(&url, secret("DATABASE_PASSWORD_FILE")?)
    }

    /// From `postgres://user[:password]@host[:port]/database[?sslmode=…]`.
    fn parse(url: &str, password: Option<String>) -> anyhow::Result<Self> {
        let wrong =
            || Failure::new("the address of the database cannot be understood").hint("it is like `postgres://user@host:5432/database`");
        let rest = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql")).ok_or_else(wrong)?.1;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').ok_or_else(wrong)?;
        let (user, host) = authority.rsplit_once('@').ok_or_else(wrong)?;
        let (user, inline) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
        let (host, port) = match host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())) {
            Some((host, port)) => (host, port),
            None => (host, "5432"),
        };
        let mut variables = vec![
            ("PGHOST".to_owned(), decode(host.trim_start_matches('[').trim_end_matches(']'))),
            ("PGPORT".to_owned(), port.to_owned()),
            ("PGUSER".to_owned(), decode(user)),
            ("PGCONNECT_TIMEOUT".to_owned(), "10".to_owned()),
            ("PGAPPNAME".to_owned(), "slipway-backup".to_owned()),
        ];
        if let Some(password) = password.or_else(|| inline.map(decode)) {
            variables.push(("PGPASSWORD".to_owned(), password));
        }
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if matches!(key, "sslmode" | "sslrootcert") {
                variables.push((format!("PG{}", key.to_uppercase()), decode(value)));
            }
        }
        if database.is_empty() { Err(wrong().into()) } else { Ok(Self { variables, database: decode(database) }) }
    }

    /// A client program that talks to `database`.
    pub(crate) fn program(&self, name: &str, database: &str) -> Program {
        Program::new(name).envs(&self.variables).envs(&[("PGDATABASE".to_owned(), database.to_owned())])
    }

    /// Does `act` with the server, and gives up once the server has been silent for [`SILENCE`]: its clients would wait for ever.
    ///
    /// # Errors
    /// Whatever `act` fails at, or that the server does not answer.
    pub(crate) fn attended<T: Send>(&self, act: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
        let over = AtomicBool::new(false);
        let mut outcome = None;
        lifeline::together(vec![
            Box::new(|| {
                let done = act();
                over.store(true, Ordering::SeqCst);
                outcome = Some(done?);
                Ok(())
            }),
            Box::new(|| {
                let watched = self.watch(&over);
                if watched.is_err() {
                    // Also those that were connected before.
                    lifeline::end_all();
                }
                watched
            }),
        ])?;
        outcome.context("it was done")
    }

    /// Asks the server now and then, until it is `over`.
    fn watch(&self, over: &AtomicBool) -> anyhow::Result<()> {
        let mut heard = Instant::now();
        loop {
            let mut asked = Instant::now();
            while asked.elapsed() < PERIOD {
                if over.load(Ordering::SeqCst) {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            asked = Instant::now();
            let mut question = self.program("psql", &self.database).args(["--no-psqlrc", "--command=SELECT 1"]).read().start()?;
            // A refusal is an answer, too.
            while !question.is_over() && asked.elapsed() < PATIENCE && !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            if question.is_over() {
                heard = Instant::now();
            } else if heard.elapsed() > SILENCE {
                let text = format!("the database has not answered for {} s", heard.elapsed().as_secs());
                return Err(Failure::new(text)
                    .hint("`cargo xtask restart db` starts it again; `cargo xtask doctor` looks for the reason")
                    .into());
            }
        }
    }

    /// A conversation with the application's database.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) fn connect(&self) -> anyhow::Result<Session> {
        Session::to(self, &self.database)
    }

    /// A conversation beside all that is done to the application's database.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) fn maintenance(&self) -> anyhow::Result<Session> {
        Session::to(self, "postgres")
    }
}

/// What the file that the variable names has; nothing where it names none.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn secret(variable: &str) -> anyhow::Result<Option<String>> {
    let Some(path) = std::env::var_os(variable) else { return Ok(None) };
    let path = std::path::PathBuf::from(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}, which {variable} names", path.display()))?;
    Ok(Some(text.trim().to_owned()))
}

/// Without the `%41` of addresses.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = || u8::from_str_radix(std::str::from_utf8(tail.get(..2)?).ok()?, 16).ok();
        match (*first == b'%').then(code).flatten() {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A name as SQL takes it.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as SQL takes it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A connection to one database. Its end is the end of its transaction, whoever causes it.
pub(crate) struct Session {
    psql: Option<Running>,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// Whether it has the function that [`Self::attempt`] calls.
    attempts: bool,
}

impl Session {
    /// A connection to `database`.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) fn to(server: &Server, database: &str) -> anyhow::Result<Self> {
        let program = server.program("psql", database).fed().read();
        let program =
            program.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t", "--set=ON_ERROR_STOP=1"]);
        let mut psql = program.start()?;
        let (stdin, stdout) = (psql.stdin()?, BufReader::new(psql.stdout()?));
        let mut session = Self { psql: Some(psql), stdin, stdout, attempts: false };
        session.run("SET client_min_messages TO warning; SET client_encoding TO 'UTF8'; SET standard_conforming_strings TO on")?;
        Ok(session)
    }

    /// Runs a statement and returns the fields of its rows.
    ///
    /// # Errors
    /// When the server refuses it or is gone.
    pub(crate) fn query(&mut self, sql: &str) -> anyhow::Result<Vec<Vec<String>>> {
        let sent = writeln!(self.stdin, "{sql};\n\\echo '{DONE}'").and_then(|()| self.stdin.flush());
        let mut rows = Vec::new();
        let mut line = String::new();
        while sent.is_ok() {
            line.clear();
            if self.stdout.read_line(&mut line).context("cannot read what psql says")? == 0 {
                break;
            }
            let line = line.trim_end_matches('\n');
            if line == DONE {
                return Ok(rows);
            }
            rows.push(line.split('\t').map(str::to_owned).collect());
        }
        let ended = self.psql.take().context("psql has ended before")?.end()?;
        let said = ended.said.lines().map(|line| line.trim_start_matches("psql:<stdin>:")).filter(|line| !line.trim().is_empty());
        let failure = said.take(8).fold(Failure::new("the database does not do what is needed for its data"), Failure::detail);
        Err(failure.hint("`cargo xtask logs db` and `cargo xtask doctor` say more").into())
    }

    /// Runs a statement without an answer.
    ///
    /// # Errors
    /// As for `query`.
    pub(crate) fn run(&mut self, sql: &str) -> anyhow::Result<()> {
        self.query(sql).map(drop)
    }

    /// Runs a query of one column of text; the texts may be anything, also lines.
    ///
    /// # Errors
    /// As for `query`.
    pub(crate) fn texts(&mut self, sql: &str) -> anyhow::Result<Vec<String>> {
        let rows = self.query(&format!("SELECT to_json(text::text) FROM ({sql}) AS rows (text) WHERE text IS NOT NULL"))?;
        rows.into_iter().map(|row| Ok(serde_json::from_str(&row.join("\t"))?)).collect()
    }

    /// Runs a statement that may be refused; returns why it was. The conversation goes on, and so does its transaction.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) fn attempt(&mut self, sql: &str) -> anyhow::Result<Option<String>> {
        const ATTEMPT: &str = "CREATE OR REPLACE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS \
            'BEGIN EXECUTE statement; RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END'";
        if !std::mem::replace(&mut self.attempts, true) {
            self.run(ATTEMPT)?;
        }
        Ok(self.texts(&format!("SELECT pg_temp.attempt({})", literal(sql)))?.pop())
    }

    /// Runs a statement whose answer is one field; nothing when there is none, or it is null.
    ///
    /// # Errors
    /// As for `query`.
    pub(crate) fn value(&mut self, sql: &str) -> anyhow::Result<Option<String>> {
        Ok(self.query(sql)?.into_iter().flatten().next().filter(|value| !value.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_variables() {
        let parse = |url, password: Option<&str>| Server::parse(url, password.map(str::to_owned));
        let server = parse("postgres://slipway@db:5432/slipway", Some("secret")).expect("an address");
        let find = |server: &Server, name: &str| server.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        assert_eq!(server.database, "slipway");
        assert_eq!(
            ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"].map(|name| find(&server, name)).map(Option::unwrap),
            ["db", "5432", "slipway", "secret"]
        );
        let server = parse("postgresql://a%40b:p%3Aw@[::1]/my%20db?sslmode=require&application_name=x", None).expect("an address");
        assert_eq!(
            ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGSSLMODE"].map(|name| find(&server, name)).map(Option::unwrap),
            ["::1", "5432", "a@b", "p:w", "require"]
        );
        assert_eq!(server.database, "my db");
        for wrong in ["", "slipway@db/slipway", "mysql://a@b/c", "postgres://db/slipway", "postgres://a@db", "postgres://a@db/"] {
            assert!(parse(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!((identifier("a\"b"), literal("it's")), ("\"a\"\"b\"".to_owned(), "'it''s'".to_owned()));
    }
}
