//! The headers of an eventstream message: `(name length u8 | name | type u8 | value)*`, numbers big-endian.

use super::FramingError;

/// The headers that say what a message is; empty where it does not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Headers<'a> {
    pub(super) message_type: &'a str,
    pub(super) event_type: &'a str,
    pub(super) exception_type: &'a str,
    pub(super) error_code: &'a str,
    pub(super) error_message: &'a str,
}

impl<'a> Headers<'a> {
    /// # Errors
    /// The headers do not fill `bytes` exactly, or one that matters is not a string.
    pub(super) fn parse(mut bytes: &'a [u8]) -> Result<Headers<'a>, FramingError> {
        let mut headers = Headers::default();
        while !bytes.is_empty() {
            let (name, value) = take_header(&mut bytes)?;
            let slot = match name {
                b":message-type" => &mut headers.message_type,
                b":event-type" => &mut headers.event_type,
                b":exception-type" => &mut headers.exception_type,
                b":error-code" => &mut headers.error_code,
                b":error-message" => &mut headers.error_message,
                _ => continue,
            };
            *slot = value
                .and_then(|value| std::str::from_utf8(value).ok())
                .ok_or_else(|| broken(format!("header {} is not text", name.escape_ascii())))?;
        }
        Ok(headers)
    }
}

/// Takes the next header: its name, and its value where that is a string.
fn take_header<'a>(bytes: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), FramingError> {
    let name_length = take(bytes, 1)?[0] as usize;
    let name = take(bytes, name_length)?;
    let kind = take(bytes, 1)?[0];
    let length = match kind {
        // true, false
        0 | 1 => 0,
        // byte, short, integer, long
        2 => 1,
        3 => 2,
        4 => 4,
        5 => 8,
        // byte array, string
        6 | 7 => {
            let length = take(bytes, 2)?;
            usize::from(u16::from_be_bytes([length[0], length[1]]))
        }
        // timestamp, UUID
        8 => 8,
        9 => 16,
        _ => {
            return Err(broken(format!("header {} has the unknown type {kind}", name.escape_ascii())));
        }
    };
    let value = take(bytes, length)?;
    Ok((name, (kind == 7).then_some(value)))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], FramingError> {
    bytes.split_off(..length).ok_or_else(|| broken("a header runs over the end of the headers".to_owned()))
}

fn broken(what: String) -> FramingError {
    FramingError::Protocol(format!("broken message: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_type(value: &str) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [b"\x0b:event-type\x07", &length[..], value.as_bytes()].concat()
    }

    #[test]
    fn values_of_every_type_are_skipped() {
        let check = |kind: u8, value: &[u8]| {
            let bytes = [&[1, b'x', kind], value, &event_type("after")].concat();
            let expected = Headers { event_type: "after", ..Headers::default() };
            assert_eq!(Headers::parse(&bytes), Ok(expected), "type {kind}");
        };
        check(0, &[]);
        check(1, &[]);
        check(2, &[0xff]);
        check(3, &[0xff; 2]);
        check(4, &[0xff; 4]);
        check(5, &[0xff; 8]);
        check(6, &[0, 3, 0xff, 0xff, 0xff]);
        check(7, &[0, 3, 0xff, 0xff, 0xff]);
        check(8, &[0xff; 8]);
        check(9, &[0xff; 16]);
    }

    #[test]
    fn no_header_means_nothing_is_said() {
        assert_eq!(Headers::parse(b""), Ok(Headers::default()));
    }

    #[test]
    fn broken_headers_break_the_protocol() {
        let check = |bytes: &[u8]| {
            let result = Headers::parse(bytes);
            assert!(matches!(result, Err(FramingError::Protocol(_))), "{bytes:?}: {result:?}");
        };
        check(&[1, b'x', 10]);
        check(&[5, b'x']);
        check(&[1, b'x']);
        check(&[1, b'x', 7, 0, 9, b'y']);
        check(&[1, b'x', 7, 0]);
        check(&[1, b'x', 9, 0]);
        check(b"\x0b:event-type\x07\x00\x01\xff");
        check(b"\x0b:event-type\x01");
    }
}
