//! The elements of one top-level JSON array, as they complete. A body that is a single object is one event: that is
//! how an error is answered where an array was due.
//!
//! Only the structure is read (brackets, strings, separators); whether an element is good JSON is the plugin's to say.

use memchr::memchr2;

use super::{FramingError, MAX_EVENT};
use crate::record::EventBatch;
use crate::units::Stamp;

/// The deepest nesting of an element: far above any API's, and it bounds the stack of open brackets.
const MAX_DEPTH: usize = 1024;

/// Where in the array we are, and the element under construction.
#[derive(Debug, Default)]
pub(super) struct JsonArray {
    place: Place,
    /// The body is one object, not an array.
    single: bool,
    element: Vec<u8>,
    scan: Scan,
    /// Arrival of the element's last byte so far.
    last: Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Nothing but whitespace yet.
    #[default]
    Start,
    /// After the opening bracket.
    First,
    /// After a comma.
    Next,
    Element,
    AfterElement,
    End,
}

impl JsonArray {
    pub(super) fn read(&mut self, at: Stamp, bytes: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.place == Place::Element {
                rest = self.read_element(at, rest, out)?;
                continue;
            }
            let byte = rest[0];
            if byte.is_ascii_whitespace() {
                rest = &rest[1..];
                continue;
            }
            self.place = match (self.place, byte) {
                (Place::Start, b'[') => Place::First,
                (Place::First | Place::AfterElement, b']') => Place::End,
                (Place::AfterElement, b',') => Place::Next,
                (Place::Start, b'{') => {
                    self.single = true;
                    Place::Element
                }
                (
                    Place::First | Place::Next,
                    b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n',
                ) => Place::Element,
                (place, byte) => return Err(unexpected(place, byte)),
            };
            if self.place != Place::Element {
                rest = &rest[1..];
            }
        }
        Ok(())
    }

    /// The end completes nothing: where it comes inside an element, the array's own bracket is missing too.
    pub(super) fn finish(&mut self) -> Result<(), FramingError> {
        match self.place {
            Place::Start | Place::End => Ok(()),
            Place::Element => Err(FramingError::Truncated("the body ended inside an element".to_owned())),
            Place::First | Place::Next | Place::AfterElement => {
                Err(FramingError::Truncated("the body ended inside the JSON array".to_owned()))
            }
        }
    }

    /// Reads on in the current element and returns what follows it.
    fn read_element<'a>(
        &mut self,
        at: Stamp,
        bytes: &'a [u8],
        out: &mut EventBatch,
    ) -> Result<&'a [u8], FramingError> {
        let end = self.scan.end_of_value(bytes)?;
        let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.element.len() + piece.len() > MAX_EVENT {
            return Err(FramingError::over("an element", MAX_EVENT));
        }
        // A number ends where something else follows, and that may come in a later read than its last digit.
        if !piece.is_empty() {
            self.last = at;
        }
        if end.is_none() {
            self.element.extend_from_slice(piece);
            return Ok(rest);
        }
        if self.element.is_empty() {
            out.push(self.last, "", piece);
        } else {
            self.element.extend_from_slice(piece);
            out.push(self.last, "", &self.element);
            self.element.clear();
        }
        self.place = if self.single { Place::End } else { Place::AfterElement };
        self.scan = Scan { open: std::mem::take(&mut self.scan.open), ..Scan::default() };
        Ok(rest)
    }
}

/// Finds the end of a JSON value without recursion, any number of bytes at a time.
#[derive(Debug, Default)]
struct Scan {
    /// The closing brackets due, innermost last.
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
    /// The value is a number or a literal.
    in_scalar: bool,
}

impl Scan {
    /// How many of `bytes` belong to the value, if it ends within or before them.
    fn end_of_value(&mut self, bytes: &[u8]) -> Result<Option<usize>, FramingError> {
        let mut pos = 0;
        while pos < bytes.len() {
            if self.in_string {
                match self.skip_string(&bytes[pos..]) {
                    None => return Ok(None),
                    Some(length) => pos += length,
                }
            } else {
                match bytes[pos] {
                    b'"' if !self.in_scalar => self.in_string = true,
                    b'{' if !self.in_scalar => self.open_bracket(b'}')?,
                    b'[' if !self.in_scalar => self.open_bracket(b']')?,
                    closer @ (b'}' | b']') if !self.in_scalar => {
                        if self.open.pop() != Some(closer) {
                            return Err(FramingError::Protocol(format!(
                                "unexpected `{}` in a JSON value",
                                closer as char
                            )));
                        }
                    }
                    _ if !self.open.is_empty() => {}
                    byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') => {
                        self.in_scalar = true
                    }
                    _ => return Ok(Some(pos)),
                }
                pos += 1;
            }
            if self.open.is_empty() && !self.in_string && !self.in_scalar {
                return Ok(Some(pos));
            }
        }
        Ok(None)
    }

    /// How many bytes are left of a string, its closing quote included; `None` if it goes on.
    fn skip_string(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut pos = 0;
        loop {
            if std::mem::take(&mut self.escaped) {
                if pos == bytes.len() {
                    self.escaped = true;
                    return None;
                }
                pos += 1;
            }
            pos += memchr2(b'"', b'\\', &bytes[pos..])? + 1;
            if bytes[pos - 1] == b'"' {
                self.in_string = false;
                return Some(pos);
            }
            self.escaped = true;
        }
    }

    fn open_bracket(&mut self, closer: u8) -> Result<(), FramingError> {
        if self.open.len() == MAX_DEPTH {
            return Err(FramingError::Protocol(format!("JSON is nested more than {MAX_DEPTH} deep")));
        }
        self.open.push(closer);
        Ok(())
    }
}

