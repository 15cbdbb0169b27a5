//! Environment files with mistakes: each is refused with all that is wrong, and nothing is asked of the engine.

use crate::harness::Checkout;

/// What is in `infra/env/local.toml`, or, where there are more, in the files that are named.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const LOCAL: &str = "infra/env/local.toml";

const GRAMMAR: &[Case] = &[
    ("not TOML at all", &[(LOCAL, "%%%\n")]),
    ("a table that does not end", &[(LOCAL, "[proxy\nport = 1\n")]),
    ("text without quotes", &[(LOCAL, "log_level = info\n")]),
    ("a key without a value", &[(LOCAL, "log_level =\n")]),
    ("the same key twice", &[(LOCAL, "confirm = true\nconfirm = false\n")]),
    ("the same table twice", &[(LOCAL, "[proxy]\nport = 1\n[proxy]\nbind = \"127.0.0.1\"\n")]),
    ("quotes that do not end", &[(LOCAL, "log_level = \"info\n")]),
    ("a byte that is no text", &[(LOCAL, "log_level = \"\u{0}\"\n")]),
    ("a table where a value was", &[(LOCAL, "confirm = true\n[confirm]\n")]),
    ("several at once", &[(LOCAL, "a = \nb = 'x\n[c\n")]),
];

const KEYS: &[Case] = &[
    ("an unknown key", &[(LOCAL, "colour = \"red\"\n")]),
    ("a misspelt key", &[(LOCAL, "log_levle = \"info\"\n")]),
    ("a misspelt table", &[(LOCAL, "[proxi]\nport = 8080\n")]),
    ("a misspelt key of a table", &[(LOCAL, "[proxy]\nport_falback = true\n")]),
    ("a key in the wrong table", &[(LOCAL, "[tls]\nport = 8080\n")]),
    ("a table where text belongs", &[(LOCAL, "[log_level]\nproxy = \"info\"\n")]),
    ("text where a table belongs", &[(LOCAL, "proxy = \"127.0.0.1:80\"\n")]),
    ("a list where a table belongs", &[(LOCAL, "[[proxy]]\nport = 80\n")]),
    ("limits of a service that is not there", &[(LOCAL, "[limits.bakend]\ncpus = 1\n")]),
    ("an unknown limit", &[(LOCAL, "[limits.backend]\nmemroy = \"1GB\"\n")]),
    ("a limit without a service", &[(LOCAL, "[limits]\nmemory = \"1GB\"\n")]),
    ("a variable that nothing takes", &[(LOCAL, "[variables]\nMAIL_FORM = \"x\"\n")]),
    ("a variable that is made from a key", &[(LOCAL, "[variables]\nHTTP_PORT = 80\nDB_CPUS = 2\n")]),
];

const VALUES: &[Case] = &[
    ("a level that there is not", &[(LOCAL, "log_level = \"loud\"\n")]),
    ("a level in capitals", &[(LOCAL, "log_level = \"Info\"\n")]),
    ("text for true or false", &[(LOCAL, "confirm = \"yes\"\n")]),
    ("a number for true or false", &[(LOCAL, "confirm = 1\n")]),
    ("a port of zero", &[(LOCAL, "proxy.port = 0\n")]),
    ("a port that is too large", &[(LOCAL, "proxy.port = 70000\n")]),
    ("a port below zero", &[(LOCAL, "proxy.port = -80\n")]),
    ("a port as text", &[(LOCAL, "proxy.port = \"8080\"\n")]),
    ("a number that no machine has", &[(LOCAL, "proxy.port = 99999999999999999999\n")]),
    ("a name for an address", &[(LOCAL, "proxy.bind = \"localhost\"\n")]),
    ("an address that is none", &[(LOCAL, "proxy.bind = \"127.0.0.256\"\n")]),
    ("one port for two things", &[(LOCAL, "proxy.port = 8443\ntls.mode = \"self-signed\"\n")]),
    ("a domain with a scheme", &[(LOCAL, "site.domain = \"https://example.com\"\n")]),
    ("a domain with a port", &[(LOCAL, "site.domain = \"example.com:8080\"\n")]),
    ("a domain with a space", &[(LOCAL, "site.domain = \"exam ple.com\"\n")]),
    ("an empty domain", &[(LOCAL, "site.domain = \"\"\n")]),
    ("one of several names is none", &[(LOCAL, "site.aliases = [\"a.example.com\", \"-\", \"b.example.com\"]\n")]),
    ("one name instead of a list", &[(LOCAL, "site.aliases = \"a.example.com\"\n")]),
    ("a size without a unit", &[(LOCAL, "limits.db.memory = 512\n")]),
    ("a size with a unit that there is not", &[(LOCAL, "limits.db.memory = \"512 Mib\"\n")]),
    ("less memory than the engine takes", &[(LOCAL, "limits.db.memory = \"1MB\"\nlimits.db.memory_reservation = \"1MB\"\n")]),
    ("more kept than allowed", &[(LOCAL, "limits.db.memory_reservation = \"2GB\"\n")]),
    ("no processor", &[(LOCAL, "limits.db.cpus = 0\n")]),
    ("more processors than there are", &[(LOCAL, "limits.db.cpus = 5000\n")]),
    ("too few processes", &[(LOCAL, "limits.db.pids = 1\n")]),
    ("a time without a unit", &[(LOCAL, "tls.hsts = \"365\"\n")]),
    ("a mode that there is not", &[(LOCAL, "tls.mode = \"letsencrypt\"\ndatabase.mode = \"extern\"\n")]),
    ("a profile of cargo that there is not", &[(LOCAL, "build.profile = \"debug\"\n")]),
    ("logs without end", &[(LOCAL, "logs.max_files = 0\nlogs.max_size = \"1KB\"\n")]),
    ("a variable of several lines", &[(LOCAL, "variables.MAIL_FROM = \"a\\nb\"\n")]),
    ("a variable that is a list", &[(LOCAL, "variables.MAIL_FROM = [\"a\"]\n")]),
];

