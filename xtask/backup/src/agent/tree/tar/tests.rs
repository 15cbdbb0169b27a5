//! What the system's own tar makes of odd trees, read as a stream, is what a walk through the same tree finds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::agent::archive::pack;
use crate::agent::process::Program;
use crate::agent::tree::{look, walk};

/// A tree with one of everything below `root/volumes/media`.
fn odd_tree(root: &Path) {
    let media = root.join("volumes/media");
    let name = |name: &[u8]| media.join(OsStr::from_bytes(name));
    std::fs::create_dir_all(media.join("deep/er")).expect("directories");
    std::fs::create_dir(media.join("empty")).expect("a directory");
    std::fs::write(media.join("plain"), "text").expect("a file");
    std::fs::write(media.join("nothing"), "").expect("an empty file");
    std::fs::write(name(b"not \xff unicode\nbut two lines"), "odd").expect("an odd name");
    std::fs::write(media.join("n".repeat(255)), "long").expect("a long name");
    let mut long = media.clone();
    (0..8).for_each(|_| long.push("d".repeat(60)));
    std::fs::create_dir_all(&long).expect("a long path");
    std::fs::write(long.join("file"), "far").expect("a far file");
    std::fs::hard_link(media.join("plain"), media.join("deep/er/same")).expect("a link");
    std::fs::hard_link(media.join("plain"), media.join("a-second-name")).expect("a link");
    symlink("plain", media.join("pointer")).expect("a link");
    std::fs::hard_link(media.join("pointer"), media.join("pointer-again")).expect("a link");
    symlink("s".repeat(300), media.join("long-pointer")).expect("a long link");
    std::fs::set_permissions(media.join("empty"), std::fs::Permissions::from_mode(0o2750)).expect("permissions");
    std::fs::write(media.join("run"), "#!/bin/sh\n").expect("a file");
    std::fs::set_permissions(media.join("run"), std::fs::Permissions::from_mode(0o4711)).expect("permissions");
    let sparse = std::fs::File::create(media.join("sparse")).expect("a file");
    sparse.set_len(50 << 20).expect("a hole");
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"in the middle", 20 << 20).expect("content");
    let early = std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_millis(1500);
    std::fs::File::open(media.join("nothing")).and_then(|file| file.set_modified(early)).expect("an early time");
    rustix::fs::mknodat(rustix::fs::CWD, media.join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).expect("a pipe");
    // Not on each file system.
    for name in ["user.note", "user.a=b", "user.%3D%25", "user.50%"] {
        let _ = rustix::fs::setxattr(media.join("plain"), name, b"a=b\n\0c", rustix::fs::XattrFlags::empty());
    }
    // What is ours is in no backup.
    std::fs::create_dir(media.join(crate::agent::place::OWN)).expect("a directory");
    std::fs::write(media.join(crate::agent::place::OWN).join("journal"), "ours").expect("a file");
}

fn meter() -> Meter {
    Meter::new("media", None)
}

fn packed(root: &Path) -> Vec<u8> {
    let mut tar = pack(root, "volumes/media").read().start().expect("tar");
    let mut bytes = Vec::new();
    tar.stdout().expect("a pipe").read_to_end(&mut bytes).expect("read");
    tar.succeed().expect("packed");
    bytes
}

#[test]
fn a_stream_and_a_walk_say_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    odd_tree(dir.path());
    let bytes = packed(dir.path());
    let mut out = Vec::new();
    let scanned = scan(bytes.as_slice(), &mut out, "volumes/media", End::Closed, &mut meter()).expect("an archive");
    let walked = walk(&dir.path().join("volumes/media"), &mut meter()).expect("a tree");
    assert_eq!((scanned.finish(), scanned.bytes, scanned.count), (walked.finish(), walked.bytes, walked.count));
    assert!(scanned.count > 20 && scanned.bytes > 50 << 20, "{} entries, {} bytes", scanned.count, scanned.bytes);
    assert_eq!(scanned.root, walked.root);
    // A hole takes no room, but its map and the blocks of small files do.
    assert!(
        [scanned.allocated, walked.allocated].iter().all(|bytes| (20..10 << 20).contains(bytes)),
        "{} and {}",
        scanned.allocated,
        walked.allocated
    );
    // What is passed on is what came, up to the end.
    assert!(bytes.starts_with(&out) && out.ends_with(&[0; 1024]) && out.len() < 10 << 20, "{} of {}", out.len(), bytes.len());
}

