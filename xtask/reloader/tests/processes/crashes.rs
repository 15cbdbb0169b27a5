//! Programs that end by themselves, and the end of the reloader.
use crate::harness::{Reloader, Settings, eventually, get, kill, request, runs};
use std::io::Read;

#[test]
fn a_new_build_that_crashes_is_rolled_back() {
    let (reloader, mut client) = Reloader::serving("good-ok", Settings::default());
    let good = client.status()["path"].clone();
    client.swap(1, &reloader.build("bad-ok"));
    let pid = client.answer(1, "ready")["pid"].clone();
    client.hear("drained");
    // It does not come to an answer.
    let mut nothing = String::new();
    let _ = request(reloader.address, "/exit").read_to_string(&mut nothing);
    let exited = client.hear("exited");
    assert_eq!((&exited["pid"], &exited["code"], exited["next"].as_str()), (&pid, &3.into(), Some("rollback")));
    assert!(exited["output"].to_string().contains("answers /exit"), "{exited}");
    assert_eq!(client.hear("started")["path"], good);
    assert_eq!(get(reloader.address, "/"), "good");
}

#[test]
fn a_process_that_is_killed_is_started_again() {
    let (reloader, mut client) = Reloader::serving("same-ok", Settings::default());
    let before = client.status();
    kill(before["pid"].as_u64().unwrap(), "KILL");
    // The socket is there all the time: this waits for the next process.
    let waiting = request(reloader.address, "/");
    let exited = client.hear("exited");
    assert_eq!((&exited["code"], &exited["signal"], exited["next"].as_str()), (&().into(), &9.into(), Some("restart")));
    let started = client.hear("started");
    assert_eq!(started["path"], before["path"]);
    assert_ne!(started["pid"], before["pid"]);
    let mut answer = String::new();
    (&waiting).read_to_string(&mut answer).unwrap();
    // Nothing at all if the killed process had taken it.
    assert!(answer.is_empty() || answer.ends_with("same"), "{answer}");
    assert_eq!(get(reloader.address, "/"), "same");
}

#[test]
fn a_program_that_never_starts_is_given_up_until_a_build_comes() {
    let reloader = Reloader::start("broken-panic", Settings::default());
    let mut client = reloader.client();
    let waiting = request(reloader.address, "/");
    loop {
        let exited = client.hear("exited");
        assert_eq!(exited["code"], 101);
        if exited["next"] == "gave_up" {
            break;
        }
        assert_eq!(exited["next"], "restart");
    }
    assert_eq!(client.status()["state"], "down");
    assert!(reloader.printed().iter().any(|line| line.contains("NOT started again")));

    client.swap(1, &reloader.build("alive-ok"));
    client.answer(1, "ready");
    let mut answer = String::new();
    (&waiting).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("alive"), "{answer}");
}

#[test]
fn a_build_that_fails_while_nothing_serves_does_not_end_the_attempts() {
    let reloader = Reloader::start("1-panic", Settings::default());
    let mut client = reloader.client();
    client.hear("exited");
    client.swap(1, &reloader.build("2-panic"));
    client.answer(1, "failed");
    client.hear("exited");
    client.swap(2, &reloader.build("3-ok"));
    client.answer(2, "ready");
    assert_eq!(get(reloader.address, "/"), "3");
}

#[test]
fn sigterm_ends_everything_and_lets_requests_finish() {
    let (reloader, mut client) = Reloader::serving("1-ok", Settings::default());
    let pid = client.status()["pid"].as_u64().unwrap();
    let under_way = request(reloader.address, "/wait");
    eventually("the request has come", || reloader.printed().iter().any(|line| line.contains("answers /wait")));
    client.swap(7, &reloader.build("2-never"));
    eventually("the other one starts", || reloader.printed().iter().any(|line| line.contains("(2) serves")));
    reloader.signal("TERM");
    assert_eq!(client.answer(7, "failed")["reason"], "its container is stopped");
    reloader.open_gate();
    let mut answer = String::new();
    (&under_way).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\n1"), "{answer}");
    let (status, printed) = reloader.terminate();
    assert_eq!(status.code(), Some(0));
    assert_eq!(printed.iter().filter(|line| line.contains("ends after")).count(), 2, "{printed:?}");
    assert!(!runs(pid));
}

#[test]
fn sigint_ends_a_program_that_does_not_want_to() {
    let (reloader, mut client) = Reloader::serving("1-stubborn", Settings { drain_seconds: 1, ..Settings::default() });
    let pid = client.status()["pid"].as_u64().unwrap();
    reloader.signal("INT");
    eventually("it has ended", || !runs(pid));
    assert_eq!(client.hear("drained")["killed"], true);
}
