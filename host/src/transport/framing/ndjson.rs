//! Newline-delimited JSON: one event per line that is not blank. The lines are not parsed here.

use memchr::memchr;

use super::{BOM, FramingError, MAX_EVENT, is_complete};
use crate::record::EventBatch;
use crate::units::Stamp;

/// Keeps the line whose end has not arrived.
#[derive(Debug, Default)]
pub(super) struct Ndjson {
    line: Vec<u8>,
    last: Stamp,
}

impl Ndjson {
    pub(super) fn read(&mut self, at: Stamp, bytes: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        self.last = at;
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            if self.line.is_empty() {
                check_size(end)?;
                push_line(at, &rest[..end], out);
            } else {
                self.keep(&rest[..end])?;
                push_line(at, &self.line, out);
                self.line.clear();
            }
            rest = &rest[end + 1..];
        }
        self.keep(rest)
    }

    /// The last line may lack its newline, but not a part of its JSON.
    pub(super) fn finish(&mut self, complete: bool, out: &mut EventBatch) -> Result<(), FramingError> {
        let line = std::mem::take(&mut self.line);
        if is_blank(&line) {
            return Ok(());
        }
        // A body that came whole ends its last line, as a newline would have.
        if !complete || !is_complete(&line, true) {
            return Err(FramingError::Truncated(format!(
                "the body ended inside a line, {} bytes in",
                line.len()
            )));
        }
        push_line(self.last, &line, out);
        Ok(())
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), FramingError> {
        check_size(self.line.len() + piece.len())?;
        self.line.extend_from_slice(piece);
        Ok(())
    }
}

fn check_size(line: usize) -> Result<(), FramingError> {
    if line > MAX_EVENT { Err(FramingError::over("a line", MAX_EVENT)) } else { Ok(()) }
}

fn push_line(at: Stamp, line: &[u8], out: &mut EventBatch) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // No line of JSON begins so but the first.
    let line = line.strip_prefix(BOM).unwrap_or(line);
    if !is_blank(line) {
        out.push(at, "", line);
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::super::cutting::{check, flood, frame_at};
    use crate::record::{FailureKind, Framing::Ndjson};

    fn whole(body: &str, expected: &[&str]) {
        check(&[Ndjson], body.as_bytes(), true, expected, None);
    }

    fn truncated(body: &str, complete: bool, expected: &[&str]) {
        check(&[Ndjson], body.as_bytes(), complete, expected, Some(FailureKind::Truncated));
    }

    #[test]
    fn every_line_that_is_not_blank_is_an_event() {
        whole("{\"a\":1}\n{\"a\":2}\n", &["{\"a\":1}", "{\"a\":2}"]);
        whole("\n \t\n{}\n\r\n\n{}\n", &["{}", "{}"]);
        whole("{}\r\n{} \r\n", &["{}", "{} "]);
        whole("", &[]);
        whole("not json\n", &["not json"]);
        whole("\"\u{2028}\u{85}\"\n", &["\"\u{2028}\u{85}\""]);
    }

    #[test]
    fn a_carriage_return_alone_ends_no_line() {
        whole("{\r}\n", &["{\r}"]);
    }

    #[test]
    fn the_last_line_may_lack_its_newline() {
        whole("{}\n{\"a\":1}", &["{}", "{\"a\":1}"]);
        whole("{}\n{}\r", &["{}", "{}"]);
        whole("{}\n  ", &["{}"]);
        whole("Internal Server Error", &["Internal Server Error"]);
    }

    #[test]
    fn a_line_that_broke_off_is_truncated() {
        truncated("{}\n{\"a\":", true, &["{}"]);
        truncated("{}\n{}", false, &["{}"]);
        check(&[Ndjson], b"{}\n", false, &["{}"], None);
    }

    #[test]
    fn a_line_came_with_its_newline() {
        let body = b"{}\n{}\r\n{}";
        let every: Vec<usize> = (0..body.len()).collect();
        let (out, _) = frame_at(&[Ndjson], body, &every, true);
        assert_eq!(out.iter().map(|event| event.at.0).collect::<Vec<_>>(), [2, 6, 8]);
    }

    #[test]
    fn a_line_over_the_limit_is_too_large() {
        assert_eq!(flood(&[Ndjson], b"", b'x', 16), None);
        assert_eq!(flood(&[Ndjson], b"x", b'x', 16), Some(FailureKind::TooLarge));
    }
}
