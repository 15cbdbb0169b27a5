//! `ALTER TABLE`: what each of its actions does.

use super::super::sql::Token;
use super::Judge;
use super::cursor::Cursor;

/// Functions that answer anew for each row: a column with such a default is written into all rows, while the others are kept once for all.
const VOLATILE: [&str; 11] = [
    "clock_timestamp",
    "gen_random_bytes",
    "gen_random_uuid",
    "nextval",
    "random",
    "random_normal",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];
/// Types whose default is a sequence.
const SERIAL: [&str; 6] = ["bigserial", "serial", "serial2", "serial4", "serial8", "smallserial"];

impl Judge {
    pub(super) fn alter_table(&mut self, mut cursor: Cursor<'_>, line: usize) {
        cursor.eat_all(&["if", "exists"]);
        let Some(table) = cursor.names().into_iter().next().flatten() else { return };
        for action in cursor.pieces() {
            self.action(Cursor::new(action), &table, line);
        }
    }

    fn action(&mut self, mut cursor: Cursor<'_>, table: &str, line: usize) {
        let named = || Some(table.to_owned());
        if cursor.eat("add") {
            if let Some(what) = added(cursor) {
                self.blocks(line, named(), |table| format!("{what}: nobody writes to {table} meanwhile"));
            }
        } else if cursor.eat("drop") {
            if !cursor.is("constraint") {
                cursor.eat("column");
                cursor.eat_all(&["if", "exists"]);
                let column = cursor.table().unwrap_or_default();
                self.destroys(line, named(), |table| format!("DROP COLUMN removes `{column}` of {table} with all its values"));
            }
        } else if cursor.eat("alter") {
            cursor.eat("column");
            let column = cursor.table().unwrap_or_default();
            if cursor.is("type") || cursor.eat_all(&["set", "data", "type"]) {
                self.destroys(line, named(), |table| {
                    format!("ALTER COLUMN … TYPE changes `{column}` of {table} under the version that serves")
                });
                self.blocks(line, named(), |table| format!("ALTER COLUMN … TYPE: nobody reads or writes {table} until it is written anew"));
            } else if cursor.eat_all(&["set", "not", "null"]) {
                self.blocks(line, named(), |table| {
                    format!("SET NOT NULL: nobody reads or writes {table} until all of it is read; a valid CHECK (`{column}` IS NOT NULL) spares that")
                });
            } else if cursor.eat_all(&["set", "expression"]) {
                self.blocks(line, named(), |table| format!("SET EXPRESSION: nobody reads or writes {table} until it is written anew"));
            }
        } else if cursor.eat("rename") {
            if cursor.eat("to") {
                self.destroys(line, named(), |table| format!("RENAME: the version that serves does not find {table}"));
                if self.created.contains(table) {
                    self.created.extend(cursor.table());
                }
            } else if !cursor.is("constraint") {
                cursor.eat("column");
                let column = cursor.table().unwrap_or_default();
                self.destroys(line, named(), |table| format!("RENAME: the version that serves does not find `{column}` of {table}"));
            }
        } else if cursor.eat("set") {
            if cursor.is("schema") {
                self.destroys(line, named(), |table| format!("SET SCHEMA: the version that serves does not find {table}"));
            } else if ["logged", "unlogged", "tablespace", "access"].into_iter().any(|word| cursor.is(word)) {
                self.blocks(line, named(), |table| format!("SET …: nobody reads or writes {table} until it is written anew"));
            }
        }
    }
}

/// Why `ADD …` reads or writes all rows, if it does.
fn added(mut cursor: Cursor<'_>) -> Option<String> {
    let named = cursor.eat("constraint") && cursor.table().is_some();
    let constraint = ["check", "exclude", "foreign", "not", "primary", "unique"].into_iter().find(|word| cursor.is(word));
    // A column may be called so.
    let constraint = constraint.filter(|word| named || *word != "exclude" || exclusion(cursor));
    if let Some(constraint) = constraint {
        let spared = cursor.find_here(&["not", "valid"]).is_some() || cursor.find_here(&["using", "index"]).is_some();
        let instead = match constraint {
            "unique" | "primary" => "CREATE UNIQUE INDEX CONCURRENTLY first, then USING INDEX, spares that",
            "exclude" => "there is no other way",
            _ => "NOT VALID, then VALIDATE CONSTRAINT in a later migration, spares that",
        };
        return (!spared).then(|| format!("ADD CONSTRAINT reads all rows ({instead})"));
    }
    cursor.eat("column");
    cursor.eat_all(&["if", "not", "exists"]);
    let column = cursor.table()?;
    let volatile = cursor.find_here(&["default"]).and_then(|default| call(default.rest()));
    let reason = if let Some(function) = volatile {
        format!("the default `{function}()` is written into all rows")
    } else if SERIAL.into_iter().any(|serial| cursor.is(serial)) || cursor.has_here("identity") {
        "its numbers are written into all rows".to_owned()
    } else if cursor.has_here("generated") && cursor.has_here("stored") {
        "what it is generated from is written into all rows".to_owned()
    } else {
        let constraint = ["unique", "primary", "check"].into_iter().find(|word| cursor.has_here(word))?;
        format!("{} reads all rows", constraint.to_uppercase())
    };
    Some(format!("ADD COLUMN `{column}`: {reason}"))
}

fn exclusion(mut cursor: Cursor<'_>) -> bool {
    cursor.eat("exclude") && (cursor.is("using") || cursor.rest().first() == Some(&Token::Sign('(')))
}

/// The first call of a function that answers anew for each row.
fn call(tokens: &[Token]) -> Option<&str> {
    let calls = tokens.windows(2).filter(|pair| pair[1] == Token::Sign('('));
    calls.filter_map(|pair| pair[0].name()).find(|name| VOLATILE.contains(name))
}
