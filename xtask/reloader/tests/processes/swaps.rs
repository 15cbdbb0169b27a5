//! Swapping: no request and no line of the log is lost, and a build that is not ready never serves.
use crate::harness::{Load, Reloader, Settings, eventually, get, reloader, request, runs};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Stdio;

#[test]
fn fifty_swaps_under_load_lose_no_request_and_no_line() {
    let (reloader, mut client) = Reloader::serving("0-ok", Settings::default());
    let load = Load::start(reloader.address);
    for number in 1..=50 {
        let asked = load.answered();
        eventually("requests are answered between two swaps", || load.answered() > asked + 10);
        client.swap(number, &reloader.build(&format!("{number}-ok")));
        client.answer(number, "ready");
        assert_eq!(client.hear("drained")["killed"], false);
        assert_eq!(get(reloader.address, "/"), number.to_string());
    }
    assert_eq!(load.end(), Vec::<String>::new());

    let (status, printed) = reloader.terminate();
    assert_eq!(status.code(), Some(0));
    // The process, the numbers of its lines, and the number of its last line.
    let mut processes: BTreeMap<&str, (Vec<u64>, u64)> = BTreeMap::new();
    for line in printed.iter().filter(|line| !line.starts_with('{')) {
        let words: Vec<_> = line.split(' ').collect();
        let ["line", number, "of", pid, _, text @ .., padding] = &words[..] else { panic!("no whole line: {line}") };
        assert_eq!(padding.len(), 200, "{line}");
        let (numbers, last) = processes.entry(pid).or_default();
        numbers.push(number.parse().unwrap());
        if let ["ends", "after", number] = text {
            *last = number.parse().unwrap();
        }
    }
    assert_eq!(processes.len(), 51);
    for (pid, (mut numbers, last)) in processes {
        for parity in [0, 1] {
            assert!(numbers.iter().filter(|number| *number % 2 == parity).is_sorted(), "the lines of {pid} are not in order");
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "lines of {pid} are missing");
    }
}

#[test]
fn a_request_under_way_is_answered_by_the_old_process() {
    let (reloader, mut client) = Reloader::serving("old-ok", Settings::default());
    let under_way = request(reloader.address, "/wait");
    eventually("the request has come", || reloader.printed().iter().any(|line| line.contains("answers /wait")));
    client.swap(1, &reloader.build("new-ok"));
    client.answer(1, "ready");
    eventually("the old process accepts nothing any more", || get(reloader.address, "/") == "new");
    reloader.open_gate();
    let mut answer = String::new();
    (&under_way).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nold"), "{answer}");
    assert_eq!(client.hear("drained")["killed"], false);
}

#[test]
fn builds_that_fail_leave_the_old_process_serving() {
    let (reloader, mut client) = Reloader::serving("good-ok", Settings { ready_seconds: 1, ..Settings::default() });
    let load = Load::start(reloader.address);
    let pid = client.status()["pid"].clone();

    client.swap(1, &reloader.build("a-panic"));
    let failed = client.answer(1, "failed");
    assert_eq!(failed["reason"], "ended with exit code 101 before it was ready");
    let output = failed["output"].as_array().unwrap();
    assert!(output.iter().any(|line| line.as_str().unwrap().contains("this build is broken")), "{output:?}");

    client.swap(2, &reloader.build("b-never"));
    let failed = client.answer(2, "failed");
    assert_eq!(failed["reason"], "was not ready within 1s: waiting for nothing");
    assert!(failed["output"][0].as_str().unwrap().contains("(b) serves"), "{failed}");

    client.swap(3, &reloader.build("x-ok").with_file_name("missing"));
    let failed = client.answer(3, "failed");
    assert!(failed["output"][0].as_str().unwrap().contains("missing` cannot be executed: No such file"), "{failed}");

    let now = client.status();
    assert_eq!((&now["pid"], now["state"].as_str()), (&pid, Some("serving")));
    assert_eq!(load.end(), Vec::<String>::new());
    assert_eq!(get(reloader.address, "/"), "good");
}

#[test]
fn the_newest_swap_wins() {
    let (reloader, mut client) = Reloader::serving("first-ok", Settings::default());
    client.swap(1, &reloader.build("second-never"));
    client.swap(2, &reloader.build("third-ok"));
    assert_eq!(client.answer(1, "failed")["reason"], "a newer build came");
    client.answer(2, "ready");
    client.hear("drained");
    assert_eq!(get(reloader.address, "/"), "third");
}

#[test]
fn a_restart_is_a_swap_with_the_same_build() {
    let (reloader, mut client) = Reloader::serving("same-ok", Settings::default());
    let (mut other, before) = (reloader.client(), client.status());
    client.send(&json!({ "restart": { "id": 9 } }));
    let ready = client.answer(9, "ready");
    // Everybody hears of it, not only who asked.
    let started = other.hear("started");
    assert_eq!(started, json!({ "pid": ready["pid"], "path": before["path"] }));
    let drained = other.hear("drained");
    assert_eq!((&drained["pid"], &drained["killed"]), (&before["pid"], &Value::Bool(false)));
    assert!(!runs(before["pid"].as_u64().unwrap()));
}

#[test]
fn a_process_that_does_not_end_is_killed() {
    let (reloader, mut client) = Reloader::serving("old-stubborn", Settings { drain_seconds: 1, ..Settings::default() });
    client.swap(1, &reloader.build("new-ok"));
    client.answer(1, "ready");
    assert_eq!(client.hear("drained")["killed"], true);
    assert_eq!(get(reloader.address, "/"), "new");
}

#[test]
fn a_program_without_a_socket_is_swapped_too() {
    let (reloader, mut client) = Reloader::serving("1-ok", Settings { port: false, ..Settings::default() });
    assert!(std::net::TcpStream::connect(reloader.address).is_err());
    client.swap(1, &reloader.build("2-ok"));
    client.answer(1, "ready");
    client.hear("drained");
}

#[test]
fn what_is_not_understood_is_refused_and_lines_are_bounded() {
    let (reloader, mut client) = Reloader::serving("1-ok", Settings::default());
    client.send_text("nonsense");
    assert!(client.hear("error")["reason"].as_str().unwrap().starts_with("the request is not understood"));
    let mut flood = reloader.client();
    flood.hear("hello");
    flood.send_text(&"x".repeat(1024 * 1024));
    assert_eq!(flood.hear("error")["reason"], "a line is longer than 1048576 bytes");
    assert_eq!(flood.next(), None);
    assert_eq!(client.status()["state"], "serving");
}

#[test]
fn the_bridge_passes_on_both_ways_and_ends_with_either_side() {
    let (served, _) = Reloader::serving("1-ok", Settings::default());
    let bridge = || reloader(["control"]).arg(served.socket()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut asking = bridge();
    // Taken, and so closed at the end of the statement.
    asking.stdin.take().unwrap().write_all(b"{\"status\":{}}\n").unwrap();
    let output = asking.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().filter(|line| line.starts_with("{\"hello\":{")).count(), 2, "{answers}");

    let mut waiting = bridge();
    let mut greeting = [0; 1];
    waiting.stdout.as_mut().unwrap().read_exact(&mut greeting).unwrap();
    served.terminate();
    assert!(waiting.wait().unwrap().success());
}
