//! What restic lists is what lies here.

use super::*;
use crate::agent::tree;

/// Lines as restic 0.18 writes them.
const LINES: &str = r#"{"time":"2026-11-22T00:09:26.97757831Z","tree":"f9","paths":["/set/volumes"],"tags":["T"],"id":"44","struct_type":"snapshot"}
{"name":"media","type":"dir","path":"/set/volumes/media","uid":7,"gid":8,"mode":2151678445,"mtime":"2026-11-22T00:09:26.95907314Z","struct_type":"node"}
{"name":"odd","type":"file","path":"/set/volumes/media/odd \ufffd\ufffd n\u003c","uid":0,"gid":0,"size":2,"mode":420,"mtime":"2026-11-22T00:09:26.939073139Z","struct_type":"node"}
{"name":"old","type":"file","path":"/set/volumes/media/old","uid":0,"gid":0,"size":0,"mode":8389101,"mtime":"1969-12-31T23:59:58.5Z","struct_type":"node"}
{"name":"l","type":"symlink","path":"/set/volumes/media/l","uid":1,"gid":0,"mode":134218239,"mtime":"1999-01-01T01:00:00+01:00","struct_type":"node"}
{"name":"s","type":"socket","path":"/set/volumes/media/s","uid":1,"gid":0,"mode":134218239,"mtime":"1999-01-01T00:00:00Z","struct_type":"node"}
{"name":"x","type":"file","path":"/set/volumes/media-2","uid":0,"gid":0,"size":0,"mode":420,"mtime":"1999-01-01T00:00:00Z","struct_type":"node"}"#;

fn nodes() -> Vec<Node> {
    LINES.lines().filter_map(|line| Node::parse(line).expect("known")).collect()
}

#[test]
fn a_listing_has_what_is_below_its_root() {
    let lines: Vec<String> =
        Listing::of(&nodes(), "/set/volumes/media").expect("a listing").0.into_iter().map(|(a, b)| format!("{a}|{b}")).collect();
    assert_eq!(
        lines,
        [
            "|d 2755 7:8 0 ",
            "l|l 777 1:0 0 915148800.000000000",
            "odd \u{fffd}\u{fffd} n<|f 644 0:0 2 1795306166.939073139",
            "old|f 4755 0:0 0 -2.500000000",
        ]
    );
    assert_eq!(Listing::of(&nodes(), "/set/volumes/media").expect("a listing").files(), (2, 2));
    assert!(Node::parse("{}").is_err() && Node::parse("Fatal").is_err());
}

#[test]
fn a_walk_says_the_same_as_a_listing_of_it() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join(std::ffi::OsStr::from_bytes(b"odd \xff\xfe n<"));
    std::fs::write(&file, "ab").expect("written");
    std::fs::hard_link(&file, dir.path().join("twice")).expect("linked");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("set");
    std::fs::create_dir(dir.path().join(crate::agent::place::OWN)).expect("made");
    let found = file.metadata().expect("there");
    let seconds = u64::try_from(found.mtime()).expect("after 1970");
    let mtime = format!("{}.{:09}Z", backup::time::rfc3339(seconds).trim_end_matches('Z'), found.mtime_nsec());
    let root = dir.path().metadata().expect("there");
    let node = |path: &str, kind: &str, mode: u32| Node {
        path: path.to_owned(),
        kind: kind.to_owned(),
        uid: found.uid(),
        gid: found.gid(),
        size: 2,
        mode,
        mtime: mtime.clone(),
    };
    let listed =
        [node("/v/odd \u{fffd}\u{fffd} n<", "file", 0o644), node("/v", "dir", root.mode() & 0o777), node("/v/twice", "file", 0o644)];
    let listed = Listing::of(&listed, "/v").expect("a listing");
    let walked = Listing::walked(&tree::look(dir.path()).expect("walked"));
    assert_eq!((&walked, walked.digest()), (&listed, listed.digest()));
    assert_eq!(walked.differences(&listed), [""; 0]);

    std::fs::write(&file, "abc").expect("written");
    std::fs::write(dir.path().join("new"), "").expect("written");
    let later = Listing::walked(&tree::look(dir.path()).expect("walked"));
    assert_eq!(later.differences(&listed), ["new", "odd \u{fffd}\u{fffd} n<", "twice"]);
    assert_ne!(later.digest(), listed.digest());
}

#[test]
fn times_of_all_years_and_zones_are_read() {
    let times = ["1970-01-01T00:00:00Z", "1901-12-13T20:45:52Z", "2000-02-29T12:00:00.5+05:30", "1969-12-31T16:00:00.000000001-08:00"];
    assert_eq!(times.map(instant), [Some((0, 0)), Some((-2_147_483_648, 0)), Some((951_805_800, 500_000_000)), Some((0, 1))]);
    assert_eq!(["", "yesterday", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z"].map(instant), [None; 4]);
}
