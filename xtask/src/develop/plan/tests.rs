//! Tests of the planner, on a stack like ours with a foreign service.

use super::*;

fn planner() -> Planner {
    planner_with(&BTreeMap::new())
}

fn planner_with(excludes: &BTreeMap<String, Excludes>) -> Planner {
    let model = r#"{
        "services": {
            "builder": { "volumes": [{ "type": "bind", "source": "/repo" }] },
            "backend": {}, "worker": {},
            "frontend": { "volumes": [{ "type": "bind", "source": "/repo/frontend/templates", "target": "/srv/templates" }, { "type": "bind", "source": "/repo/frontend/static" }, { "type": "volume", "source": "programs" }],
                "develop": { "watch": [{ "action": "rebuild", "path": "/repo/frontend/Dockerfile" }] } },
            "proxy": { "volumes": [{ "type": "bind", "source": "/repo/proxy/conf" }] },
            "mailer": { "develop": { "watch": [
                { "action": "sync+restart", "path": "/repo/mailer/src", "target": "/app/src/", "ignore": ["node_modules/", "**/*.tmp"] },
                { "action": "rebuild", "path": "/repo/mailer/package.json" }] } }
        },
        "x-migrations": { "service": "migrate", "up": [], "status": [], "revert": [], "directory": "../backend/migrations" },
        "x-develop": { "builder": "builder", "hub": "hub", "programs": { "backend": "backend", "worker": "backend", "frontend": "frontend" },
            "reload": { "proxy": { "check": ["nginx", "-t"], "apply": ["nginx", "-s", "reload"] } } }
    }"#;
    let model = Model::parse(model).expect("valid");
    let settings = ["infra/compose.yaml", "infra/env/local.toml"].map(PathBuf::from).into();
    Planner::new(Path::new("/repo"), &model, crate::develop::crates::tests::sample(), settings, excludes)
}

fn plan(paths: &[&str]) -> Plan {
    planner().plan(paths.iter().map(Path::new))
}

fn builds(packages: &[&str]) -> Plan {
    Plan { build: packages.iter().map(|name| (*name).to_owned()).collect(), ..Plan::default() }
}

#[test]
fn sources_are_built_into_the_programs_that_come_from_them() {
    assert_eq!(plan(&["backend/src/main.rs"]), builds(&["backend"]));
    assert_eq!(plan(&["frontend/src/main.rs"]), builds(&["frontend"]));
    assert_eq!(plan(&["words/src/lib.rs"]), builds(&["backend", "frontend"]));
    assert_eq!(plan(&["Cargo.toml"]), builds(&["backend", "frontend"]));
    assert_eq!(plan(&["Cargo.lock", "backend/Cargo.toml"]), builds(&["backend", "frontend"]));
}

#[test]
fn what_no_service_uses_does_nothing() {
    for path in ["README.md", "docs/architecture.md", "xtask/src/main.rs", "infra/env/test.toml", "backend.md"] {
        assert_eq!(plan(&[path]), Plan::default(), "{path}");
    }
}

#[test]
fn mounted_files_are_read_where_they_are() {
    assert_eq!(plan(&["frontend/static/app.css"]).refresh, Some(Refresh::Style));
    assert_eq!(plan(&["frontend/templates/board.html"]), Plan { refresh: Some(Refresh::Page), ..Plan::default() });
    assert_eq!(plan(&["frontend/static/app.css", "frontend/static/app.js"]).refresh, Some(Refresh::Page));
}

#[test]
fn a_service_that_can_be_told_is_told() {
    assert_eq!(plan(&["proxy/conf/server.conf"]), Plan { reload: ["proxy".to_owned()].into(), ..Plan::default() });
}

#[test]
fn a_migration_is_part_of_the_program_and_runs_before_it() {
    assert_eq!(plan(&["backend/migrations/0006_more.sql"]), Plan { migrate: true, ..builds(&["backend"]) });
}

#[test]
fn settings_are_looked_at_again() {
    assert_eq!(plan(&["infra/env/local.toml"]), Plan { configure: true, ..Plan::default() });
}

