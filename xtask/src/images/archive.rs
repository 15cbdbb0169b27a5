//! Image archives: which images one has, read from the file itself before the engine is given it.

use std::io::{self, Read, Seek, SeekFrom};

use serde::Deserialize;

/// Archives have records of this length.
const RECORD: u64 = 512;
/// A list of images is shorter than this.
const LONGEST_LIST: u64 = 16 << 20;

/// An entry of `manifest.json`: one image.
#[derive(Deserialize)]
struct Image {
    #[serde(rename = "RepoTags", default)]
    names: Option<Vec<String>>,
}

/// The names of the images in `archive`, in its order; `Err` says in a few words why it is none.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn images<R: Read + Seek>(mut archive: R) -> io::Result<Result<Vec<String>, &'static str>> {
    let end = archive.seek(SeekFrom::End(0))?;
    let mut at = 0;
    while at + RECORD <= end {
        archive.seek(SeekFrom::Start(at))?;
        let mut header = [0; RECORD as usize];
        archive.read_exact(&mut header)?;
        // The rest is filling.
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        if let Some(why) = compressed(&header).filter(|_| at == 0) {
            return Ok(Err(why));
        }
        let Some(size) = size(&header) else { return Ok(Err("it is no archive")) };
        let Some(next) = size.div_ceil(RECORD).checked_mul(RECORD).and_then(|length| length.checked_add(at + RECORD)) else {
            return Ok(Err("it is no archive"));
        };
        if next > end {
            return Ok(Err("it ends too early: it was not written or copied to the end"));
        }
        if name(&header) == b"manifest.json" && size <= LONGEST_LIST {
            let mut list = Vec::new();
            archive.take(size).read_to_end(&mut list)?;
            return Ok(parse(&list).ok_or("its `manifest.json` is not a list of images"));
        }
        at = next;
    }
    Ok(Err(if at == 0 { "it is no archive" } else { "it is an archive of something else: it has no `manifest.json`" }))
}

fn parse(list: &[u8]) -> Option<Vec<String>> {
    let images: Vec<Image> = serde_json::from_slice(list).ok()?;
    Some(images.into_iter().flat_map(|image| image.names.unwrap_or_default()).collect())
}

fn compressed(header: &[u8]) -> Option<&'static str> {
    let kinds: [&[u8]; 4] = [&[0x1f, 0x8b], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z'], &[0x28, 0xb5, 0x2f, 0xfd]];
    kinds.iter().any(|kind| header.starts_with(kind)).then_some("it is compressed: decompress it first")
}

fn name(header: &[u8; 512]) -> &[u8] {
    header[..100].split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The size of an entry; nothing where the record is no header.
fn size(header: &[u8; 512]) -> Option<u64> {
    // The sum of a header's bytes, with spaces for the sum itself.
    let sum = header[..148].iter().chain(&[b' '; 8]).chain(&header[156..]).map(|byte| u64::from(*byte)).sum::<u64>();
    if octal(&header[148..156])? != sum {
        return None;
    }
    match header[124] {
        // Sizes from 8 GB on are binary, with this mark.
        0x80 => header[125..136].iter().try_fold(0_u64, |size, byte| size.checked_mul(256)?.checked_add(u64::from(*byte))),
        _ => octal(&header[124..136]),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn entry(name: &str, size: &[u8], content: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..124 + size.len()].copy_from_slice(size);
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend(content);
        header.resize(header.len().next_multiple_of(512), 0);
        header
    }

    fn plain(name: &str, content: &str) -> Vec<u8> {
        entry(name, format!("{:011o}", content.len()).as_bytes(), content.as_bytes())
    }

    fn read(archive: &[u8]) -> Result<Vec<String>, &'static str> {
        images(Cursor::new(archive)).expect("readable")
    }

    #[test]
    fn the_names_are_those_of_the_manifest() {
        let manifest = r#"[{"Config":"a","RepoTags":["slipway/proxy:1","b:2"],"Layers":[]},{"RepoTags":null},{"RepoTags":["redis:8"]}]"#;
        let archive = [plain("blobs/sha256/aa", &"x".repeat(1000)), plain("manifest.json", manifest), vec![0; 1024]].concat();
        assert_eq!(read(&archive), Ok(["slipway/proxy:1", "b:2", "redis:8"].map(str::to_owned).to_vec()));
        let mut binary = vec![0x80];
        binary.extend(format!("{}", '\0').repeat(7).bytes());
        binary.extend(u32::try_from(manifest.len()).expect("short").to_be_bytes());
        assert_eq!(read(&entry("manifest.json", &binary, manifest.as_bytes())).map(|names| names.len()), Ok(3));
    }

    #[test]
    fn what_is_no_image_archive_is_told_why() {
        assert_eq!(read(b""), Err("it is no archive"));
        assert_eq!(read(&[b'x'; 600]), Err("it is no archive"));
        assert_eq!(read(&[vec![0x1f, 0x8b], vec![0; 600]].concat()), Err("it is compressed: decompress it first"));
        let other = [plain("README.md", "text"), vec![0; 1024]].concat();
        assert_eq!(read(&other), Err("it is an archive of something else: it has no `manifest.json`"));
        assert_eq!(read(&plain("manifest.json", "{}")), Err("its `manifest.json` is not a list of images"));
        let cut = &plain("blobs/sha256/aa", &"x".repeat(1000))[..1024];
        assert_eq!(read(cut), Err("it ends too early: it was not written or copied to the end"));
        let huge = entry("a", &[[0x80].as_slice(), &[0xff; 11]].concat(), b"");
        assert_eq!(read(&huge), Err("it is no archive"));
    }
}
