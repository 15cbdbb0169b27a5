//! Verdicts on machines that are well and machines that are not.

mod attributes;
mod machine;

use std::collections::BTreeSet;

use self::machine::{entry, environment, host, well};
use super::*;
use crate::doctor::Report;
use crate::doctor::facts::{Contents, Data, Elsewhere, Images, Inotify, LookUp, Outdated, Past, Running, Waste};
use crate::engine::Trouble;
use crate::migrations::drift;
use crate::model::Named;
use crate::secrets::State;
use crate::terminal::{Colours, shown};

/// A fault: the check that finds it, and how it comes about.
type Fault = (&'static str, fn(&mut Facts));

fn past(path: &str, used: bool) -> Past {
    Past { path: path.to_owned(), used }
}

fn contents(facts: &mut Facts) -> &mut Contents {
    facts.contents.as_mut().expect("known")
}

fn images(facts: &mut Facts) -> &mut Images {
    contents(facts).images.as_mut().expect("known")
}

fn data(facts: &mut Facts) -> &mut Data {
    facts.data.as_mut().expect("known")
}

/// As where people's data is.
fn production(facts: &mut Facts) {
    facts.environment = Ok(environment("production"));
    facts.flags = " --env production".to_owned();
}

const FAULTS: [Fault; 55] = [
    ("engine", |facts| facts.engine.server = None),
    ("compose", |facts| facts.engine.compose = Ok(None)),
    ("buildx", |facts| facts.engine.buildx = Ok(None)),
    ("buildx", |facts| facts.engine.buildx = Err("`docker buildx version` did not answer in time".to_owned())),
    ("cgroup", |facts| facts.engine.host.as_mut().expect("known").pids_limit = false),
    ("clock", |facts| facts.engine.ahead = Some(-90)),
    ("clock", |facts| facts.engine.ahead = None),
    ("disk", |facts| facts.engine.free = Some(3 << 30)),
    ("memory", |facts| facts.engine.host = Ok(host(2 << 30))),
    ("processors", |facts| facts.engine.host.as_mut().expect("known").processors = 1),
    ("wasted-space", |facts| facts.engine.waste = Ok(Waste { images: 9_000_000_000, cache: 12_000_000_000 })),
    ("wasted-space", |facts| facts.engine.waste = Err("`docker buildx du` did not answer in time".to_owned())),
    ("abandoned-stacks", |facts| {
        let gone = Elsewhere { project: "slipway-fix".to_owned(), directory: "/gone/infra".into(), there: false };
        facts.engine.checkouts.as_mut().expect("here").as_mut().expect("known").push(gone);
    }),
    ("inotify", |facts| facts.machine.inotify = Some(Inotify { watches: 4096, instances: 64 })),
    ("dns", |facts| facts.machine.localhost = Ok(vec![[192, 0, 2, 7].into()])),
    ("dns", |facts| facts.machine.localhost = Ok(Vec::new())),
    ("environment", |facts| facts.environment = Err("`infra/env/x.toml` is not valid\n\nhint: the comments say".to_owned())),
    ("compose-files", |facts| facts.contents = Err("yaml: line 3: mapping values are not allowed in this context".to_owned())),
    ("secrets", |facts| contents(facts).secrets[0].1 = State::Missing),
    ("secrets-strength", |facts| {
        production(facts);
        contents(facts).secrets[0].1 = State::Weak("contains `password`".to_owned());
    }),
    ("secrets-private", |facts| facts.checkout.open = Some("infra/secrets/local".to_owned())),
    ("secrets-private", |facts| facts.checkout.open_override = Some("infra/env/local.override.toml".to_owned())),
    ("secrets", |facts| facts.checkout.closed = vec!["infra/secrets/local/key".to_owned()]),
    ("secrets-ignored", |facts| facts.checkout.exposed = Err("`git check-ignore` did not answer in time".to_owned())),
    ("secrets-ignored", |facts| facts.checkout.exposed = Ok(Some(vec!["infra/secrets/local/any".to_owned()]))),
    ("secrets-committed", |facts| facts.checkout.committed = Ok(vec!["infra/secrets/local/key".to_owned()])),
    ("secrets-committed", |facts| {
        let both = ["infra/secrets/local/key", "infra/env/local.override.toml"];
        facts.checkout.committed = Ok(both.map(str::to_owned).to_vec());
    }),
    ("secrets-committed", |facts| {
        facts.checkout.past = Ok(vec![past("infra/env/a.override.toml", true), past("infra/secrets/a/key", false)]);
    }),
    ("secrets-committed", |facts| facts.checkout.committed = Err("`git ls-files` did not answer in time".to_owned())),
    ("writable", |facts| facts.checkout.unwritable = vec!["/repo".into(), "/repo/target".into()]),
    ("toolchain", |facts| facts.checkout.rust = Ok("1.94.0".to_owned())),
    ("toolchain", |facts| facts.checkout.rust = Err("cannot run `rustc`".to_owned())),
    ("base-images", |facts| images(facts).bases = vec![entry("redis:8", false)]),
    ("outdated-images", |facts| {
        images(facts).outdated = Ok(vec![Outdated { service: "proxy".to_owned(), file: "proxy/conf/nginx.conf".into() }]);
    }),
    ("backup", |facts| {
        contents(facts).model.volumes.insert("uploads".to_owned(), Named { name: "slipway_uploads".to_owned() });
    }),
    ("backup-directory", |facts| data(facts).writable = false),
    ("backup-directory", |facts| (data(facts).writable, data(facts).obstacle) = (false, Some("/repo/backups".into()))),
    ("backup-age", |facts| {
        production(facts);
        data(facts).backups.as_mut().expect("known")[0].manifest.created_at = "2026-11-19T23:00:00Z".to_owned();
    }),
    ("backup-age", |facts| {
        production(facts);
        data(facts).backups = Ok(Vec::new());
    }),
    ("backup-age", |facts| data(facts).backups = Err("cannot read /repo/backups/slipway".to_owned())),
    ("restore", |facts| data(facts).interrupted = Some(backup::Phase::Staging)),
    ("restore", |facts| data(facts).interrupted = Some(backup::Phase::Commit)),
    ("backup-verified", |facts| {
        production(facts);
        data(facts).backups.as_mut().expect("known")[0].verified_at = Some("2026-11-01T00:00:00Z".to_owned());
    }),
    ("backup-verified", |facts| {
        production(facts);
        data(facts).backups.as_mut().expect("known")[0].verified_at = None;
    }),
    ("port", |facts| {
        facts.running.address = Ok(Err("port 8080 is taken by `nginx` (pid 7)\n\nhint: stop it, or choose another".to_owned()));
    }),
    ("stack", |facts| facts.running.containers.as_mut().expect("known")[1].state.status = "paused".to_owned()),
    ("stack", |facts| facts.running.containers.as_mut().expect("known").retain(|container| container.service() != "redis")),
    ("stack", |facts| {
        let foreign = "the project `slipway` belongs to another checkout: /other\n\nhint: give this one a name of its own";
        facts.running = Running { containers: Ok(Vec::new()), foreign: Some(foreign.to_owned()), ..well().running };
    }),
    ("stack", |facts| facts.running.containers = Err("`docker ps` did not answer in time".to_owned())),
    ("restarts", |facts| facts.running.containers.as_mut().expect("known")[0].restart_count = 7),
    ("guard", |facts| facts.running.guarded = false),
    ("migrations", |facts| facts.running.migrations = Some(Ok(drift::parse("applied 1 a\npending 2 b\npending 3 c\n")))),
    ("migrations", |facts| facts.running.migrations = Some(Ok(drift::parse("changed 1 a\n")))),
    ("migrations", |facts| facts.running.migrations = Some(Err("`docker container exec` did not answer in time".to_owned()))),
    ("container-dns", |facts| facts.running.look_up = Some(Ok(LookUp { name: "backend".to_owned(), found: Some(false) }))),
];

fn with(fault: fn(&mut Facts)) -> Facts {
    let mut facts = well();
    fault(&mut facts);
    facts
}

/// What a terminal without colours shows.
fn plain(report: &Report) -> String {
    shown(&report.render(), Colours::Removed).into_owned()
}

#[test]
fn a_machine_that_is_well() {
    let report = Report::new(all(&well()));
    assert!(report.ok());
    insta::assert_snapshot!(plain(&report));
}

#[test]
fn each_fault_is_found_by_its_own_check_and_by_no_other() {
    let mut texts = Vec::new();
    for (name, fault) in FAULTS {
        let found: Vec<Check> = all(&with(fault)).into_iter().filter(|check| !check.ok).collect();
        let names: Vec<&str> = found.iter().map(|check| check.name).collect();
        assert_eq!(names, [name], "{found:?}");
        texts.push(plain(&Report::new(found)));
    }
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn every_check_has_a_fault_that_it_finds() {
    let checks = all(&well()).into_iter().map(|check| check.name);
    // Without a client nothing is known at all, and a start builds images of our own.
    let checks: BTreeSet<&str> = checks.filter(|name| !["client", "own-images"].contains(name)).collect();
    let mut found: BTreeSet<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
    assert!(found.remove("secrets-strength"), "asked for where a start makes none");
    assert_eq!(checks, found);
    assert!(checks.len() >= 25, "{}", checks.len());
}

#[test]
fn every_check_is_documented() {
    let text = include_str!("../../../../../docs/health.md");
    let table = text.split("## Doctor").nth(1).and_then(|text| text.split("\n#").next()).expect("a chapter");
    let first = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let documented: BTreeSet<&str> = first.flat_map(|names| names.split(['`', ',', ' '])).filter(|name| !name.is_empty()).collect();
    let mut facts = well();
    production(&mut facts);
    let healthy = all(&facts).into_iter();
    let checks: BTreeSet<&str> = healthy.map(|check| check.name).chain(FAULTS.map(|(name, _)| name)).chain(["client"]).collect();
    assert_eq!(documented, checks);
}

#[test]
fn what_is_no_fault_is_told_all_the_same() {
    let shades: [Fault; 12] = [
        ("clock", |facts| facts.engine.ahead = Some(4)),
        ("disk", |facts| facts.engine.free = None),
        ("dns", |facts| facts.machine.name_server = Some(([192, 0, 2, 1].into(), false))),
        ("backup-age", |facts| data(facts).backups = Ok(Vec::new())),
        ("backup-verified", |facts| data(facts).backups.as_mut().expect("known")[0].verified_at = None),
        ("restarts", |facts| facts.running.containers.as_mut().expect("known")[0].restart_count = 1),
        ("guard", |facts| (facts.running.guarded, facts.running.attached) = (false, true)),
        ("container-dns", |facts| facts.running.look_up = Some(Ok(LookUp { name: "backend".to_owned(), found: None }))),
        ("secrets-ignored", |facts| facts.checkout.exposed = Ok(None)),
        ("secrets-committed", |facts| (facts.checkout.exposed, facts.checkout.committed) = (Ok(None), Err("cannot run `git`".to_owned()))),
        ("secrets-committed", |facts| facts.checkout.past = Ok(vec![past("infra/secrets/local/key", false)])),
        ("secrets-committed", |facts| facts.checkout.past = Err("`git log` did not answer in time".to_owned())),
    ];
    let lines = shades.map(|(name, shade)| {
        let report = all(&with(shade));
        assert!(report.iter().all(|check| check.ok), "{name}: {report:?}");
        report.into_iter().find(|check| check.name == name).map(|check| format!("{name}: {}", check.detail)).expect("a check")
    });
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_does_not_apply_is_left_out() {
    let without = |fault: fn(&mut Facts)| {
        let here: BTreeSet<&str> = all(&with(fault)).into_iter().map(|check| check.name).collect();
        all(&well()).into_iter().map(|check| check.name).filter(|name| !here.contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(without(|facts| facts.machine.inotify = None), ["inotify"], "no such limits on this system");
    assert_eq!(without(|facts| facts.engine.checkouts = None), ["abandoned-stacks"], "an engine elsewhere");
    let stopped = |facts: &mut Facts| facts.running = Running { containers: Ok(Vec::new()), ..well().running };
    assert_eq!(without(stopped), ["restarts", "guard", "migrations", "container-dns"]);
}

#[test]
fn the_json_has_the_documented_fields() {
    let fault = |facts: &mut Facts| {
        facts.checkout.pinned = Some("1.96.0".to_owned());
        facts.engine.host = Err("`docker info` did not answer in time".to_owned());
    };
    let chosen = all(&with(fault)).into_iter().filter(|check| ["engine", "memory", "toolchain"].contains(&check.name)).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&Report::new(chosen)).expect("serializable"));
}

/// Nothing that only an engine could tell.
fn bare(trouble: Trouble) -> Facts {
    let why = || "there is no client to ask".to_owned();
    let mut facts = well();
    facts.engine.trouble = Some(trouble);
    facts.engine.server = None;
    facts.engine.host = Err(why());
    facts.engine.waste = Err(why());
    facts.engine.checkouts = Some(Err(why()));
    facts.contents = Err(why());
    facts.running = Running::unknown(why());
    facts
}

#[test]
fn without_a_client_one_fix_mends_all() {
    let mut facts = bare(Trouble::NoClient);
    (facts.engine.client, facts.engine.compose, facts.engine.buildx) = (None, Ok(None), Ok(None));
    insta::assert_snapshot!(plain(&Report::new(all(&facts))));
}

#[test]
fn an_engine_that_hangs_is_restarted_and_not_set_up() {
    let mut facts = bare(Trouble::NoEngine("`docker version` did not answer in time".to_owned()));
    facts.engine.hangs = true;
    insta::assert_snapshot!(plain(&Report::new(all(&facts))));
}

#[test]
fn fixes_lead_to_the_instance_that_was_asked() {
    for (name, fault) in FAULTS {
        let mut facts = with(fault);
        facts.flags = " --env test --instance ci".to_owned();
        let fixes: Vec<String> = all(&facts).into_iter().filter_map(|check| check.fix).collect();
        let commands = fixes.iter().flat_map(|fix| fix.split('`').filter(|part| part.starts_with("cargo xtask")));
        commands.for_each(|command| assert!(command.contains("--env test --instance ci"), "{name}: {command}"));
    }
}
