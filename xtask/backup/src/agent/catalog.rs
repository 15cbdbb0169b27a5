//! What a server says of its databases and no dump of their content has: owner, encoding, settings, who may connect, comment. Pure but for reading it.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::psql::{Session, identifier, literal};

/// A database, as its server describes it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) name: String,
    owner: String,
    encoding: String,
    /// `c`, `i` or `b`: of the C library, ICU, or built in.
    provider: String,
    collate: String,
    ctype: String,
    locale: Option<String>,
    icu_rules: Option<String>,
    template: bool,
    connection_limit: i64,
    comment: Option<String>,
    /// Nothing where the default holds.
    privileges: Option<Vec<Privilege>>,
    settings: Vec<Settings>,
    /// What is not brought back, for people.
    left_out: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Privilege {
    grantor: String,
    /// Nothing: `PUBLIC`.
    grantee: Option<String>,
    privilege: String,
    grantable: bool,
}

/// What sessions begin with.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Settings {
    /// Only those of this role.
    role: Option<String>,
    /// `name=value` each.
    values: Vec<String>,
}

/// `to_jsonb` of the row: columns that not every version has are null where they are missing.
const DESCRIPTION: &str = "SELECT jsonb_build_object('name', datname, 'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding), \
    'provider', coalesce(to_jsonb(d)->>'datlocprovider', 'c'), 'collate', datcollate, 'ctype', datctype, \
    'locale', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'), 'icu_rules', to_jsonb(d)->>'daticurules', \
    'template', datistemplate, 'connection_limit', datconnlimit, 'comment', shobj_description(d.oid, 'pg_database'), \
    'privileges', CASE WHEN datacl IS NOT NULL THEN coalesce((SELECT jsonb_agg(jsonb_build_object('grantor', pg_get_userbyid(grantor), \
    'grantee', CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee) END, 'privilege', privilege_type, 'grantable', is_grantable)) \
    FROM aclexplode(datacl)), '[]') END, \
    'settings', coalesce((SELECT jsonb_agg(jsonb_build_object('role', CASE WHEN setrole <> 0 THEN pg_get_userbyid(setrole) END, 'values', setconfig) \
    ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid), '[]'), \
    'left_out', to_jsonb(ARRAY(SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace WHERE oid = dattablespace AND spcname <> 'pg_default' \
    UNION ALL SELECT 'SECURITY LABEL FOR ' || quote_ident(provider) FROM pg_shseclabel WHERE objoid = d.oid AND classoid = 'pg_database'::regclass))) \
    FROM pg_database d";

impl Database {
    /// The database `name` of the server that `session` talks to.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn describe(session: &mut Session, name: &str) -> anyhow::Result<Self> {
        let text = session.value(&format!("{DESCRIPTION} WHERE datname = {}", literal(name)))?;
        let text = text.with_context(|| format!("there is no database {}", identifier(name)))?;
        serde_json::from_str(&text).context("the server describes its database in another way")
    }

    /// Creates an empty database of this kind under another name.
    pub(crate) fn creation(&self, name: &str) -> String {
        let mut sql = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING {}", identifier(name), literal(&self.encoding));
        let provider = match self.provider.as_str() {
            "i" => Some(("icu", "ICU_LOCALE")),
            "b" => Some(("builtin", "BUILTIN_LOCALE")),
            _ => None,
        };
        let mut option = |key: &str, value: &str| sql.push_str(&format!(" {key} {}", literal(value)));
        option("LC_COLLATE", &self.collate);
        option("LC_CTYPE", &self.ctype);
        if let Some((name, key)) = provider {
            option("LOCALE_PROVIDER", name);
            self.locale.iter().for_each(|locale| option(key, locale));
            self.icu_rules.iter().for_each(|rules| option("ICU_RULES", rules));
        }
        sql
    }

    /// The statements that give the database `name` all of this.
    pub(crate) fn statements(&self, name: &str) -> Vec<String> {
        let database = identifier(name);
        let mut all = vec![format!("ALTER DATABASE {database} OWNER TO {}", identifier(&self.owner))];
        let mut alter = |what: String| all.push(format!("ALTER DATABASE {database} {what}"));
        alter(format!("CONNECTION LIMIT {}", self.connection_limit));
        if self.template {
            alter("IS_TEMPLATE true".to_owned());
        }
        if let Some(comment) = &self.comment {
            all.push(format!("COMMENT ON DATABASE {database} IS {}", literal(comment)));
        }
        for Settings { role, values } in &self.settings {
            for (key, value) in values.iter().filter_map(|setting| setting.split_once('=')) {
                let set = format!("SET {} TO {}", parameter(key), setting(key, value));
                all.push(match role {
                    Some(role) => format!("ALTER ROLE {} IN DATABASE {database} {set}", identifier(role)),
                    None => format!("ALTER DATABASE {database} {set}"),
                });
            }
        }
        if let Some(privileges) = &self.privileges {
            for whom in ["PUBLIC".to_owned(), identifier(&self.owner)] {
                all.push(format!("REVOKE ALL ON DATABASE {database} FROM {whom}"));
            }
            all.extend(privileges.iter().map(|privilege| self.grant(privilege, &database)));
        }
        all
    }

    fn grant(&self, Privilege { grantor, grantee, privilege, grantable }: &Privilege, database: &str) -> String {
        let whom = grantee.as_deref().map_or_else(|| "PUBLIC".to_owned(), identifier);
        // The word goes into the statement as it is.
        let privilege: String = privilege.chars().filter(|c| c.is_ascii_alphabetic() || *c == ' ').collect();
        let option = if *grantable { " WITH GRANT OPTION" } else { "" };
        let grant = format!("GRANT {privilege} ON DATABASE {database} TO {whom}{option}");
        // A superuser grants as the owner does; others have to do it themselves.
        if *grantor == self.owner { grant } else { format!("SET LOCAL ROLE {}; {grant}; RESET ROLE", identifier(grantor)) }
    }

    /// What is not brought back.
    pub(crate) fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

