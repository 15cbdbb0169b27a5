//! Writing a tar stream, as far as files that are copied into a container need it. Pure but for the writer.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    File,
    /// With what it leads to.
    Link(&'a [u8]),
    Directory,
}

/// What is said of an entry beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) kind: Kind<'a>,
    /// The permissions.
    pub(super) mode: u32,
    /// User and group.
    pub(super) owner: (u32, u32),
    /// Seconds since 1970.
    pub(super) modified: u64,
    /// Of a file.
    pub(super) size: u64,
}

/// Writes an entry; `content` gives its bytes. A file that got shorter meanwhile is filled up: its next change is another copy.
pub(super) fn entry(to: &mut dyn Write, name: &[u8], header: Header<'_>, content: impl Read) -> io::Result<()> {
    let link = if let Kind::Link(target) = header.kind { target } else { &[] };
    // Names that do not fit go before the entry, as GNU's tar has it: as they are, in whatever encoding.
    for (text, kind) in [(link, b'K'), (name, b'L')] {
        if text.len() > 100 {
            let size = u64::try_from(text.len() + 1).unwrap_or(u64::MAX);
            to.write_all(&block(b"././@LongLink", b"", kind, Header { kind: Kind::File, mode: 0o644, owner: (0, 0), modified: 0, size }))?;
            to.write_all(text)?;
            to.write_all(&[0])?;
            pad(to, size)?;
        }
    }
    let kind = match header.kind {
        Kind::File => b'0',
        Kind::Link(_) => b'2',
        Kind::Directory => b'5',
    };
    to.write_all(&block(name, link, kind, header))?;
    if header.kind == Kind::File {
        let copied = io::copy(&mut content.take(header.size), to)?;
        io::copy(&mut io::repeat(0).take(header.size - copied), to)?;
        pad(to, header.size)?;
    }
    Ok(())
}

/// Writes the end of the stream.
pub(super) fn end(to: &mut dyn Write) -> io::Result<()> {
    to.write_all(&[0; 2 * BLOCK])
}

fn pad(to: &mut dyn Write, size: u64) -> io::Result<()> {
    let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    to.write_all(&[0; BLOCK][..(BLOCK - rest) % BLOCK])
}

fn block(name: &[u8], link: &[u8], kind: u8, header: Header<'_>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    text(&mut block[..100], name);
    number(&mut block[100..108], u64::from(header.mode & 0o7777));
    number(&mut block[108..116], u64::from(header.owner.0));
    number(&mut block[116..124], u64::from(header.owner.1));
    number(&mut block[124..136], if matches!(header.kind, Kind::File) { header.size } else { 0 });
    number(&mut block[136..148], header.modified);
    block[148..156].fill(b' ');
    block[156] = kind;
    text(&mut block[157..257], link);
    text(&mut block[257..265], b"ustar  \0");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    number(&mut block[148..155], sum);
    block
}

