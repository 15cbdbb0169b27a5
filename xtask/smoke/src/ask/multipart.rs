//! A file as browsers send it from a form (RFC 7578).

/// What a part's name is quoted as (HTML, "multipart/form-data encoding algorithm").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The type and the body of a form of one file.
pub(super) fn one_file(field: &str, name: &str, content: &str) -> (String, String) {
    // Longer until it is in no line of the file.
    let mut boundary = String::from("slipway-smoke");
    while content.contains(&boundary) {
        boundary.push_str("-0");
    }
    let (field, name) = (quoted(field), quoted(name));
    let disposition = format!("Content-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"");
    let body = format!("--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n{content}\r\n--{boundary}--\r\n");
    (format!("multipart/form-data; boundary={boundary}"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_part() {
        let (content_type, body) = one_file("file", "a\"b.txt", "hello");
        assert_eq!(content_type, "multipart/form-data; boundary=slipway-smoke");
        assert_eq!(
            body,
            "--slipway-smoke\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.txt\"\r\n\
             Content-Type: application/octet-stream\r\n\r\nhello\r\n--slipway-smoke--\r\n"
        );
    }

    #[test]
    fn the_boundary_is_in_no_content() {
        let (content_type, body) = one_file("file", "a", "x slipway-smoke y");
        assert_eq!(content_type, "multipart/form-data; boundary=slipway-smoke-0");
        assert!(body.ends_with("--slipway-smoke-0--\r\n"));
    }
}
