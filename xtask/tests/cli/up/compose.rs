//! What Compose's own keys mean for a start: replicas, health checks, tasks, optional dependencies, services that the files have no more.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::{Checkout, Outcome, Reply};

/// Name and state of each service in the table of `status`.
fn rows(outcome: &Outcome) -> Vec<String> {
    let rows = outcome.stdout.lines().skip_while(|line| !line.starts_with("SERVICE")).skip(1).take_while(|line| !line.is_empty());
    rows.map(|row| row.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_replica_is_started_and_surplus_ones_go() {
    let mut checkout = Checkout::new().behaves("redis", "after db health_status: healthy\nhealthy").only(&["redis", "db"]);
    checkout.scaled("redis", 2);
    checkout.run(["up"]).success();
    assert_eq!(checkout.containers(), ["db running", "redis running", "redis running"]);
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
    // Now they start without the other.
    let mut checkout = checkout.behaves("redis", "healthy");
    checkout.kill("redis");
    let outcome = checkout.run(["up"]).success();
    assert_eq!(outcome.mutations(), ["container start c-slipway-redis"]);
    let restarted = checkout.run(["restart", "redis"]).success();
    let mut starts = restarted.starts();
    starts.sort_unstable();
    assert_eq!(starts, ["redis", "redis-2"]);
    assert_eq!(rows(&checkout.run(["status"])), ["db healthy", "redis-1 healthy", "redis-2 healthy"]);
    checkout.scaled("redis", 0);
    let outcome = checkout.run(["up"]).success();
    assert_eq!(outcome.mutations(), ["compose up --no-start --no-build --no-deps redis"]);
    assert_eq!(checkout.containers(), ["db running"]);
    let again = checkout.run(["up"]).success();
    assert_eq!((again.mutations(), again.stderr.as_str()), (vec![], "everything is running already\n"));
    assert_eq!(rows(&checkout.run(["status"])), ["db healthy", "redis scaled"]);
    assert!(checkout.run(["status", "--json"]).stdout.contains("\"well\": true"));
}

#[test]
fn a_health_check_that_is_turned_off_is_not_waited_for() {
    let service = json!({ "healthcheck": { "test": ["NONE"] } });
    let checkout = Checkout::new().only(&["db"]).service("quiet", service, "running");
    checkout.run(["up"]).success();
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
}

#[test]
fn the_health_check_of_an_image_is_waited_for() {
    let web = json!({ "depends_on": { "cache": { "condition": "service_healthy", "required": true } } });
    let checkout = Checkout::new()
        .only(&["db"])
        .service("cache", json!({}), "after db health_status: healthy\nhealthy")
        .service("web", web, "running")
        .image_checks("cache")
        .docker("image inspect --format {{json .Config.Healthcheck}} *", Reply::says("{\"Test\":[\"CMD\",\"true\"]}\n"));
    let outcome = checkout.run(["up"]).success();
    outcome.order("event cache health_status: healthy", "call container start c-slipway-web");
}

#[test]
fn health_is_not_waited_for_where_there_is_no_health_check() {
    let web = json!({ "depends_on": { "cache": { "condition": "service_healthy", "required": true } } });
    let checkout = Checkout::new()
        .only(&["db"])
        .service("cache", json!({}), "running")
        .service("web", web, "running")
        .docker("image inspect --format {{json .Config.Healthcheck}} *", Reply::says("null\n"));
    let outcome = checkout.run(["up"]);
    assert_eq!((outcome.mutations(), checkout.leftovers()), (vec![], vec![]));
    assert_snapshot!(outcome);
}

#[test]
fn a_task_that_nothing_waits_for_is_done_and_well() {
    let checkout = Checkout::new().only(&["db"]).service("seed", json!({ "command": ["true"] }), "exit 0");
    checkout.run(["up"]).success();
    let status = checkout.run(["status", "--json"]).success();
    assert!(status.stdout.contains("\"well\": true") && status.stdout.contains("\"state\": \"completed\""), "{status}");
}

#[test]
fn a_start_goes_on_without_what_is_optional() {
    let web = json!({ "depends_on": { "cache": { "condition": "service_healthy", "required": false }, "db": { "condition": "service_healthy" } } });
    let checkout = Checkout::new()
        .only(&["db"])
        .service("cache", json!({ "healthcheck": { "test": ["CMD", "true"] } }), "after db health_status: healthy\nexit 7")
        .logs("cache", "no memory\n")
        .service("web", web, "running");
    let outcome = checkout.run(["up"]).success();
    outcome.order("event cache die 7", "call container start c-slipway-web");
    assert_snapshot!(outcome);
}

#[test]
fn a_service_that_the_files_have_no_more_is_removed() {
    let mut checkout = Checkout::new().behaves("redis", "after db health_status: healthy\nhealthy").only(&["db", "redis"]);
    checkout.run(["up"]).success();
    checkout.deleted("redis");
    let outcome = checkout.run(["up"]).success();
    assert_eq!(outcome.mutations(), ["container stop c-slipway-redis", "container rm --force c-slipway-redis"]);
    assert_eq!(checkout.containers(), ["db running"]);
    assert_snapshot!(outcome);
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
}

#[test]
fn a_service_whose_profile_is_off_stays_as_with_compose() {
    let mut checkout = Checkout::new().behaves("redis", "after db health_status: healthy\nhealthy").only(&["db", "redis"]);
    checkout.run(["up"]).success();
    checkout.model["services"].as_object_mut().expect("an object").remove("redis");
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
}

#[test]
fn what_compose_labels_otherwise_than_it_prints_is_replaced_once() {
    let checkout = Checkout::new().only(&["db"]);
    checkout.run(["up"]).success();
    checkout.edited("db");
    // Compose leaves out what the service depends on: the label is not what `config --hash` prints.
    checkout.labelled("db", "without-its-dependencies");
    assert_eq!(checkout.run(["up"]).success().mutations()[0], "compose up --no-start --no-build --no-deps db");
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
    checkout.edited_again("db");
    assert_eq!(checkout.run(["up"]).success().mutations()[0], "compose up --no-start --no-build --no-deps db");
}

#[test]
fn a_restart_replaces_nothing_else() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.edited("proxy");
    let checkout = checkout.behaves("redis", "healthy");
    let outcome = checkout.run(["restart", "redis"]).success();
    assert_eq!(outcome.mutations(), ["compose stop redis", "container start c-slipway-redis"]);
}

#[test]
fn what_depends_with_restart_is_restarted_too() {
    let web = json!({ "depends_on": { "db": { "condition": "service_healthy", "restart": true } } });
    let checkout = Checkout::new().only(&["db"]).service("web", web, "running");
    checkout.run(["up"]).success();
    let outcome = checkout.run(["restart", "db"]).success();
    assert_eq!(outcome.mutations(), ["compose stop db web", "container start c-slipway-db", "container start c-slipway-web"]);
    checkout.edited("db");
    let outcome = checkout.run(["up"]).success();
    assert_eq!(outcome.starts(), ["db", "web"]);
}

#[test]
fn an_image_that_only_a_build_names_is_built_as_compose_names_it() {
    let mut checkout = Checkout::new().only(&["db"]).service("web", json!({ "build": { "context": "." } }), "running");
    checkout.model["services"]["web"].as_object_mut().expect("an object").remove("image");
    checkout.of("web", "image", "slipway-web:latest");
    let outcome = checkout.run(["up"]).success();
    assert_eq!(outcome.mutations()[0], "compose build web");
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
    assert_eq!(checkout.run(["rebuild", "web"]).success().mutations(), ["compose build web"]);
    assert!(checkout.run(["images", "list"]).success().stdout.contains("slipway-web:latest"));
    let outcome = checkout.run(["clean", "--yes"]).success();
    assert!(outcome.mutations().iter().any(|call| call.contains("image rm slipway-web:latest")), "{outcome}");
}

#[test]
fn a_symbolic_link_leads_to_the_same_stack() {
    let checkout = Checkout::new().only(&["db"]);
    let outside = tempfile::tempdir().expect("a directory");
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(checkout.root(), &link).expect("linked");
    let up = |dir: &std::path::Path| checkout.start_in(dir, &["up"]).finish().success();
    assert_eq!(up(&link).starts(), ["db"]);
    assert_eq!(checkout.working_dirs(), [checkout.root().join("infra")]);
    assert_eq!((up(&checkout.root()).mutations(), up(&link).mutations()), (vec![], vec![]));
}

#[test]
fn a_container_with_a_restart_policy_may_fail_before_it_is_ready() {
    let service = json!({ "healthcheck": { "test": ["CMD", "true"] } });
    let checkout = Checkout::new().only(&["db"]).service("flaky", service, "again\nhealthy").policy("flaky", "unless-stopped");
    let outcome = checkout.run(["up"]).success();
    outcome.order("event flaky die 1", "event flaky health_status: healthy");
}

#[test]
fn where_programs_are_compiled_again_migrations_run_again() {
    let healthy = || json!({ "healthcheck": { "test": ["CMD", "true"] } });
    let mut checkout = Checkout::new().only(&["db", "migrate"]).behaves("migrate", "exit 0").behaves("db", "healthy");
    checkout.model["services"]["migrate"]["depends_on"]["builder"] = json!({ "condition": "service_healthy" });
    let web = json!({ "healthcheck": { "test": ["CMD", "true"] }, "depends_on": { "migrate": { "condition": "service_completed_successfully" } } });
    let mut checkout =
        checkout.service("builder", healthy(), "healthy").service("hub", healthy(), "healthy").service("web", web, "healthy");
    checkout.model["x-develop"] = json!({ "builder": "builder", "hub": "hub", "programs": { "web": "web", "migrate": "web" } });
    checkout.run(["up"]).success();
    assert_eq!(checkout.run(["up"]).success().mutations(), [""; 0]);
    checkout.kill("web");
    let outcome = checkout.run(["up"]).success();
    assert_eq!(
        outcome.mutations(),
        [
            "container stop c-slipway-builder",
            "container start c-slipway-builder",
            "container start c-slipway-migrate",
            "container start c-slipway-web"
        ]
    );
    let restarted = checkout.run(["restart", "web"]).success();
    assert_eq!(restarted.mutations(), ["compose stop web", "container start c-slipway-web"], "a restart compiles nothing");
    // What runs no program of the builder leaves it alone.
    checkout.kill("db");
    assert_eq!(checkout.run(["up"]).success().mutations(), ["container start c-slipway-db"]);
}