/// The name of a parameter: extensions have two parts.
fn parameter(name: &str) -> String {
    name.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

/// Parameters whose value is a list of names, as `pg_dump` knows them: written as one text they would be one name.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

fn setting(name: &str, value: &str) -> String {
    if !LISTS.contains(&name.to_lowercase().as_str()) {
        return literal(value);
    }
    let parts = list(value);
    if parts.is_empty() { "''".to_owned() } else { parts.iter().map(|part| literal(part)).collect::<Vec<_>>().join(", ") }
}

/// The parts of `"$user", public`.
fn list(value: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut inside = false;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => inside = !inside,
            ',' if !inside => parts.push(std::mem::take(&mut part)),
            c if c.is_whitespace() && !inside => {}
            c => part.push(c),
        }
    }
    if !value.trim().is_empty() {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(more: &str) -> Database {
        let text = format!(
            r#"{{"name":"app","owner":"own\"er","encoding":"UTF8","provider":"c","collate":"C","ctype":"C.UTF-8","locale":null,"icu_rules":null,
            "template":false,"connection_limit":-1,"comment":null,"privileges":null,"settings":[],"left_out":[]{more}}}"#
        );
        // The last of two keys would be an error for serde.
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        serde_json::from_value(value).expect("a description")
    }

    #[test]
    fn a_plain_database_has_an_owner_alone() {
        let plain = database("");
        assert_eq!(
            plain.creation("a\"b"),
            "CREATE DATABASE \"a\"\"b\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        );
        insta::assert_snapshot!(plain.statements("a\"b").join("\n"), @r#"
        ALTER DATABASE "a""b" OWNER TO "own""er"
        ALTER DATABASE "a""b" CONNECTION LIMIT -1
        "#);
    }

    #[test]
    fn all_that_a_database_may_have_is_brought_back() {
        let full = database(
            r#","provider":"i","locale":"de-DE","icu_rules":"&a < b","template":true,"connection_limit":7,"comment":"it's","privileges":[
            {"grantor":"own\"er","grantee":"own\"er","privilege":"CREATE","grantable":false},
            {"grantor":"own\"er","grantee":"a b","privilege":"CONNECT","grantable":true},
            {"grantor":"a b","grantee":null,"privilege":"TEMPORARY; DROP","grantable":false}],"settings":[
            {"role":null,"values":["search_path=\"$user\", public, \"a,\"\"b\"","statement_timeout=5s","my.own=a=b","search_path="]},
            {"role":"a b","values":["TimeZone=UTC"]}]"#,
        );
        assert!(full.creation("x").ends_with(" LOCALE_PROVIDER 'icu' ICU_LOCALE 'de-DE' ICU_RULES '&a < b'"), "{}", full.creation("x"));
        insta::assert_snapshot!(full.statements("x").join("\n"), @r#"
        ALTER DATABASE "x" OWNER TO "own""er"
        ALTER DATABASE "x" CONNECTION LIMIT 7
        ALTER DATABASE "x" IS_TEMPLATE true
        COMMENT ON DATABASE "x" IS 'it''s'
        ALTER DATABASE "x" SET "search_path" TO '$user', 'public', 'a,"b'
        ALTER DATABASE "x" SET "statement_timeout" TO '5s'
        ALTER DATABASE "x" SET "my"."own" TO 'a=b'
        ALTER DATABASE "x" SET "search_path" TO ''
        ALTER ROLE "a b" IN DATABASE "x" SET "TimeZone" TO 'UTC'
        REVOKE ALL ON DATABASE "x" FROM PUBLIC
        REVOKE ALL ON DATABASE "x" FROM "own""er"
        GRANT CREATE ON DATABASE "x" TO "own""er"
        GRANT CONNECT ON DATABASE "x" TO "a b" WITH GRANT OPTION
        SET LOCAL ROLE "a b"; GRANT TEMPORARY DROP ON DATABASE "x" TO PUBLIC; RESET ROLE
        "#);
    }
}
