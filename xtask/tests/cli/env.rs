//! `env`: what environments say, and how they differ. Nothing is asked of the engine.

use insta::assert_snapshot;

use crate::harness::Checkout;

fn checkout() -> Checkout {
    let checkout = Checkout::new();
    checkout.file("infra/env/local.toml", "log_level = \"debug\"\n[proxy]\nport = 8080\n");
    checkout.file("infra/env/staging.toml", "[site]\ndomain = \"staging.example.com\"\n[proxy]\nport = 8180\nbind = \"0.0.0.0\"\n");
    checkout.file("infra/env/broken.toml", "log_level = \"loud\"\n");
    checkout
}

#[test]
fn all_are_listed_the_broken_ones_too() {
    let outcome = checkout().run(["env", "list"]);
    assert_eq!(outcome.log, [""; 0]);
    assert_snapshot!(outcome);
}

#[test]
fn each_value_says_where_it_comes_from() {
    let checkout = checkout();
    checkout.file("infra/env/staging.override.toml", "limits.db.memory = \"2GB\"\n");
    let shown = checkout.run(["env", "show", "staging"]).success().stdout;
    let lines: Vec<&str> = shown.lines().filter(|line| ["proxy.", "site.", "limits.db"].iter().any(|key| line.starts_with(key))).collect();
    assert_snapshot!(lines.join("\n"));
    let json: serde_json::Value = serde_json::from_str(&checkout.run(["env", "show", "--json"]).success().stdout).expect("JSON");
    assert_eq!((&json["schema"], &json["environment"]), (&1.into(), &"local".into()));
    let level = json["values"].as_array().expect("values").iter().find(|value| value["key"] == "log_level").expect("there");
    assert_eq!(level, &serde_json::json!({ "key": "log_level", "value": "debug", "source": "infra/env/local.toml:1" }));
}

#[test]
fn what_differs_is_shown_and_nothing_else() {
    let checkout = checkout();
    assert_snapshot!(checkout.run(["env", "diff", "local", "staging"]));
    assert_snapshot!("diff_json", checkout.run(["env", "diff", "local", "staging", "--json"]));
    assert_snapshot!("no_diff", checkout.run(["env", "diff", "local", "local"]));
    assert_snapshot!("diff_broken", checkout.run(["env", "diff", "local", "broken"]));
}

#[test]
fn checking_names_every_mistake_of_every_environment() {
    assert_snapshot!(checkout().run(["env", "check"]));
    assert_snapshot!("check_one", checkout().run(["env", "check", "staging"]));
}

#[test]
fn a_new_one_builds_on_another_and_works() {
    let checkout = checkout();
    assert_snapshot!(checkout.run(["env", "new", "qa", "--from", "staging"]));
    assert_snapshot!("new_file", std::fs::read_to_string(checkout.root().join("infra/env/qa.toml")).expect("written"));
    checkout.run(["env", "check", "qa"]).success();
    assert_snapshot!("new_again", checkout.run(["env", "new", "qa", "--from", "staging"]));
    assert_snapshot!("new_from_nothing", checkout.run(["env", "new", "x", "--from", "stagin"]));
    assert_snapshot!("new_of_a_bad_name", checkout.run(["env", "new", "../x", "--from", "staging"]));
    assert!(!checkout.root().join("infra/env/x.toml").exists());
}

#[test]
fn what_opens_something_is_not_shown() {
    let checkout = Checkout::new();
    let secret =
        "[notify]\nwebhook = \"https://hooks.example.com/planted\"\n[variables]\nMAIL_URL = \"smtp://board:planted@mail.example.com\"\n";
    checkout.file("infra/env/local.override.toml", secret);
    checkout.file("infra/env/other.toml", "");
    for args in
        [&["env", "show"][..], &["env", "show", "--json"], &["env", "diff", "local", "other"], &["env", "diff", "local", "other", "--json"]]
    {
        let outcome = checkout.start_in(&checkout.root(), args).finish().success();
        assert!(outcome.stdout.contains("«hidden»") && !outcome.stdout.contains("planted"), "{outcome}");
    }
}
