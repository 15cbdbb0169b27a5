//! Lines of a stream, each of a bounded length: one that is longer is read to its end and left out.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// The longest line.
pub(crate) const LONGEST: usize = 1024 * 1024;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line, without its end.
    Whole(&'a [u8]),
    /// A line that was longer than [`LONGEST`].
    TooLong,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new() }
    }

    /// The next line; nothing at the end. What is left when this is not waited for to its end is lost.
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Line<'_>>> {
        // A long line before must not keep its memory for ever.
        self.line.clear();
        self.line.shrink_to(64 * 1024);
        let (mut too_long, mut anything) = (false, false);
        loop {
            let bytes = self.reader.fill_buf().await?;
            if bytes.is_empty() {
                break;
            }
            anything = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            too_long |= self.line.len() + part.len() > LONGEST;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok(match (anything, too_long) {
            (false, _) => None,
            (true, true) => Some(Line::TooLong),
            (true, false) => Some(Line::Whole(&self.line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_with_a_line_feed_or_with_the_stream() {
        let mut lines = Lines::new(&b"one\n\ntwo"[..]);
        for expected in ["one", "", "two"] {
            assert_eq!(lines.next().await.unwrap(), Some(Line::Whole(expected.as_bytes())));
        }
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_left_out_and_the_next_is_read() {
        let longest = vec![b'a'; LONGEST];
        let text = [&longest[..], b"\n", &longest[..], b"a\n", b"next\n"].concat();
        // In parts, as it comes from a socket.
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(1000, &text[..]));
        assert_eq!(lines.next().await.unwrap(), Some(Line::Whole(&longest)));
        assert_eq!(lines.next().await.unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().await.unwrap(), Some(Line::Whole(b"next")));
    }
}