fn text(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

/// In octal digits, or, where they do not suffice, in bytes.
fn number(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    let octal = format!("{value:0digits$o}");
    if octal.len() <= digits {
        text(field, octal.as_bytes());
    } else {
        let bytes = value.to_be_bytes();
        let from = field.len().saturating_sub(bytes.len());
        let length = field.len() - from;
        field[from..].copy_from_slice(&bytes[bytes.len() - length..]);
        field[0] |= 0x80;
    }
}

/// The content of the first file in the tar stream `bytes`.
pub(super) fn first_file(bytes: &[u8]) -> Option<&[u8]> {
    let field = bytes.get(124..136)?;
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    let size = usize::from_str_radix(digits, 8).ok()?;
    bytes.get(BLOCK..BLOCK + size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Header<'_> = Header { kind: Kind::File, mode: 0o640, owner: (10001, 10002), modified: 1_700_000_000, size: 0 };

    /// What `tar` says of the stream that `write` writes, and makes of it in a directory.
    #[cfg(unix)]
    fn unpacked(write: impl FnOnce(&mut Vec<u8>)) -> (String, tempfile::TempDir) {
        let mut stream = Vec::new();
        write(&mut stream);
        end(&mut stream).expect("written");
        let dir = tempfile::tempdir().expect("a directory");
        let tar = |flags: &[&str]| {
            duct::cmd("tar", flags).dir(dir.path()).env("TZ", "UTC").stdin_bytes(stream.clone()).read().expect("tar takes it")
        };
        let said = tar(&["--list", "--verbose", "--numeric-owner", "--file", "-"]);
        tar(&["--extract", "--no-same-owner", "--file", "-"]);
        (said, dir)
    }

    #[cfg(unix)]
    #[test]
    fn entries_keep_their_names_modes_owners_and_links() {
        use std::os::unix::fs::PermissionsExt as _;
        let (said, dir) = unpacked(|to| {
            let put =
                |to: &mut Vec<u8>, name: &[u8], header: Header<'_>, content: &[u8]| entry(to, name, header, content).expect("written");
            put(to, b"d", Header { kind: Kind::Directory, mode: 0o750, ..FILE }, b"");
            put(to, b"d/a b\n-", Header { size: 5, ..FILE }, b"hello");
            put(to, b"-rf", Header { mode: 0o755, size: 0, ..FILE }, b"");
            put(to, b"link", Header { kind: Kind::Link(b"d/a b\n-"), mode: 0o777, ..FILE }, b"");
        });
        insta::assert_snapshot!(said, @r"
        drwxr-x--- 10001/10002       0 2023-11-14 22:13 d
        -rw-r----- 10001/10002       5 2023-11-14 22:13 d/a b\n-
        -rwxr-xr-x 10001/10002       0 2023-11-14 22:13 -rf
        lrwxrwxrwx 10001/10002       0 2023-11-14 22:13 link -> d/a b\n-
        ");
        assert_eq!(std::fs::read_to_string(dir.path().join("link")).expect("through the link"), "hello");
        assert_eq!(std::fs::metadata(dir.path().join("-rf")).expect("there").permissions().mode() & 0o777, 0o755);
    }

    #[cfg(unix)]
    #[test]
    fn long_and_strange_names_are_as_they_were() {
        use std::os::unix::ffi::OsStrExt as _;
        let long = [b"x".repeat(90), b"/".to_vec(), b"\xff\xc3".repeat(60)].concat();
        let (_, dir) = unpacked(|to| {
            entry(to, &long, Header { size: 1, ..FILE }, &b"1"[..]).expect("written");
            entry(to, b"link", Header { kind: Kind::Link(&long), ..FILE }, &b""[..]).expect("written");
        });
        assert_eq!(std::fs::read(dir.path().join(std::ffi::OsStr::from_bytes(&long))).expect("there"), b"1");
        assert_eq!(std::fs::read(dir.path().join("link")).expect("through the link"), b"1");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_changes_meanwhile_breaks_nothing() {
        let (_, dir) = unpacked(|to| {
            entry(to, b"shorter", Header { size: 600, ..FILE }, &b"abc"[..]).expect("written");
            entry(to, b"longer", Header { size: 2, ..FILE }, &b"abc"[..]).expect("written");
            entry(to, b"last", Header { size: 1, owner: (3_000_000_000, 0), ..FILE }, &b"z"[..]).expect("written");
        });
        let size = |name: &str| std::fs::metadata(dir.path().join(name)).expect("there").len();
        assert_eq!(["shorter", "longer", "last"].map(size), [600, 2, 1]);
    }

    #[test]
    fn a_stream_of_one_file_is_read() {
        let mut stream = Vec::new();
        entry(&mut stream, b"passwd", Header { size: 4, ..FILE }, &b"root"[..]).expect("written");
        assert_eq!(first_file(&stream), Some(&b"root"[..]));
        assert_eq!((first_file(b""), first_file(&[0; 600])), (None, None));
    }
}
