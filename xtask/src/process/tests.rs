//! Command lines as text, and what becomes of children.

use super::*;

#[test]
fn display_quotes_what_a_shell_would_split() {
    let invocation = Invocation::new("docker").args(["ps", "--filter", "label=a b", "it's", ""]);
    assert_eq!(invocation.to_string(), r"docker ps --filter 'label=a b' 'it'\''s' ''");
}

#[test]
fn a_failure_names_the_verbs_and_shows_the_last_lines() {
    let output = Invocation::new("sh").args(["-c", "echo one >&2; echo two >&2; exit 3"]);
    let failure = output.read().expect_err("the child fails").to_string();
    assert_eq!(failure, "`sh` failed with exit code 3\n  one\n  two");
}

#[test]
fn a_pipe_fails_when_either_side_does() {
    let sh = |script: &str| Invocation::new("sh").args(["-c", script]);
    sh("echo text").pipe_into(&sh("read line && test \"$line\" = text")).expect("both end well");
    let failure = sh("echo broken >&2; exit 3").pipe_into(&Invocation::new("cat")).expect_err("the first one fails").to_string();
    assert_eq!(failure, "`sh | cat` failed with exit code 3\n  broken");
    assert!(sh("echo text").pipe_into(&sh("cat; exit 4")).is_err());
}

#[test]
fn a_detached_child_writes_to_the_end_of_its_log() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("log");
    std::fs::write(&log, "before\n").expect("written");
    let child = Invocation::new("sh").args(["-c", "echo out; echo err >&2"]).detach(&log).expect("started");
    let begin = std::time::Instant::now();
    while !child.ended() {
        assert!(begin.elapsed().as_secs() < 30, "the child does not end");
        std::thread::yield_now();
    }
    assert_eq!(std::fs::read_to_string(&log).expect("there"), "before\nout\nerr\n");
}

#[test]
#[cfg(unix)]
fn a_detached_child_leads_a_group_that_ctrl_c_does_not_reach() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("log");
    let child = Invocation::new("sh").args(["-c", "ps -o pid= -o pgid= -p $$"]).detach(&log).expect("started");
    let begin = std::time::Instant::now();
    while !child.ended() {
        assert!(begin.elapsed().as_secs() < 30, "the child does not end");
        std::thread::yield_now();
    }
    let said = std::fs::read_to_string(&log).expect("there");
    let numbers: Vec<&str> = said.split_whitespace().collect();
    assert!(numbers.len() == 2 && numbers[0] == numbers[1], "process and group: {said:?}");
}

#[test]
fn last_lines_leaves_out_blank_ones() {
    assert_eq!(last_lines("a\n\nb\nc\n", 2), ["b", "c"]);
    assert_eq!(last_lines("a", 5), ["a"]);
}

#[test]
#[cfg(unix)]
fn what_a_child_that_is_apart_has_started_ends_with_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let script = "(sleep 2; echo late > late) & echo early > early; wait";
    let child = Invocation::new("sh").args(["-c", script]).dir(dir.path()).apart();
    let deadline = Instant::now() + std::time::Duration::from_secs(1);
    assert!(child.capture_with_until(String::new(), deadline).expect("started").is_none());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(dir.path().join("early").exists() && !dir.path().join("late").exists());
}
