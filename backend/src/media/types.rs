//! Which files are accepted, how their first bytes prove it, and as what they are sent.
//!
//! The extension says what a file claims to be, its first bytes must agree, and it is stored and sent as the type that belongs to the extension.
//! What the sender declares beside it is never used. Anything a browser could run as a page of ours (HTML, SVG, XML, scripts) and executables are on no
//! list. Text may contain anything, markup included: it is sent as plain text to be saved, which makes it harmless.

/// A type of file that is accepted.
#[derive(Debug)]
pub struct FileType {
    extensions: &'static [&'static str],
    /// As what it is sent.
    pub content_type: &'static str,
    is: fn(&[u8]) -> bool,
}

const TYPES: &[FileType] = &[
    FileType { extensions: &["png"], content_type: "image/png", is: |head| picture(head, b"\x89PNG\r\n\x1a\n") },
    FileType { extensions: &["jpg", "jpeg"], content_type: "image/jpeg", is: |head| picture(head, b"\xff\xd8\xff") },
    FileType { extensions: &["gif"], content_type: "image/gif", is: |head| picture(head, b"GIF87a") || picture(head, b"GIF89a") },
    FileType { extensions: &["webp"], content_type: "image/webp", is: |head| picture(head, b"RIFF") && at(head, 8, b"WEBP") },
    FileType { extensions: &["avif"], content_type: "image/avif", is: |head| picture(head, b"") && brand(head, &[b"avif", b"avis"]) },
    FileType { extensions: &["pdf"], content_type: "application/pdf", is: |head| at(head, 0, b"%PDF-") },
    FileType { extensions: &["txt"], content_type: TEXT, is: |_| true },
    FileType { extensions: &["csv"], content_type: "text/csv; charset=utf-8", is: |_| true },
    FileType { extensions: &["md"], content_type: "text/markdown; charset=utf-8", is: |_| true },
    FileType { extensions: &["json"], content_type: "application/json", is: |head| !head.is_empty() },
    FileType { extensions: &["zip"], content_type: "application/zip", is: |head| zip(head) || at(head, 0, b"PK\x05\x06") },
    FileType { extensions: &["gz"], content_type: "application/gzip", is: |head| at(head, 0, b"\x1f\x8b\x08") },
    FileType { extensions: &["docx"], content_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", is: zip },
    FileType { extensions: &["xlsx"], content_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", is: zip },
    FileType { extensions: &["pptx"], content_type: "application/vnd.openxmlformats-officedocument.presentationml.presentation", is: zip },
    FileType { extensions: &["odt"], content_type: ODT, is: |head| zip(head) && at(head, 30, b"mimetype") && at(head, 38, ODT.as_bytes()) },
    FileType { extensions: &["ods"], content_type: ODS, is: |head| zip(head) && at(head, 30, b"mimetype") && at(head, 38, ODS.as_bytes()) },
    FileType { extensions: &["mp3"], content_type: "audio/mpeg", is: mp3 },
    FileType {
        extensions: &["mp4"],
        content_type: "video/mp4",
        is: |head| brand(head, &[b"iso", b"mp4", b"avc1", b"M4V ", b"MSNV", b"dash"]),
    },
    FileType { extensions: &["webm"], content_type: "video/webm", is: |head| at(head, 0, b"\x1a\x45\xdf\xa3") && contains(head, b"webm") },
    FileType { extensions: &["wav"], content_type: "audio/wav", is: |head| at(head, 0, b"RIFF") && at(head, 8, b"WAVE") },
];

const TEXT: &str = "text/plain; charset=utf-8";
const ODT: &str = "application/vnd.oasis.opendocument.text";
const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";

/// The accepted extensions, for people.
pub fn accepted() -> String {
    TYPES.iter().map(|file_type| file_type.extensions[0]).collect::<Vec<_>>().join(", ")
}

impl FileType {
    /// The type that a name claims by its extension.
    pub fn of(name: &str) -> Option<&'static FileType> {
        let (_, extension) = name.rsplit_once('.')?;
        let extension = extension.to_ascii_lowercase();
        TYPES.iter().find(|file_type| file_type.extensions.contains(&extension.as_str()))
    }

    /// Whether a file that begins like this is of this type. `whole`: there is no more of it.
    pub(super) fn matches(&self, head: &[u8], whole: bool) -> bool {
        let is_text = self.content_type.starts_with("text/") || self.content_type == "application/json";
        (!is_text || text(head, whole)) && (self.is)(head)
    }

    /// Whether a browser may show a file of this (stored) type in place: pixels only, never documents.
    pub fn is_picture(content_type: &str) -> bool {
        matches!(content_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif")
    }
}

fn at(head: &[u8], offset: usize, what: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(what))
}

fn contains(head: &[u8], what: &[u8]) -> bool {
    head.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what))
}