const FILES: &[Case] = &[
    ("no compose file", &[(LOCAL, "compose.files = []\n")]),
    ("a compose file that is not there", &[(LOCAL, "compose.files = [\"compose.yml\"]\n")]),
    ("a compose file elsewhere", &[(LOCAL, "compose.files = [\"../compose.yaml\", \"/etc/compose.yaml\"]\n")]),
    ("one compose file instead of a list", &[(LOCAL, "compose.files = \"compose.yaml\"\n")]),
    ("a base that is not there", &[(LOCAL, "base = \"stagin\"\n"), ("infra/env/staging.toml", "")]),
    ("a base that is itself", &[(LOCAL, "base = \"local\"\n")]),
    ("bases in a circle", &[(LOCAL, "base = \"a\"\n"), ("infra/env/a.toml", "base = \"b\"\n"), ("infra/env/b.toml", "base = \"local\"\n")]),
    ("a base that is no text", &[(LOCAL, "base = [\"base\"]\n")]),
    ("a base with a path", &[(LOCAL, "base = \"../env/local\"\n")]),
    ("a mistake in the file below", &[(LOCAL, "base = \"a\"\n"), ("infra/env/a.toml", "confirm = 1\n")]),
    ("a mistake in the override", &[(LOCAL, ""), ("infra/env/local.override.toml", "confrim = true\nbase = \"base\"\n")]),
    ("a key that the base file lost", &[(LOCAL, ""), ("infra/env/base.toml", "log_level = \"info\"\n")]),
    ("an empty base file", &[(LOCAL, ""), ("infra/env/base.toml", "")]),
];

fn refused(cases: &[Case]) -> String {
    let mut said = String::new();
    for (name, files) in cases {
        let checkout = Checkout::new();
        for (path, text) in *files {
            checkout.file(path, text);
        }
        let outcome = checkout.run(["up"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{name}: {outcome}");
        assert_eq!(outcome.log, [""; 0], "{name}: the engine is not asked");
        assert!(!checkout.root().join("infra/secrets").exists(), "{name}: nothing is written");
        let hint = "\n\nhint: infra/env/base.toml says what each key means and takes\n";
        let text = outcome.stderr.strip_suffix(hint).unwrap_or_else(|| panic!("{name}: {outcome}"));
        said.push_str(&format!("# {name}\n{text}\n"));
    }
    said
}

#[test]
fn mistakes_in_the_grammar() {
    insta::assert_snapshot!(refused(GRAMMAR));
}

#[test]
fn mistakes_in_keys() {
    insta::assert_snapshot!(refused(KEYS));
}

#[test]
fn mistakes_in_values() {
    insta::assert_snapshot!(refused(VALUES));
}

#[test]
fn mistakes_in_files() {
    insta::assert_snapshot!(refused(FILES));
}