#[test]
fn whoever_only_looks_sees_links_of_files_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    odd_tree(dir.path());
    let media = dir.path().join("volumes/media");
    let before = look(&media).expect("a tree").finish();
    std::fs::remove_file(media.join("pointer-again")).expect("removed");
    Program::new("cp").args(["--archive"]).args([media.join("pointer"), media.join("pointer-again")]).run().expect("copied");
    assert_eq!(look(&media).expect("a tree").finish(), before, "as restic restores it");
    std::fs::remove_file(media.join("a-second-name")).expect("removed");
    std::fs::copy(media.join("plain"), media.join("a-second-name")).expect("a copy");
    assert_ne!(look(&media).expect("a tree").finish(), before);
}

#[test]
fn a_change_of_anything_is_another_digest() {
    let dir = tempfile::tempdir().expect("a directory");
    odd_tree(dir.path());
    let media = dir.path().join("volumes/media");
    let digest = || walk(&media, &mut meter()).expect("a tree").finish();
    let mut seen = vec![digest()];
    std::fs::set_permissions(media.join("run"), std::fs::Permissions::from_mode(0o711)).expect("permissions");
    seen.push(digest());
    std::fs::remove_file(media.join("pointer")).expect("removed");
    seen.push(digest());
    std::fs::File::open(media.join("run")).and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH)).expect("a time");
    seen.push(digest());
    std::fs::write(media.join("plain"), "TEXT").expect("a file");
    seen.push(digest());
    let different: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(different.len(), seen.len());
}

#[test]
fn what_is_cut_off_or_bent_is_no_archive() {
    let dir = tempfile::tempdir().expect("a directory");
    odd_tree(dir.path());
    let bytes = packed(dir.path());
    let read = |bytes: &[u8]| scan(bytes, std::io::sink(), "volumes/media", End::Closed, &mut meter()).map(|digest| digest.finish());
    read(&bytes).expect("an archive");
    for length in [1, 511, 512, 700, bytes.len() / 2, bytes.len() / 3] {
        read(&bytes[..length]).expect_err("cut off");
    }
    // The first header: name, permissions, size, checksum, kind.
    for at in [0, 100, 124, 148, 156] {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        read(&bent).expect_err("bent");
    }
}

#[test]
fn more_than_was_announced_is_not_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(dir.path().join("volumes/media")).expect("a directory");
    std::fs::write(dir.path().join("volumes/media/large"), vec![0; 65 << 20]).expect("a file");
    let bytes = packed(dir.path());
    let read = |total| scan(bytes.as_slice(), std::io::sink(), "volumes/media", End::Closed, &mut Meter::new("media", Some(total)));
    read(65 << 20).expect("as announced");
    assert!(read(1 << 10).map(|_| ()).expect_err("refused").to_string().contains("more than its manifest says"));
    // Nobody waits for the end of a hole that was not announced.
    let hole =
        [member(b'5', "volumes/media/", "", ""), record("GNU.sparse.realsize", "99999999999999"), member(b'0', "volumes/media/a", "", "")];
    let hole = [&hole.concat()[..], &[0; 2 * BLOCK]].concat();
    let mut meter = Meter::new("media", Some(5));
    let said = scan(hole.as_slice(), std::io::sink(), "volumes/media", End::Closed, &mut meter).map(drop).expect_err("refused");
    assert_eq!(said.to_string(), "it has more than its manifest says");
}

