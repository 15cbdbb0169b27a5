//! Roles, and what else belongs to a whole server: what `pg_dumpall --globals-only` wrote is applied statement by statement. The file may be anybody's.

use super::failure::Failure;
use super::psql::{Session, identifier, literal};
use super::talk;

/// The comment of a role between its creation and the commit: what undoes a restore finds it by this.
const MARK: &str = "created by a restore that is not finished";

/// What `pg_dumpall --globals-only` wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Globals {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Statement {
    /// `CREATE ROLE`
    Create(String),
    /// `ALTER ROLE … WITH`: what the role may do.
    Attributes { role: String, sql: String },
    /// Settings, comments and memberships of roles, and who may set a parameter.
    Other(String),
    /// What is not brought back.
    LeftOut(String),
}

impl Globals {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not what `pg_dumpall` writes.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = |what: &str| Failure::new("the roles in the backup are not as `pg_dumpall` writes them").detail(what.to_owned());
        let all = split(text).ok_or_else(|| wrong("a quote or a command of psql is where none belongs"))?;
        let mut statements = Vec::new();
        for sql in all {
            statements.extend(Statement::of(sql).map_err(|sql| wrong(&sql.chars().take(120).collect::<String>()))?);
        }
        Ok(Self { statements })
    }

    /// Creates the roles that the server does not have, with what they may do. They are marked until [`Self::apply`].
    ///
    /// # Errors
    /// When the server does not take one.
    pub(crate) fn create_missing(&self, session: &mut Session) -> anyhow::Result<()> {
        let there = session.texts("SELECT rolname FROM pg_roles")?;
        for role in self.created().filter(|role| !there.contains(role)) {
            let name = identifier(role);
            session.run(&format!("BEGIN; CREATE ROLE {name}; COMMENT ON ROLE {name} IS {}; COMMIT", literal(MARK)))?;
            for sql in self.attributes(|of| of == role) {
                session.run(sql)?;
            }
        }
        Ok(())
    }

    /// Gives all roles what they had, and says what could not be given. Own attributes stay: a restore must not lock itself out.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) fn apply(&self, session: &mut Session) -> anyhow::Result<()> {
        let new = marked(session)?;
        let clear = new.iter().map(|role| format!("COMMENT ON ROLE {} IS NULL", identifier(role)));
        let own = session.texts("SELECT current_user")?;
        let others = self.statements.iter().filter_map(|statement| match statement {
            Statement::Other(sql) => Some(sql.clone()),
            _ => None,
        });
        let attributes =
            self.attributes(|role| !own.iter().any(|own| own == role) && !new.iter().any(|new| new == role)).map(str::to_owned);
        for sql in clear.chain(attributes).chain(others) {
            if let Some(reason) = session.attempt(&sql)? {
                talk::warn(format!("left out: {} ({reason})", first_line(&sql)));
            }
        }
        for statement in &self.statements {
            if let Statement::LeftOut(sql) = statement {
                talk::warn(format!("left out: {}", first_line(sql)));
            }
        }
        let lists = new.iter().map(|role| literal(role)).collect::<Vec<_>>().join(", ");
        let open = if new.is_empty() {
            Vec::new()
        } else {
            session.texts(&format!("SELECT quote_ident(rolname) FROM pg_roles WHERE rolcanlogin AND rolname IN ({lists}) ORDER BY 1"))?
        };
        if !open.is_empty() {
            talk::warn(format!("no password, because backups have none: {}; `ALTER ROLE … PASSWORD` sets one", open.join(", ")));
        }
        Ok(())
    }

    fn created(&self) -> impl Iterator<Item = &String> {
        self.statements.iter().filter_map(|statement| if let Statement::Create(role) = statement { Some(role) } else { None })
    }

    fn attributes(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
        self.statements.iter().filter_map(move |statement| match statement {
            Statement::Attributes { role, sql } if wanted(role) => Some(sql.as_str()),
            _ => None,
        })
    }
}

/// Removes the roles that an unfinished restore created.
///
/// # Errors
/// When the server does not answer.
pub(crate) fn undo(session: &mut Session) -> anyhow::Result<()> {
    for role in marked(session)? {
        if let Some(reason) = session.attempt(&format!("DROP ROLE {}", identifier(&role)))? {
            talk::warn(format!("the role {} stays: {reason}", identifier(&role)));
        }
    }
    Ok(())
}

fn marked(session: &mut Session) -> anyhow::Result<Vec<String>> {
    session.texts(&format!("SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = {}", literal(MARK)))
}

fn first_line(sql: &str) -> &str {
    sql.lines().next().unwrap_or_default()
}

impl Statement {
    /// What the statement is; nothing where it only sets up the session of who runs the file, and the statement itself where it is none of `pg_dumpall`.
    fn of(sql: String) -> Result<Option<Self>, String> {
        const KEPT: [&str; 3] = ["COMMENT ON ROLE ", "GRANT ", "REVOKE "];
        const LEFT_OUT: [&str; 4] = ["CREATE TABLESPACE ", "ALTER TABLESPACE ", "COMMENT ON TABLESPACE ", "SECURITY LABEL "];
        let begins = |with: &&str| sql.starts_with(*with);
        if sql.starts_with("SET ") || sql.starts_with("SELECT pg_catalog.set_config(") {
            return Ok(None);
        }
        if let Some((role, "")) = sql.strip_prefix("CREATE ROLE ").and_then(name) {
            return Ok(Some(Self::Create(role)));
        }
        if let Some((role, rest)) = sql.strip_prefix("ALTER ROLE ").and_then(name) {
            return match rest.split(' ').nth(1) {
                Some("WITH") => Ok(Some(Self::Attributes { role, sql })),
                Some("SET" | "IN") => Ok(Some(Self::Other(sql))),
                _ => Err(sql),
            };
        }
        let on_tablespace = (sql.starts_with("GRANT ") || sql.starts_with("REVOKE ")) && sql.contains(" ON TABLESPACE ");
        if on_tablespace || LEFT_OUT.iter().any(begins) {
            return Ok(Some(Self::LeftOut(sql)));
        }
        if KEPT.iter().any(begins) { Ok(Some(Self::Other(sql))) } else { Err(sql) }
    }
}

