//! What is refused before anything is asked of the engine: names, files, places, and a machine that is not ready.

use insta::assert_snapshot;

use crate::harness::{Checkout, Reply};

/// Every command that needs a usable engine.
const COMMANDS: [&str; 7] = ["up", "dev", "down", "restart", "status", "logs", "top"];

#[test]
fn no_docker() {
    assert_snapshot!(Checkout::new().programs(&[]).run(["up"]));
}

#[test]
fn only_podman() {
    assert_snapshot!(Checkout::new().programs(&["podman"]).run(["up"]));
}

#[test]
fn an_engine_that_does_not_run() {
    let reason = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n";
    let checkout = Checkout::new()
        .docker("version *", Reply { stdout: r#"{"Client":{"Version":"26.1.5"},"Server":null}"#.to_owned(), ..Reply::fails(1, reason) })
        .docker("ps *", Reply::fails(1, reason))
        .docker("image *", Reply::fails(1, reason));
    assert_snapshot!(checkout.run(["up"]));
    for command in COMMANDS {
        let outcome = checkout.run([command]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "`{command}`: {outcome}");
        assert!(outcome.stderr.starts_with("error: the Docker engine does not answer\n"), "`{command}`: {outcome}");
        assert_eq!(outcome.mutations(), [""; 0], "`{command}`");
    }
}

#[test]
fn an_old_engine() {
    let checkout = Checkout::new().docker("version *", Reply::says(r#"{"Server":{"Version":"20.10.24"}}"#));
    assert_snapshot!(checkout.run(["up"]));
}

#[test]
fn no_compose() {
    let checkout = Checkout::new().docker("compose *", Reply::fails(1, "docker: 'compose' is not a docker command.\n"));
    assert_snapshot!(checkout.run(["up"]));
}

#[test]
fn an_old_compose() {
    let checkout = Checkout::new().docker("compose version *", Reply::says("2.17.3\n"));
    assert_snapshot!(checkout.run(["up"]));
}

#[test]
fn an_unknown_environment() {
    let checkout = Checkout::new();
    checkout.file("infra/env/test.toml", "");
    let outcome = checkout.run(["up", "--env", "staging"]);
    assert_eq!(outcome.log, [""; 0], "the engine is not asked");
    assert_snapshot!(outcome);
}

#[test]
fn an_invalid_environment() {
    let checkout = Checkout::new();
    checkout.environment("prot = 8080");
    let outcome = checkout.run(["up"]);
    assert_eq!(outcome.log, [""; 0], "the engine is not asked");
    assert_snapshot!(outcome);
}

#[test]
fn bad_names() {
    let checkout = Checkout::new();
    assert_snapshot!(checkout.run(["up", "--instance", "My Feature"]));
    assert_snapshot!("a_path_is_no_environment", checkout.run(["up", "--env", "../local"]));
}

#[test]
fn outside_of_a_checkout() {
    let checkout = Checkout::new();
    let root = checkout.root();
    let outside = root.parent().expect("a parent");
    let outcome = checkout.start_in(outside, &["up"]).finish();
    let text = outcome.to_string().replace(&outside.display().to_string(), "[OUTSIDE]");
    assert_snapshot!(text);
}

#[test]
fn a_directory_below_the_root_is_fine() {
    let checkout = Checkout::new().only(&["db"]);
    let outcome = checkout.start_in(&checkout.root().join("backend/migrations"), &["up"]).finish().success();
    assert_eq!(outcome.starts(), ["db"]);
    assert_eq!(checkout.run(["status"]).success().stderr, "", "the containers are this checkout's");
}

#[test]
fn a_project_of_another_checkout_is_left_alone() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.moved("/home/somebody/slipway/infra");
    let before = checkout.containers();
    assert_snapshot!(checkout.run(["up"]));
    for command in ["up", "dev", "down", "restart", "rebuild", "status", "logs", "top"] {
        let outcome = checkout.run([command]);
        assert_eq!((outcome.code, outcome.mutations()), (Some(1), vec![]), "`{command}`: {outcome}");
        assert!(outcome.stderr.contains("/home/somebody/slipway\n"), "`{command}`: {outcome}");
    }
    assert_eq!(checkout.containers(), before);
}

#[test]
fn where_people_s_data_is_everything_that_changes_something_asks() {
    let checkout = Checkout::new();
    checkout.run(["up"]).success();
    checkout.environment(&format!("port = {}\n[site]\n", checkout.port));
    let settings = std::fs::read_to_string(checkout.root().join("infra/env/local.toml")).expect("readable");
    checkout.file("infra/env/local.toml", &format!("confirm = true\n{settings}"));
    let before = checkout.containers();
    for command in ["up", "down", "restart", "rebuild", "migrate"] {
        let outcome = checkout.run([command]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "`{command}`: {outcome}");
        assert!(outcome.stderr.starts_with("error: nobody can be asked: stdin is not a terminal\n"), "`{command}`: {outcome}");
        assert_eq!(outcome.mutations(), [""; 0], "`{command}`");
    }
    assert_eq!(checkout.containers(), before);
    checkout.run(["status"]).success();
    checkout.run(["down", "--yes"]).success();
    assert_eq!(checkout.containers(), [""; 0]);
}