fn unexpected(place: Place, byte: u8) -> FramingError {
    let expected = match place {
        Place::Start => "a JSON array",
        Place::First => "an element or the array's end",
        Place::Next | Place::Element => "an element",
        Place::AfterElement => "a comma or the array's end",
        Place::End => "nothing after the JSON value",
    };
    FramingError::Protocol(format!("expected {expected}, got `{}`", byte.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::super::cutting::{check, flood, frame_at};
    use super::MAX_DEPTH;
    use crate::record::{FailureKind, Framing::JsonArray};

    fn whole(body: &str, expected: &[&str]) {
        check(&[JsonArray], body.as_bytes(), true, expected, None);
    }

    fn fails(body: &str, expected: &[&str], failure: FailureKind) {
        check(&[JsonArray], body.as_bytes(), true, expected, Some(failure));
    }

    #[test]
    fn elements_are_events() {
        whole("[{\"a\": 1},{\"b\": [2, {}]}]", &["{\"a\": 1}", "{\"b\": [2, {}]}"]);
        whole(" \r\n[ {}\n,\r\n{}\n]\n", &["{}", "{}"]);
        whole("[[1, [2]], \"s\", -1.5e+3 ,true, null]", &["[1, [2]]", "\"s\"", "-1.5e+3", "true", "null"]);
        whole("[]", &[]);
        whole("", &[]);
        whole(" \n", &[]);
    }

    #[test]
    fn strings_hide_brackets_and_quotes() {
        let element = r#"{"a": "]},{ \" \\", "\\": "\\\"[", "é": "日"}"#;
        whole(&format!("[{element},\"\\\"\"]"), &[element, "\"\\\"\""]);
    }

    #[test]
    fn a_single_object_is_one_event() {
        whole("\n{\"error\": {\"code\": 429}}\n", &["{\"error\": {\"code\": 429}}"]);
        fails("{} {}", &["{}"], FailureKind::Protocol);
    }

    #[test]
    fn what_is_no_array_breaks_the_protocol() {
        for body in ["<html>", "data: {}", "1", "\"a\"", "]", ",", "[,", "[}", "[<"] {
            fails(body, &[], FailureKind::Protocol);
        }
        for body in ["[{},]", "[{},,", "[{} {}]", "[{}}", "[{}] x", "[{}][", "[{}:"] {
            fails(body, &["{}"], FailureKind::Protocol);
        }
        fails("[{]", &[], FailureKind::Protocol);
        fails("[12\"x\"]", &["12"], FailureKind::Protocol);
    }

    #[test]
    fn an_array_that_broke_off_is_truncated() {
        for body in ["[", "[{\"a\": 1", "[\"a\\", "[12", "{\"a\": {}"] {
            fails(body, &[], FailureKind::Truncated);
        }
        for body in ["[{}", "[{},", "[{}, {", "[{}, 1"] {
            fails(body, &["{}"], FailureKind::Truncated);
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let body = |depth| format!("[{}]", nested(depth));
        let run = |depth| frame_at(&[JsonArray], body(depth).as_bytes(), &[7], true).1;
        assert_eq!(run(MAX_DEPTH), None);
        assert_eq!(run(MAX_DEPTH + 1), Some(FailureKind::Protocol));
    }

    #[test]
    fn an_element_came_with_its_last_byte() {
        let body = b"[{}, 12 ,\"a\"]";
        let every: Vec<usize> = (0..body.len()).collect();
        let (out, _) = frame_at(&[JsonArray], body, &every, true);
        assert_eq!(out.iter().map(|event| event.at.0).collect::<Vec<_>>(), [2, 6, 11]);
    }

    #[test]
    fn an_element_over_the_limit_is_too_large() {
        assert_eq!(flood(&[JsonArray], b"[\"", b'x', 16), Some(FailureKind::TooLarge));
        assert_eq!(flood(&[JsonArray], b"[{}", b' ', 20), Some(FailureKind::Truncated));
    }
}