/// The name that `sql` begins with, and the rest.
fn name(sql: &str) -> Option<(String, &str)> {
    if let Some(quoted) = sql.strip_prefix('"') {
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let (part, after) = rest.split_once('"')?;
            name.push_str(part);
            match after.strip_prefix('"') {
                Some(more) => {
                    name.push('"');
                    rest = more;
                }
                None => return Some((name, after)),
            }
        }
    }
    let end = sql.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$')).unwrap_or(sql.len());
    (end > 0).then(|| (sql[..end].to_owned(), &sql[end..]))
}

/// The statements in `text`; nothing where psql would find something else in it than statements.
fn split(text: &str) -> Option<Vec<String>> {
    let (mut statements, mut statement) = (Vec::new(), String::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let line = || rest.split_inclusive('\n').next().unwrap_or(rest);
        let length = match c {
            '-' if after.starts_with('-') => {
                rest = &rest[line().len()..];
                continue;
            }
            // A key for psql, by which it knows that the file itself tells it nothing.
            '\\' if statement.trim().is_empty() && ["\\restrict ", "\\unrestrict "].iter().any(|key| rest.starts_with(key)) => {
                rest = &rest[line().len()..];
                continue;
            }
            '\\' => return None,
            '\'' | '"' => {
                let escapes = c == '\'' && statement.ends_with(['E', 'e']);
                quoted(rest, c, escapes)?
            }
            ';' => {
                statements.push(std::mem::take(&mut statement).trim().to_owned());
                rest = after;
                continue;
            }
            c => c.len_utf8(),
        };
        statement.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    statement.trim().is_empty().then_some(statements)
}

/// The length of the literal or name that `text` begins with; nothing where it does not end.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_are_read() {
        let text = "--\n-- PostgreSQL; a \"comment\"\n--\n\\restrict aB3\nSET client_encoding = 'UTF8';\n\n\
            CREATE ROLE app;\nALTER ROLE app WITH NOSUPERUSER LOGIN VALID UNTIL 'infinity';\n\
            CREATE ROLE \"report user\";\nALTER ROLE \"report user\" WITH LOGIN CONNECTION LIMIT 3;\n\
            CREATE ROLE \"a\"\"b\\c;\nDrop\";\nALTER ROLE \"a\"\"b\\c;\nDrop\" SET search_path TO 'x;y', 'z''';\n\
            COMMENT ON ROLE app IS E'a\\\\b;\\'c\nd';\nGRANT app TO \"report user\" WITH INHERIT TRUE GRANTED BY postgres;\n\
            CREATE TABLESPACE fast OWNER app LOCATION '/x';\nGRANT ALL ON TABLESPACE fast TO app;\n\\unrestrict aB3\n";
        let globals = Globals::parse(text).expect("as pg_dumpall writes it");
        let created: Vec<&String> = globals.created().collect();
        assert_eq!(created, ["app", "report user", "a\"b\\c;\nDrop"]);
        let attributes: Vec<&str> = globals.attributes(|role| role == "report user").collect();
        assert_eq!(attributes, ["ALTER ROLE \"report user\" WITH LOGIN CONNECTION LIMIT 3"]);
        let of = |wanted: fn(&Statement) -> Option<&String>| globals.statements.iter().filter_map(wanted).cloned().collect::<Vec<_>>();
        insta::assert_snapshot!(of(|statement| if let Statement::Other(sql) = statement { Some(sql) } else { None }).join("\n"), @r#"
        ALTER ROLE "a""b\c;
        Drop" SET search_path TO 'x;y', 'z'''
        COMMENT ON ROLE app IS E'a\\b;\'c
        d'
        GRANT app TO "report user" WITH INHERIT TRUE GRANTED BY postgres
        "#);
        insta::assert_snapshot!(of(|statement| if let Statement::LeftOut(sql) = statement { Some(sql) } else { None }).join("\n"), @r"
        CREATE TABLESPACE fast OWNER app LOCATION '/x'
        GRANT ALL ON TABLESPACE fast TO app
        ");
    }

    #[test]
    fn what_pg_dumpall_does_not_write_is_refused() {
        for text in [
            "CREATE ROLE a\\! id;",
            "\\! id\n",
            "\\restrict x\n\\copy y\n",
            "CREATE ROLE a; \\restrict x \\! id\n;",
            "COPY x TO PROGRAM 'id';",
            "ALTER ROLE a RENAME TO b;",
            "CREATE ROLE a SUPERUSER;",
            "CREATE ROLE \"a;",
            "COMMENT ON ROLE a IS 'x",
            "DROP ROLE a;",
            "CREATE ROLE ;",
            "CREATE ROLE a",
        ] {
            assert!(Globals::parse(text).is_err(), "{text}");
        }
        assert_eq!(Globals::parse("-- nothing\n").expect("empty"), Globals::default());
    }
}
