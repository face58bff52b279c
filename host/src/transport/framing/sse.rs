//! `text/event-stream`, by the rules of the WHATWG HTML standard ("Interpreting an event stream"), with two
//! departures made knowingly:
//! - the standard drops an event that the end of the stream left without its blank line; here it counts where it is
//!   complete in itself, and is a truncation otherwise;
//! - a field `error` is an event named "error" with that data: servers built on old llama.cpp report failures so.
//!
//! `id` and `retry` mean nothing here, because nothing ever reconnects.

use memchr::{memchr, memchr2};

use super::{BOM, FramingError, MAX_EVENT, is_complete};
use crate::record::EventBatch;
use crate::units::Stamp;

/// The event under construction, and where in the stream we are.
#[derive(Debug, Default)]
pub(super) struct Sse {
    /// The line whose end has not arrived.
    line: Vec<u8>,
    name: String,
    data: Vec<u8>,
    /// There was a data line: an event with empty data is one, an event without data is none.
    has_data: bool,
    /// A field of the event was seen.
    open: bool,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// Bytes of the stream's first three that were those of a byte order mark.
    bom: usize,
    /// The stream's first three bytes are behind us.
    started: bool,
    last: Stamp,
}

impl Sse {
    pub(super) fn read(&mut self, at: Stamp, bytes: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        self.last = at;
        let mut rest = if self.started { bytes } else { self.skip_bom(bytes) };
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let line = &rest[..end];
            rest = self.skip_line_end(&rest[end..]);
            if !self.line.is_empty() {
                self.keep(line)?;
                let mut kept = std::mem::take(&mut self.line);
                self.take_line(at, &kept, out)?;
                kept.clear();
                self.line = kept;
                continue;
            }
            check_size("a line", line.len())?;
            match data_value(line) {
                // Nearly every event there is: one data line and its blank line in one read. It is not copied here.
                Some(value) if !self.has_data && matches!(rest, [b'\n' | b'\r', ..]) => {
                    out.push(at, &self.name, value);
                    self.reset();
                    rest = self.skip_line_end(rest);
                }
                _ => self.take_line(at, line, out)?,
            }
        }
        self.keep(rest)
    }

    pub(super) fn finish(&mut self, complete: bool, out: &mut EventBatch) -> Result<(), FramingError> {
        let rest = std::mem::take(&mut self.line);
        let (field, _) = split(&rest);
        let truncated = || FramingError::Truncated("the stream ended inside an event".to_owned());
        let line_ended = match field {
            Field::Ignored if !begins_field(&rest) => true,
            Field::Data | Field::Error if complete => {
                self.take_line(self.last, &rest, out)?;
                false
            }
            // Half a name, or the start of an event whose data never came.
            _ => return Err(truncated()),
        };
        if !self.open {
            return Ok(());
        }
        if !(complete && self.has_data && is_complete(&self.data, line_ended)) {
            return Err(truncated());
        }
        self.dispatch(self.last, out);
        Ok(())
    }

    fn take_line(&mut self, at: Stamp, line: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        if line.is_empty() {
            if self.has_data {
                self.dispatch(at, out);
            }
            self.reset();
            return Ok(());
        }
        let (field, value) = split(line);
        match field {
            Field::Data => self.add_data(value)?,
            Field::Event => self.set_name(&String::from_utf8_lossy(value)),
            Field::Error => {
                self.set_name("error");
                self.add_data(value)?;
            }
            Field::IdOrRetry => {}
            Field::Ignored => return Ok(()),
        }
        self.open = true;
        Ok(())
    }

    fn set_name(&mut self, name: &str) {
        self.name.clear();
        self.name.push_str(name);
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), FramingError> {
        check_size("an event", self.data.len() + value.len() + 1)?;
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
        Ok(())
    }

    fn dispatch(&mut self, at: Stamp, out: &mut EventBatch) {
        out.push(at, &self.name, &self.data);
        self.reset();
    }

    fn reset(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        self.open = false;
    }

    /// Keeps the start of a line. The line as a whole obeys the limit, be it a comment.
    fn keep(&mut self, piece: &[u8]) -> Result<(), FramingError> {
        check_size("a line", self.line.len() + piece.len())?;
        self.line.extend_from_slice(piece);
        Ok(())
    }

    /// What follows the LF, CR or CRLF at the head of `bytes`. A CR ends its line at once: waiting for an LF that may
    /// never come would give the event the arrival of a later read.
    fn skip_line_end<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match bytes {
            [b'\r', b'\n', rest @ ..] => rest,
            [b'\r'] => {
                self.after_cr = true;
                &[]
            }
            [_, rest @ ..] => rest,
            [] => &[],
        }
    }

    /// What follows a byte order mark, of which any part may have come before.
    fn skip_bom<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let ahead = &BOM[self.bom..];
        let same = ahead.iter().zip(bytes).take_while(|(bom, byte)| bom == byte).count();
        self.bom += same;
        let rest = &bytes[same..];
        if self.bom == BOM.len() {
            self.started = true;
        } else if !rest.is_empty() {
            self.started = true;
            self.line.extend_from_slice(&BOM[..self.bom]);
        }
        rest
    }
}

