//! What is one statement and what is not, as `psql` would send it.

use super::*;

/// Each statement as `line: tokens`, texts in `«»`, quoted names in `"`.
fn statements(text: &str) -> Vec<String> {
    let show = |token: &Token| match token {
        Token::Word(word) => word.clone(),
        Token::Name(name) => format!("\"{name}\""),
        Token::Text(text) => format!("«{text}»"),
        Token::Sign(sign) => sign.to_string(),
    };
    let line = |statement: Statement| {
        let tokens: Vec<String> = statement.tokens.iter().map(show).collect();
        format!("{}: {}", statement.line, tokens.join(" "))
    };
    parse(text).expect("complete").statements.into_iter().map(line).collect()
}

fn one(text: &str) -> String {
    let found = statements(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.into_iter().next().unwrap_or_default().split_off(3)
}

fn unclosed(text: &str) -> String {
    parse(text).expect_err("incomplete").to_string()
}

#[test]
fn semicolons_separate_and_empty_statements_are_none() {
    assert_eq!(statements("SELECT 1;;\n ; \nDROP TABLE a;\n\nDROP\nTABLE b"), ["1: select 1", "3: drop table a", "5: drop table b"]);
    assert_eq!(statements(""), [""; 0]);
    assert_eq!(statements(" ; \r\n;"), [""; 0]);
    assert_eq!(statements("\u{feff}SELECT 1"), ["1: select 1"]);
}

#[test]
fn comments_are_no_statements() {
    assert_eq!(statements("-- DROP TABLE a;\nSELECT 1 -- ; DROP TABLE b;\n, 2; -- end"), ["2: select 1 , 2"]);
    assert_eq!(one("SELECT /* ; DROP TABLE a; */ 1"), "select 1");
    assert_eq!(one("SELECT /* a /* nested; */ still; ' */ 1"), "select 1");
    assert_eq!(one("SELECT 1 /* -- */ + 2"), "select 1 + 2");
    assert_eq!(one("SELECT 1 -- /*\n+ 2"), "select 1 + 2");
    assert_eq!(one("SELECT 4 - -1 / 2 * 3"), "select 4 - - 1 / 2 * 3");
    assert_eq!(statements("/**/"), [""; 0]);
    // A comment ends a word.
    assert_eq!(one("DROP/**/TABLE--x\na"), "drop table a");
}

#[test]
fn what_comments_say_is_kept_and_only_of_those() {
    let text = "-- destructive: moved\n/* -- not this */ SELECT '-- nor this', $$ -- nor this\n$$; --locks:  small  \r\n--";
    assert_eq!(parse(text).expect("complete").comments, ["destructive: moved", "locks:  small", ""]);
}

#[test]
fn quotes_hide_what_is_in_them() {
    assert_eq!(one("SELECT 'a; -- b /* c $$ \" '"), "select «a; -- b /* c $$ \" »");
    assert_eq!(one("SELECT 'it''s; fine', ''"), "select «it's; fine» , «»");
    assert_eq!(one("SELECT '''';"), "select «'»");
    assert_eq!(one("SELECT 'a'\n'b'"), "select «a» «b»");
}

#[test]
fn backslashes_escape_only_where_e_says_so() {
    assert_eq!(statements(r"SELECT 'C:\'; SELECT 2"), [r"1: select «C:\»", "1: select 2"]);
    assert_eq!(one(r"SELECT E'it\'s; \\', e'\\'"), r"select «it's; \» , «\»");
    assert_eq!(one(r"SELECT E'a''b;'"), "select «a'b;»");
    // It is the whole word that says so.
    assert_eq!(statements(r"SELECT date'\'; SELECT 2"), [r"1: select date «\»", "1: select 2"]);
    assert_eq!(one(r"SELECT B'01;', x'1F;', N';', U&'\0441;' UESCAPE '!'"), r"select «01;» , «1F;» , «;» , «\0441;» uescape «!»");
    assert_eq!(one("SELECT u & 'a;'"), "select u & «a;»");
}

#[test]
fn names_may_be_quoted() {
    assert_eq!(one(r#"DROP TABLE "a;b""c" , Tasks, U&"d\0061;""#), r#"drop table "a;b"c" , tasks , "d\0061;""#);
    assert_eq!(one(r#"SELECT "it's" FROM a"#), r#"select "it's" from a"#);
    assert_eq!(one("SELECT Größe FROM ÄPFEL_2$x"), "select größe from äpfel_2$x");
}

#[test]
fn dollars_quote_whole_bodies() {
    assert_eq!(one("DO $$ BEGIN; DROP TABLE a; END $$"), "do « BEGIN; DROP TABLE a; END »");
    assert_eq!(one("DO $body$ x; $$ y; $other$ $body$;"), "do « x; $$ y; $other$ »");
    assert_eq!(one("SELECT $$it's$$"), "select «it's»");
    assert_eq!(one("SELECT $$$$, $a1_ä$;$a1_ä$"), "select «» , «;»");
    // Parameters, and signs in names, are none.
    assert_eq!(statements("SELECT $1, $2; SELECT a$b$c; SELECT 2"), ["1: select $ 1 , $ 2", "1: select a$b$c", "1: select 2"]);
    assert_eq!(statements("SELECT $; SELECT 2"), ["1: select $", "1: select 2"]);
    assert_eq!(one("SELECT $A$;$a$;$A$"), "select «;$a$;»", "tags are told apart by case");
}

#[test]
fn lines_are_counted_through_everything() {
    let text = "/*\n\n*/ SELECT '\n', \"\n\", $$\n$$;\r\nSELECT 2;";
    let lines: Vec<usize> = parse(text).expect("complete").statements.iter().map(|statement| statement.line).collect();
    assert_eq!(lines, [3, 7]);
}

#[test]
fn bodies_and_rules_are_one_statement() {
    let function = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END";
    assert_eq!(statements(&format!("{function}; SELECT 2")).len(), 2);
    assert_eq!(statements("CREATE PROCEDURE p() BEGIN ATOMIC DELETE FROM a; END; SELECT 2").len(), 2);
    assert_eq!(statements("CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2); SELECT 3").len(), 2);
    // Elsewhere these words are nothing special.
    assert_eq!(statements("BEGIN; SELECT CASE WHEN a THEN 1 END; END; SELECT begin, atomic").len(), 4);
    assert_eq!(statements("CREATE TABLE a (b int)); SELECT 2").len(), 2);
}

#[test]
fn numbers_are_words() {
    assert_eq!(one("SELECT 1.5e10, 0x1F, 1_000 , a.b.c, .5"), "select 1.5e10 , 0x1f , 1_000 , a . b . c , . 5");
    assert_eq!(one("SELECT a::numeric(10,2)"), "select a : : numeric ( 10 , 2 )");
}

#[test]
fn what_has_no_end_is_named() {
    assert_eq!(unclosed("SELECT 1;\nSELECT 'a;\n"), "a text that begins in line 2 has no end");
    assert_eq!(unclosed("SELECT '''"), "a text that begins in line 1 has no end");
    assert_eq!(unclosed(r"SELECT E'\'"), "a text that begins in line 1 has no end");
    assert_eq!(unclosed("SELECT \"a"), "a name in `\"` that begins in line 1 has no end");
    assert_eq!(unclosed("\n/* /* */"), "a comment that begins in line 2 has no end");
    assert_eq!(unclosed("DO $a$ $A$ $$"), "a text in `$` that begins in line 1 has no end");
}

#[test]
fn nothing_makes_it_panic() {
    let pieces = [
        "'",
        "\"",
        "$",
        "$a$",
        "/*",
        "*/",
        "--",
        "\n",
        ";",
        "(",
        ")",
        "E'",
        "\\",
        "u&",
        "ä",
        "1",
        "begin atomic",
        "end",
        " ",
        "create function ",
    ];
    for first in pieces {
        for second in pieces {
            for third in pieces {
                // Whatever it is, it is read to its end or refused.
                let _ = parse(&[first, second, third].concat());
            }
        }
    }
}