/// A member of an archive, without content.
fn member(kind: u8, name: &str, link: &str, device: &str) -> Vec<u8> {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755");
    put(124, "00000000000");
    put(156, &char::from(kind).to_string());
    put(157, link);
    put(257, "ustar\x0000");
    put(329, device);
    put(148, "        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.to_vec()
}

/// An extended header with one record.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let text = format!("{}{rest}", rest.len() + 2);
    assert!(text.len() >= 10 && text.len() < 100, "a length of two digits");
    let mut header = member(b'x', "PaxHeaders/x", "", "");
    header[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut content = text.into_bytes();
    content.resize(BLOCK, 0);
    [header, content].concat()
}

fn scanned(members: &[Vec<u8>]) -> anyhow::Result<String> {
    let bytes = [&members.concat()[..], &[0; 2 * BLOCK]].concat();
    scan(bytes.as_slice(), std::io::sink(), "volumes/media", End::Closed, &mut meter()).map(|digest| digest.finish())
}

#[test]
fn what_our_tar_never_writes_is_refused() {
    let top = || member(b'5', "volumes/media/", "", "");
    let file = |name: &str| member(b'0', &format!("volumes/media/{name}"), "", "");
    scanned(&[top(), file("a"), member(b'1', "volumes/media/b", "volumes/media/a", "")]).expect("an archive");
    let refused = |members: &[Vec<u8>]| scanned(&[&[top()], members].concat()).expect_err("refused").to_string();
    let texts = [
        refused(&[file("./a")]),
        refused(&[file("a//b")]),
        refused(&[member(b'5', "volumes/media/.slipway/", "", ""), file(".slipway/root.json")]),
        refused(&[member(b'1', "volumes/media/b", "volumes/media/.slipway/new/a", "")]),
        refused(&[member(b'1', "volumes/media/b", "volumes/media/a", "")]),
        refused(&[member(b'2', "volumes/media/out", "/", ""), file("out/a")]),
        refused(&[file("a"), file("a")]),
        refused(&[member(b'g', "GlobalHead", "", ""), file("a")]),
        refused(&[record("GNU.sparse.map", "0,1"), file("a")]),
        refused(&[record("SCHILY.xattr.trusted.a", "1"), file("a")]),
        refused(&[record("GNU.sparse.minor", "1"), file("a")]),
        scanned(&[file("a")]).expect_err("refused").to_string(),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
    `volumes/media/./a` is not the plain name of anything
    `volumes/media/a//b` is not the plain name of anything
    `volumes/media/.slipway` is nothing of the volume
    `volumes/media/.slipway/new/a` is nothing of the volume
    `b` is another name of `a`, which is no file
    `out/a` is in no directory
    `a` is there twice
    `GlobalHead` is not in `volumes/media`
    a record of the unknown kind `GNU.sparse.map`
    a record of the unknown kind `SCHILY.xattr.trusted.a`
    a record of the unknown kind `GNU.sparse.minor`
    `a` is in no directory
    ");
}

#[test]
fn the_numbers_of_a_device_count() {
    let digest = |kind, device: &str| {
        scanned(&[member(b'5', "volumes/media/", "", ""), member(kind, "volumes/media/null", "", device)]).expect("an archive")
    };
    let digests = [(b'3', "0000001\x000000003"), (b'3', "0000001\x000000005"), (b'4', "0000001\x000000003")]
        .map(|(kind, device)| digest(kind, device));
    let different: std::collections::BTreeSet<&String> = digests.iter().collect();
    assert_eq!(different.len(), digests.len());
}

#[test]
fn an_entry_elsewhere_is_refused() {
    for (path, fits) in [
        ("volumes/media/a", true),
        ("volumes/media/", true),
        ("volumes/mediary", false),
        ("/etc/passwd", false),
        ("volumes/media/../db", false),
    ] {
        assert_eq!(below(path.as_bytes(), "volumes/media").is_ok(), fits, "{path}");
    }
}

#[test]
fn times_have_nanoseconds_on_both_sides_of_1970() {
    let times = ["5", "5.5", "5.123456789", "-1.5", "-2", "x"].map(|text| time(text.as_bytes()));
    assert_eq!(times, [Some((5, 0)), Some((5, 500_000_000)), Some((5, 123_456_789)), Some((-2, 500_000_000)), Some((-2, 0)), None]);
}