enum Field {
    Data,
    Event,
    Error,
    IdOrRetry,
    /// A comment, an unknown field or an empty line.
    Ignored,
}

const FIELDS: [&[u8]; 5] = [b"data", b"event", b"error", b"id", b"retry"];

/// A line's field and value; one space after the colon is not part of the value.
fn split(line: &[u8]) -> (Field, &[u8]) {
    if let Some(value) = data_value(line) {
        return (Field::Data, value);
    }
    let (name, value) = match memchr(b':', line) {
        Some(colon) => (&line[..colon], &line[colon + 1..]),
        None => (line, &line[line.len()..]),
    };
    let field = match name {
        b"data" => Field::Data,
        b"event" => Field::Event,
        b"error" => Field::Error,
        b"id" | b"retry" => Field::IdOrRetry,
        _ => Field::Ignored,
    };
    (field, value.strip_prefix(b" ").unwrap_or(value))
}

#[inline]
fn data_value(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

/// Whether a line that broke off may have been about to name a field. HTML or JSON in place of a stream is not.
fn begins_field(line: &[u8]) -> bool {
    !line.is_empty() && FIELDS.iter().any(|field| field.starts_with(line))
}

fn check_size(what: &str, size: usize) -> Result<(), FramingError> {
    if size > MAX_EVENT { Err(FramingError::over(what, MAX_EVENT)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::cutting::{check, flood, frame_at};
    use crate::record::{FailureKind, Framing::Sse};

    fn whole(body: &str, expected: &[&str]) {
        check(&[Sse], body.as_bytes(), true, expected, None);
    }

    fn truncated(body: &str, complete: bool, expected: &[&str]) {
        check(&[Sse], body.as_bytes(), complete, expected, Some(FailureKind::Truncated));
    }

    fn stamps(body: &str) -> Vec<u64> {
        let every: Vec<usize> = (0..body.len()).collect();
        let (out, _) = frame_at(&[Sse], body.as_bytes(), &every, true);
        out.iter().map(|event| event.at.0).collect()
    }

    #[test]
    fn lines_end_with_lf_cr_or_crlf() {
        whole("data: a\n\ndata: b\n\n", &["a", "b"]);
        whole("data: a\r\rdata: b\r\r", &["a", "b"]);
        whole("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        whole("data: a\n\rdata: b\r\n\ndata: c\r\r\ndata: d\n\r\n", &["a", "b", "c", "d"]);
    }

    #[test]
    fn other_line_separators_are_text() {
        whole("data: a\u{2028}b\u{2029}c\u{85}d\u{b}e\n\n", &["a\u{2028}b\u{2029}c\u{85}d\u{b}e"]);
    }

    #[test]
    fn one_space_after_the_colon_is_not_data() {
        whole("data:a\n\ndata:  b \n\ndata:\tc\n\n", &["a", " b ", "\tc"]);
    }

    #[test]
    fn data_lines_are_joined() {
        whole("data: a\ndata:\ndata\ndata: b\n\n", &["a\n\n\nb"]);
        whole("data: {\n:note\nid: 3\ndata: }\n\n", &["{\n}"]);
    }

    #[test]
    fn an_event_needs_a_data_line_but_no_data() {
        whole("data:\n\ndata\n\n", &["", ""]);
        whole("event: ping\n\nid: 1\n\nretry: 3000\n\n\n\n", &[]);
        whole("event: ping\n\ndata: a\n\n", &["a"]);
    }

    #[test]
    fn events_have_the_name_they_state_last() {
        whole("event: a\ndata: 1\n\ndata: 2\n\n", &["a|1", "2"]);
        whole("data: 1\nevent:b\n\n", &["b|1"]);
        whole("event: a\nevent: b\ndata: 1\n\nevent: a\nevent\ndata: 2\n\n", &["b|1", "2"]);
        check(&[Sse], b"event: \xff\ndata: 1\n\n", true, &["\u{fffd}|1"], None);
    }

    #[test]
    fn comments_and_unknown_fields_are_ignored_anywhere() {
        whole(": hello\n\n:\ndata: a\n: between\nfoo: bar\n data: no\nDATA: no\ndata: b\n:\n\n", &["a\nb"]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once() {
        whole("\u{feff}data: a\n\n", &["a"]);
        whole("\u{feff}\u{feff}data: a\n\n", &[]);
        whole("\n\u{feff}data: a\n\n", &[]);
        check(&[Sse], b"\xef\xbbdata: a\n\ndata: b\n\n", true, &["b"], None);
        check(&[Sse], b"\xef\xbb", true, &[], None);
    }

    #[test]
    fn an_error_field_is_an_event() {
        whole("data: a\n\nerror: {\"code\":500}\n\ndata: b\n\n", &["a", "error|{\"code\":500}", "b"]);
        whole("error: {\"code\":500}", &["error|{\"code\":500}"]);
    }

    #[test]
    fn the_last_event_may_lack_its_blank_line() {
        whole("data: [DONE]\n", &["[DONE]"]);
        whole("data: [DONE]", &["[DONE]"]);
        whole("data: {\"a\": 1}", &["{\"a\": 1}"]);
        whole("event: x\ndata: {\ndata: }\r", &["x|{\n}"]);
        whole("data: plain\n", &["plain"]);
        whole("data: {}\n: comment", &["{}"]);
        whole("data: plain\n: comment", &["plain"]);
    }

    #[test]
    fn an_event_that_broke_off_is_truncated() {
        for tail in [
            "data: {\"a\":",
            "data: {\n",
            "data: pla",
            "data:",
            "dat",
            "event: x\n",
            "event: x",
            "id: 4\n",
            "error: {",
        ] {
            truncated(&format!("data: a\n\n{tail}"), true, &["a"]);
        }
        truncated("data: {}\nevent: do", true, &[]);
        truncated("data: [DONE]\n", false, &[]);
    }

    #[test]
    fn an_end_between_events_is_no_truncation() {
        for tail in ["", "\n", ": ping", ": ping\n", "foo: bar", "\u{feff}"] {
            let body = format!("data: a\n\n{tail}");
            whole(&body, &["a"]);
            check(&[Sse], body.as_bytes(), false, &["a"], None);
        }
    }

    #[test]
    fn something_else_than_a_stream_gives_no_event() {
        whole("<html>\n<body>502</body>\n</html>\n", &[]);
        whole("{\"error\": {\"message\": \"no\"}}", &[]);
    }

    #[test]
    fn an_event_came_with_the_end_of_its_blank_line() {
        assert_eq!(stamps("data: a\n\ndata: b\n\n"), [8, 17]);
        // At the CR: the LF after it tells nothing new.
        assert_eq!(stamps("data: a\r\n\r\ndata: b\r\n\r\n"), [9, 20]);
        assert_eq!(stamps("data: a\r\rdata: b\r\r"), [8, 17]);
        assert_eq!(stamps("data: a\n: c\n\ndata: {}\n"), [12, 21]);
    }

    #[test]
    fn a_line_or_an_event_over_the_limit_is_too_large() {
        let too_large = Some(FailureKind::TooLarge);
        assert_eq!(flood(&[Sse], b"data: ", b'x', 16), too_large);
        assert_eq!(flood(&[Sse], b": ", b'x', 16), too_large);
        assert_eq!(flood(&[Sse], b"data: \n", b'\n', 20), None);
        let lines = [b"data: ".to_vec(), vec![b'x'; 1 << 20], b"\n".to_vec()].concat().repeat(17);
        check_whole(&lines, too_large);
        let line = [b"data: ".to_vec(), vec![b'x'; 16 << 20], b"\n\n".to_vec()].concat();
        check_whole(&line, too_large);
    }

    fn check_whole(body: &[u8], failure: Option<FailureKind>) {
        assert_eq!(frame_at(&[Sse], body, &[], true).1, failure);
        assert_eq!(frame_at(&[Sse], body, &[1000, 1 << 20], true).1, failure);
    }
}