/// The signature, and no markup after it: a picture is shown in place, and some software guesses from what it finds inside.
fn picture(head: &[u8], signature: &[u8]) -> bool {
    at(head, 0, signature) && ![&b"<script"[..], b"<html", b"<!doctype", b"<svg"].iter().any(|markup| contains(head, markup))
}

/// An ISO media file whose major brand begins with one of these.
fn brand(head: &[u8], brands: &[&[u8]]) -> bool {
    at(head, 4, b"ftyp") && brands.iter().any(|brand| at(head, 8, brand))
}

fn zip(head: &[u8]) -> bool {
    at(head, 0, b"PK\x03\x04")
}

/// An ID3 tag, or the first frame: eleven set bits, then a known version and layer.
fn mp3(head: &[u8]) -> bool {
    at(head, 0, b"ID3") || matches!(head, [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 == 0x02)
}

/// UTF-8 without NUL. The head may end within a character if more follows.
fn text(head: &[u8], whole: bool) -> bool {
    !head.contains(&0) && std::str::from_utf8(head).map_or_else(|error| !whole && error.error_len().is_none(), |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(name: &str, head: &[u8]) -> bool {
        FileType::of(name).is_some_and(|file_type| file_type.matches(head, true))
    }

    #[test]
    fn files_are_what_they_say() {
        let odt = [b"PK\x03\x04".as_slice(), &[0; 26], b"mimetypeapplication/vnd.oasis.opendocument.text"].concat();
        for (name, head) in [
            ("a.PNG", b"\x89PNG\r\n\x1a\n....".as_slice()),
            ("a.jpeg", b"\xff\xd8\xff\xe0"),
            ("a.gif", b"GIF89a"),
            ("a.webp", b"RIFF\0\0\0\0WEBPVP8 "),
            ("a.avif", b"\0\0\0\x1cftypavif"),
            ("a.pdf", b"%PDF-1.7"),
            ("a.txt", "<b>\u{fc}</b>".as_bytes()),
            ("empty.txt", b""),
            ("a.csv", b"a,b\r\n"),
            ("a.json", b"{}"),
            ("a.docx", b"PK\x03\x04"),
            ("a.odt", &odt),
            ("a.tar.gz", b"\x1f\x8b\x08\0"),
            ("a.mp3", b"\xff\xfb\x90"),
            ("a.mp4", b"\0\0\0\x20ftypisom"),
            ("a.webm", b"\x1a\x45\xdf\xa3....B\x82\x84webm"),
            ("a.wav", b"RIFF\0\0\0\0WAVEfmt "),
        ] {
            assert!(accepts(name, head), "{name}");
        }
    }

    #[test]
    fn what_is_active_or_not_what_it_says_is_refused() {
        for (name, head) in [
            ("a.html", b"GIF89a<html>".as_slice()),
            ("a.svg", b"<svg/>"),
            ("a.js", b"alert(1)"),
            ("a.exe", b"MZ"),
            ("png", b"\x89PNG\r\n\x1a\n"),
            ("a.png", b"%PDF-1.7"),
            ("a.pdf", b"\n%PDF-1.7"),
            ("a.pdf", b"<html>%PDF-1.7"),
            ("a.gif", b"GIF89a/*<SCRIPT>*/"),
            ("a.png", b""),
            ("a.txt", b"MZ\0\0"),
            ("a.txt", b"\xff\xfea\0"),
            ("a.md", b"cut \xc3"),
            ("a.odt", b"PK\x03\x04"),
            ("a.mp3", b"\xff\xfea"),
            ("a.mp4", b"\0\0\0\x1cftypavif"),
            ("a.png.html", b"\x89PNG\r\n\x1a\n"),
            ("a.", b"x"),
        ] {
            assert!(!accepts(name, head), "{name} {head:?}");
        }
        assert!(FileType::of("a.txt").unwrap().matches(b"goes on \xc3", false), "more follows");
        assert!(!FileType::is_picture("application/pdf") && FileType::is_picture("image/png"));
    }
}
