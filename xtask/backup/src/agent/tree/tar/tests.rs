//! What the system's own tar makes of odd trees, read as a stream, is what a walk through the same tree finds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::agent::archive::pack;
use crate::agent::tree::walk;

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
    let _ = rustix::fs::setxattr(media.join("plain"), "user.note", b"a=b\n\0c", rustix::fs::XattrFlags::empty());
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
    // What is passed on is what came, up to the end.
    assert!(bytes.starts_with(&out) && out.ends_with(&[0; 1024]) && out.len() < 10 << 20, "{} of {}", out.len(), bytes.len());
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
