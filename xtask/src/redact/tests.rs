//! What stays of texts.

use super::*;

fn redacted(values: &[&str], text: &str) -> String {
    Redactor::new(values.iter().map(|value| (*value).to_owned())).redact(text)
}

#[test]
fn a_value_is_found_however_it_is_written() {
    let secret = "a\"b&c<d\\e/f";
    let written = [
        secret.to_owned(),
        serde_json::json!({ "key": secret }).to_string(),
        r#"{"key":"a\"b\u0026c\u003cd\\e/f"}"#.to_owned(),
        "postgres:///?password=a%22b%26c%3Cd%5Ce%2Ff".to_owned(),
    ];
    for text in written {
        let out = redacted(&[secret], &text);
        assert!(out.contains(REDACTED) && !out.contains("b%26") && !out.contains("d\\"), "{text}: {out}");
    }
}

#[test]
fn every_line_of_a_key_is_secret_and_its_head_is_not() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQE\n-----END PRIVATE KEY-----\n";
    assert_eq!(redacted(&[key], &format!("x\n{key}y")), format!("x\n{REDACTED}\ny"));
    assert_eq!(redacted(&[key], "-----BEGIN PRIVATE KEY----- kqhkiG9w0BAQE"), format!("-----BEGIN PRIVATE KEY----- {REDACTED}"));
}

#[test]
fn the_password_of_an_address_is_secret_also_on_its_own() {
    let url = "postgres://board:s3cr%40t-word@db.example.com:5432/board";
    assert_eq!(redacted(&[url], "password s3cr%40t-word is wrong"), format!("password {REDACTED} is wrong"));
    insta::assert_snapshot!(
        redacted(&[], "redis://:pw@a:6379/0 smtp://u:p@ss@b:25 \"https://key@c/1\" http://localhost:8080/ ssh://git@d/e"),
        @r#"redis://:«redacted»@a:6379/0 smtp://u:«redacted»@b:25 "https://«redacted»@c/1" http://localhost:8080/ ssh://git@d/e"#
    );
    assert_eq!(redacted(&[], "in `webhook = \"https://a/b\"`"), format!("in `webhook = \"{REDACTED}\"`"));
}

#[test]
fn what_a_client_proves_itself_with_is_secret() {
    insta::assert_snapshot!(
        redacted(
            &[],
            &[
                "> Authorization: Bearer eyJh.bGci_-~+/=",
                "authorization: basic dTpw",
                "Authorization: Digest username=\"u\", response=\"0123\"",
                "Proxy-Authorization: opaque and more",
                r#"{"authorization":"Bearer xyz","path":"/a"}"#,
                r#"{"message":"headers: {\"authorization\": \"Token abc\", \"host\": \"a\"}"}"#,
                "it sent Bearer xyz, which is no token",
                "Cookie: session=abc; theme=dark",
                "< set-cookie: session=abc; HttpOnly",
                r#"{"set-cookie":["session=abc"],"status":200}"#,
            ]
            .join("\n")
        ),
        @r#"
    > Authorization: Bearer «redacted»
    authorization: basic «redacted»
    Authorization: Digest «redacted»
    Proxy-Authorization: «redacted»
    {"authorization":"Bearer «redacted»","path":"/a"}
    {"message":"headers: {\"authorization\": \"Token «redacted»\", \"host\": \"a\"}"}
    it sent Bearer «redacted», which is no token
    Cookie: «redacted»
    < set-cookie: «redacted»
    {"set-cookie":["«redacted»"],"status":200}
    "#
    );
    for innocent in ["cookies are off", "no authorization", "a bearer", "the cookie_secure setting"] {
        assert_eq!(redacted(&[], innocent), innocent);
    }
}

#[test]
fn the_password_in_a_statement_is_secret() {
    insta::assert_snapshot!(
        redacted(
            &[],
            &[
                "STATEMENT:  ALTER ROLE slipway WITH LOGIN PASSWORD 'it''s' VALID UNTIL 'infinity'",
                "create user a password E'pw' createdb;",
                r#"{"query":"ALTER USER a WITH ENCRYPTED PASSWORD 'pw'","rows":0}"#,
                "CREATE USER a PASSWORD 'cut off",
                "host=db password='p w' user=a",
            ]
            .join("\n")
        ),
        @r#"
    STATEMENT:  ALTER ROLE slipway WITH LOGIN PASSWORD '«redacted»' VALID UNTIL 'infinity'
    create user a password E'«redacted»' createdb;
    {"query":"ALTER USER a WITH ENCRYPTED PASSWORD '«redacted»'","rows":0}
    CREATE USER a PASSWORD '«redacted»
    host=db password='«redacted»' user=a
    "#
    );
}