#[test]
fn the_rules_of_compose_hold_for_foreign_services() {
    let rule = |action, path: &str, inside: &str, target: Option<&str>| Plan {
        rules: [("mailer".to_owned(), Edit { action, path: path.into(), inside: inside.into(), target: target.map(str::to_owned) })].into(),
        ..Plan::default()
    };
    assert_eq!(plan(&["mailer/src/a/b.js"]), rule(Action::SyncRestart, "mailer/src/a/b.js", "a/b.js", Some("/app/src/")));
    assert_eq!(plan(&["mailer/package.json"]), rule(Action::Rebuild, "mailer/package.json", "", None));
    assert_eq!(plan(&["mailer/src/node_modules/x/y.js"]), Plan::default());
    assert_eq!(plan(&["mailer/src/deep/a.tmp"]), Plan::default());
    assert_eq!(plan(&["mailer/other.js"]), Plan::default());
    // A rule takes the file from cargo, although it stands in a package.
    assert_eq!(plan(&["frontend/Dockerfile"]).build, BTreeSet::new());
}

#[test]
fn plans_add_up() {
    let both = plan(&["frontend/static/app.css", "backend/migrations/1.sql", "proxy/conf/x"]);
    assert_eq!(both, plan(&["frontend/static/app.css"]).and(plan(&["backend/migrations/1.sql"])).and(plan(&["proxy/conf/x"])));
    let (build, rest) = both.split();
    assert_eq!(build, plan(&["backend/migrations/1.sql"]));
    assert_eq!(rest, plan(&["frontend/static/app.css", "proxy/conf/x"]));
}

#[test]
fn what_rules_name_is_watched_although_git_ignores_it() {
    let excludes = [("mailer".to_owned(), Excludes::parse(Path::new("mailer"), "src/cache\npackage.json\n"))].into();
    let planner = planner_with(&excludes);
    // `Wanted` is asked by the watcher alone: what it says is seen in what is planned, and in the directories that lead there.
    let ways = ["mailer", "mailer/src", "mailer/src/a", "mailer/src/node_modules", "mailer/src/cache", "mailer/other", "target"];
    assert_eq!(ways.map(|path| planner.is_on_the_way(Path::new(path))), [true, true, true, false, false, false, false]);
    assert_eq!(planner.plan([Path::new("mailer/src/cache/x.js")]), Plan::default());
    assert_eq!(planner.plan([Path::new("mailer/package.json")]).rules.len(), 1, "what the rule itself names is meant");
}

#[test]
fn rules_that_cannot_be_followed_are_told() {
    let rules = r#"[{ "action": "sync+exec", "path": "/repo/a", "target": "/a" }, { "action": "sync", "path": "/repo", "target": "/a" },
        { "action": "sync", "path": "/elsewhere", "target": "/a" }]"#;
    let model = Model::parse(&format!(r#"{{ "services": {{ "mailer": {{ "develop": {{ "watch": {rules} }} }} }} }}"#)).expect("valid");
    let planner = Planner::new(Path::new("/repo"), &model, Crates::default(), BTreeSet::new(), &BTreeMap::new());
    assert_eq!(planner.unfollowed().collect::<Vec<_>>(), [("mailer", ACTION), ("mailer", PATH)]);
}

#[test]
fn a_file_in_a_container_leads_home() {
    let home = |service: &str, path: &str| planner().at_home(service, Path::new(path));
    assert_eq!(home("frontend", "/srv/templates/a/b.html"), Some("frontend/templates/a/b.html".into()));
    assert_eq!((home("frontend", "/srv/other"), home("proxy", "/srv/templates/a")), (None, None));
}

#[test]
fn a_service_that_reads_its_files_at_each_request_is_asked_about_them_but_for_styles() {
    let model = r#"{ "services": { "site": { "volumes": [{ "type": "bind", "source": "/repo/site", "target": "/site" }] } },
        "x-develop": { "builder": "builder", "hub": "hub", "programs": {}, "reload": { "site": { "check": ["true"] } } } }"#;
    let model = Model::parse(model).expect("valid");
    let planner = Planner::new(Path::new("/repo"), &model, Crates::default(), BTreeSet::new(), &BTreeMap::new());
    let plan = |path: &str| planner.plan([Path::new(path)]);
    assert_eq!(plan("site/a.html"), Plan { refresh: Some(Refresh::Page), reload: ["site".to_owned()].into(), ..Plan::default() });
    assert_eq!(plan("site/a.css"), Plan { refresh: Some(Refresh::Style), ..Plan::default() });
}
