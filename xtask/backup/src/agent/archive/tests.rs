//! Archives are written and read with the real tar and zstd, and opened by them alone.

use backup::{Kind, Part};

use super::*;

struct Made {
    dir: tempfile::TempDir,
    manifest: Manifest,
}

impl Made {
    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("backup.tar.zst")
    }

    /// The part's damage, or nothing.
    fn damage(&self, part: &str) -> Option<String> {
        let reader = Reader::open(&self.file()).expect("a backup");
        reader.part(part, std::io::sink(), &mut Meter::new(part, None)).err().map(|error| error.to_string())
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.file()).expect("a backup")
    }
}

/// A backup of two parts, of which the second one has more than one piece of a pipe.
fn made() -> Made {
    let dir = tempfile::tempdir().expect("a directory");
    let set = dir.path().join("set");
    std::fs::create_dir_all(set.join("db")).expect("a directory");
    std::fs::create_dir_all(set.join("volumes/media")).expect("a directory");
    std::fs::write(set.join("db/database.dump"), "PGDMP and so on").expect("a file");
    let noise: Vec<u8> = (0..700_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(set.join("volumes/media/picture"), noise).expect("a file");
    let mut writer = Writer::create(&dir.path().join("backup.tar.zst")).expect("a file");
    let parts = [("db", Kind::Postgres), ("media", Kind::Files)].map(|(name, kind)| {
        let packed = writer.append(&set, &kind.path(name), End::Open, &mut Meter::new(name, None)).expect("packed");
        assert_eq!(packed.changed, Vec::<String>::new());
        Part {
            name: name.to_owned(),
            kind,
            bytes: packed.digest.bytes,
            allocated: Some(packed.digest.allocated),
            entries: packed.digest.count,
            digest: packed.digest.finish(),
            listing: None,
            rows: Default::default(),
            changed: Vec::new(),
            stored: Some(packed.stored),
        }
    });
    let mut manifest = Manifest {
        schema: SCHEMA,
        id: "20261121T224501Z".to_owned(),
        created_at: "2026-11-21T22:45:01Z".to_owned(),
        project: "slipway".to_owned(),
        environment: "local".to_owned(),
        revision: None,
        images: Default::default(),
        postgres: Some("17.6".to_owned()),
        migration: None,
        quiesced: false,
        seconds: 1.5,
        parts: parts.into(),
        archive: None,
        repository: None,
    };
    let text = serde_json::to_string_pretty(&manifest).expect("JSON");
    std::fs::write(set.join(MANIFEST), format!("{text}\n")).expect("a file");
    manifest.archive = Some(writer.finish(&set).expect("finished"));
    Made { dir, manifest }
}

#[test]
fn parts_are_read_at_the_same_time() {
    let made = made();
    let reader = Reader::open(&made.file()).expect("a backup");
    for _ in 0..5 {
        let read = |part| reader.part(part, std::io::sink(), &mut Meter::new(part, None)).map(drop);
        let jobs: Vec<crate::agent::lifeline::Job<'_>> =
            vec![Box::new(|| read("db")), Box::new(|| read("media")), Box::new(|| read("media"))];
        crate::agent::lifeline::together(jobs).expect("whole");
    }
}

#[test]
fn an_archive_says_what_it_is_and_is_whole() {
    let made = made();
    let reader = Reader::open(&made.file()).expect("a backup");
    assert_eq!(reader.manifest, Manifest { archive: None, ..made.manifest.clone() });
    assert_eq!((made.damage("db"), made.damage("media")), (None, None));
    let archive = made.manifest.archive.as_ref().expect("a file");
    assert_eq!((archive.bytes, &archive.sha256), (made.bytes().len() as u64, &hex(&Sha256::digest(made.bytes()))));
}

#[test]
fn public_tools_alone_open_it() {
    let made = made();
    let out = made.dir.path().join("out");
    std::fs::create_dir(&out).expect("a directory");
    Program::new("tar")
        .args(["--zstd", "--extract"])
        .arg_path("--file", &made.file())
        .arg_path("--directory", &out)
        .run()
        .expect("unpacked");
    let same = |path: &str| std::fs::read(out.join(path)).ok() == std::fs::read(made.dir.path().join("set").join(path)).ok();
    assert!(["db/database.dump", "volumes/media/picture", MANIFEST].into_iter().all(same));
}

#[test]
fn a_flipped_byte_is_named_by_its_part() {
    let made = made();
    let bytes = made.bytes();
    for part in &made.manifest.parts {
        let stored = part.stored.as_ref().expect("stored");
        for at in [0, 4, stored.bytes / 2, stored.bytes - 1] {
            let mut bent = bytes.clone();
            bent[usize::try_from(stored.offset + at).expect("small")] ^= 1;
            std::fs::write(made.file(), &bent).expect("written");
            for other in &made.manifest.parts {
                let damage = made.damage(&other.name);
                assert_eq!(damage.is_some(), other.name == part.name, "byte {at} of {}: {damage:?}", part.name);
                assert!(damage.is_none_or(|text| text.starts_with(&format!("the part `{}` is damaged", part.name))));
            }
        }
    }
}

#[test]
fn what_is_cut_off_is_no_backup() {
    let made = made();
    let bytes = made.bytes();
    for length in [0, 1, 16, 17, bytes.len() / 2, bytes.len() - 17, bytes.len() - 16, bytes.len() - 1] {
        std::fs::write(made.file(), &bytes[..length]).expect("written");
        let text = Reader::open(&made.file()).map(drop).expect_err("cut off").to_string();
        assert!(text.contains("is no whole backup"), "{length}: {text}");
    }
    // A byte of the manifest counts as well.
    let mut bent = bytes.clone();
    let at = bytes.len() - 40;
    bent[at] ^= 1;
    std::fs::write(made.file(), &bent).expect("written");
    Reader::open(&made.file()).map(drop).expect_err("damaged");
}

#[test]
fn a_newer_format_is_refused() {
    let made = made();
    let set = made.dir.path().join("set");
    let newer = serde_json::to_string_pretty(&Manifest { schema: SCHEMA + 1, archive: None, ..made.manifest.clone() }).expect("JSON");
    std::fs::write(set.join(MANIFEST), format!("{newer}\n")).expect("a file");
    let path = made.dir.path().join("newer.tar.zst");
    Writer::create(&path).expect("a file").finish(&set).expect("finished");
    let text = Reader::open(&path).map(drop).expect_err("refused").to_string();
    assert_eq!(text, format!("`newer.tar.zst` was made by a newer version (format {}, here {SCHEMA})", SCHEMA + 1));
}

#[test]
fn an_archive_is_never_written_over() {
    let made = made();
    assert!(Writer::create(&made.file()).is_err());
}
