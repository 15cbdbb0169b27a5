//! Lines of a stream, none of which can be longer than a bound.
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest line of a client, of a message of cargo, and of a log that is kept whole.
pub(crate) const MAX: usize = 1024 * 1024;

/// The next line without its end, or nothing at the end of the stream. A line longer than [`MAX`] is an error.
pub(crate) async fn next(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.take(MAX as u64).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) if line.len() + 1 == MAX => return Err(io::Error::other(format!("a line is longer than {MAX} bytes"))),
        Some(last) => line.push(last),
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_with_the_stream_and_are_bounded() {
        let mut reader = "one\n\ntwo".as_bytes();
        let mut lines = Vec::new();
        while let Some(line) = next(&mut reader).await.unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["one", "", "two"]);

        let long = vec![b'x'; MAX];
        assert!(next(&mut long.as_slice()).await.is_err());
    }
}