#[test]
fn who_a_log_line_connects_as_is_no_secret_but_the_password_is() {
    let line = r#"{"level":"ERROR","message":"cannot connect to postgres://user:pw@host:5432/db?sslmode=disable"}"#;
    assert_eq!(redacted(&[], line), line.replace(":pw@", &format!(":{REDACTED}@")));
}

#[test]
fn a_short_value_is_no_part_of_a_word_and_an_empty_one_is_nowhere() {
    assert_eq!(redacted(&["db", "", "\n"], "db: the dbs of db, adb"), format!("{REDACTED}: the dbs of {REDACTED}, adb"));
    assert_eq!(redacted(&["secret", "secret-2"], "secret-2 secret"), format!("{REDACTED} {REDACTED}"));
}

#[test]
fn what_is_called_as_secrets_are_is_secret() {
    insta::assert_snapshot!(redacted(
        &[],
        &[
            r#"{"DB_PASSWORD": "a\"b", "SENTRY_TOKEN":"y","GITHUB_API_KEY": 123, "PGPASSWORD": null, "SECRET_FILE": "/run/secrets/a"}"#,
            r#""secrets": [{"source": "token"}], "secret": {"file": "/a"}, "x-api-key":["a","b"],"status":200"#,
            r#"{"message":"{\"secret_token\":\"a\\\"b\\\\\",\"path\":\"/\"}","status":200}"#,
            r#"{"message":"PGPASSWORD=a,b psql","status":200}"#,
            "exec PGPASSWORD='it is' psql password=a\"b user=c",
            "x-api-key: abc",
            "bearer: x",
            "environment: {DB_PASSWORD: x, AWS_SECRET_ACCESS_KEY: y, PLAIN: z}",
            "GET /a?token=x&page=2 https://a/b?a=1&sig=x%2F&key=y#top \"/?access_token=z\" /?a=b\\u0026password=c\\u0026d=e",
            "ftp://TOKEN@host/a postgres://a@b/c",
        ]
        .join("\n")
    ));
    let innocents = [
        "no authorization",
        "the password is wrong",
        "token_file=/run/secrets/x",
        "no secrets: [] here",
        "monkey=1 a?monkey=2",
        "backend::token::verify said so",
        "password authentication failed for user \"a\"",
        "http://a:8080/b http://[::1]:80/ mailto:a@b",
    ];
    for innocent in innocents {
        assert_eq!(redacted(&[], innocent), innocent);
    }
}

#[test]
fn what_is_quoted_in_a_header_is_secret_to_its_end() {
    insta::assert_snapshot!(redacted(
        &[],
        &[
            r#"Authorization: Bearer \"x\" and more"#,
            r#"Authorization: Token token="x", nonce="y""#,
            r#"{"message":"Authorization: Bearer \"x\"","status":1}"#,
            r#"{"cookie":"a=\"x\"; b=y","status":1}"#,
            r#"{"set-cookie":["a=x","b=y"],"status":1}"#,
            r#"{"authorization":"Digest username=\"u\", response=\"0\"","status":1}"#,
        ]
        .join("\n")
    ));
}

#[test]
fn the_password_in_a_statement_is_secret_however_it_is_quoted() {
    insta::assert_snapshot!(redacted(
        &[],
        &[
            "ALTER ROLE a PASSWORD $$it's$$ LOGIN",
            "ALTER ROLE a PASSWORD $q$a$$b$q$ LOGIN",
            "ALTER ROLE a PASSWORD U&'x' LOGIN",
            r"ALTER ROLE a PASSWORD E'a\'b' LOGIN",
            "ALTER ROLE a PASSWORD '''x''''y' LOGIN",
            "ALTER ROLE a PASSWORD '' LOGIN",
            "STATEMENT:  ALTER ROLE a PASSWORD\n\t'x' LOGIN",
            r#"{"query":"ALTER ROLE a PASSWORD\n\t'x' LOGIN"}"#,
        ]
        .join("\n")
    ));
}
