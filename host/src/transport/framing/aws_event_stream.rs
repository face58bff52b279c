//! `application/vnd.amazon.eventstream`: binary messages with headers, a payload and two checksums.
//!
//! ```text
//! total length u32 | headers length u32 | CRC-32 of these 8 bytes
//! headers: (name length u8 | name | type u8 | value)*
//! payload | CRC-32 of everything before
//! ```
//! All numbers are big-endian. Payloads are handed on as they are; what is base64 or padding in them is the plugin's
//! business.

use super::aws_headers::Headers;
use super::{FramingError, MAX_EVENT};
use crate::record::EventBatch;
use crate::units::Stamp;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// The most bytes of headers in one message; the limit of the AWS SDKs.
const MAX_HEADERS: usize = 128 << 10;

/// Keeps the message whose end has not arrived.
#[derive(Debug, Default)]
pub(super) struct AwsEventStream {
    message: Vec<u8>,
}

impl AwsEventStream {
    pub(super) fn read(&mut self, at: Stamp, bytes: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        let mut rest = bytes;
        while !self.message.is_empty() {
            let wanted = message_length(&self.message)?.unwrap_or(PRELUDE);
            let missing = wanted - self.message.len();
            let (piece, after) = rest.split_at(missing.min(rest.len()));
            // Grows with what arrives, not by what a length field promises.
            self.message.extend_from_slice(piece);
            rest = after;
            if piece.len() < missing {
                break;
            }
            if message_length(&self.message)? == Some(self.message.len()) {
                push_message(at, &self.message, out)?;
                self.message.clear();
            }
        }
        while let Some(length) = message_length(rest)? {
            let Some((message, after)) = rest.split_at_checked(length) else {
                break;
            };
            push_message(at, message, out)?;
            rest = after;
        }
        self.message.extend_from_slice(rest);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), FramingError> {
        if self.message.is_empty() {
            return Ok(());
        }
        let got = self.message.len();
        Err(FramingError::Truncated(match message_length(&self.message)? {
            Some(length) => format!("the body ended inside a message, {got} of {length} bytes in"),
            None => format!("the body ended inside a message, {got} bytes in"),
        }))
    }
}

/// The length of the message at the head of `bytes`; `None` before its prelude is complete. The prelude's checksum is
/// checked first: no length is believed before.
fn message_length(bytes: &[u8]) -> Result<Option<usize>, FramingError> {
    let Some(prelude) = bytes.first_chunk::<PRELUDE>() else {
        return Ok(None);
    };
    check_crc(&prelude[..8], be_u32(&prelude[8..]), "prelude")?;
    let (total, headers) = (be_u32(prelude) as usize, be_u32(&prelude[4..]) as usize);
    if headers > MAX_HEADERS {
        return Err(FramingError::TooLarge(format!(
            "message headers are larger than {} KiB",
            MAX_HEADERS >> 10
        )));
    }
    let Some(payload) = total.checked_sub(PRELUDE + headers + CHECKSUM) else {
        return Err(FramingError::Protocol(format!(
            "a message of {total} bytes with {headers} bytes of headers"
        )));
    };
    if payload > MAX_EVENT {
        return Err(FramingError::over("a message", MAX_EVENT));
    }
    Ok(Some(total))
}

/// Takes a whole message apart, whose prelude is known to be good.
fn push_message(at: Stamp, message: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
    let (checked, crc) = message.split_at(message.len() - CHECKSUM);
    check_crc(checked, be_u32(crc), "message")?;
    let (headers, payload) = checked[PRELUDE..].split_at(be_u32(&message[4..]) as usize);
    let headers = Headers::parse(headers)?;
    match headers.message_type {
        "exception" => out.push(at, headers.exception_type, payload),
        "error" if payload.is_empty() => {
            let data = serde_json::json!({ "message": headers.error_message }).to_string();
            out.push(at, headers.error_code, data.as_bytes());
        }
        "error" => out.push(at, headers.error_code, payload),
        _ => out.push(at, headers.event_type, payload),
    }
    Ok(())
}

fn check_crc(bytes: &[u8], expected: u32, what: &str) -> Result<(), FramingError> {
    if crc32fast::hash(bytes) == expected {
        Ok(())
    } else {
        Err(FramingError::Protocol(format!(
            "the {what} checksum does not match: the eventstream is corrupt, or is none"
        )))
    }
}

/// The first four bytes as a big-endian number. The caller knows that they are there.
fn be_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::Framer;
    use super::super::cutting::{check, flood, frame, frame_at, frame_by};
    use super::{MAX_EVENT, MAX_HEADERS};
    use crate::record::Framing::{self, AwsEventStream, Body, JsonArray, Ndjson, Sse};
    use crate::record::{EventBatch, FailureKind};
    use crate::units::Stamp;
    use proptest::prelude::*;

    const PLAIN: &[Framing] = &[AwsEventStream];

    fn string_header(name: &str, value: &str) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[name.len() as u8], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
    }

    fn prelude(total: usize, headers: usize) -> Vec<u8> {
        let lengths = [(total as u32).to_be_bytes(), (headers as u32).to_be_bytes()].concat();
        [&lengths[..], &crc32fast::hash(&lengths).to_be_bytes()].concat()
    }

    fn raw_message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let head = prelude(16 + headers.len() + payload.len(), headers.len());
        let body = [&head[..], headers, payload].concat();
        [&body[..], &crc32fast::hash(&body).to_be_bytes()].concat()
    }

    fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
        let headers: Vec<u8> = headers.iter().flat_map(|(name, value)| string_header(name, value)).collect();
        raw_message(&headers, payload.as_bytes())
    }

    fn event(name: &str, payload: &str) -> Vec<u8> {
        message(
            &[(":event-type", name), (":content-type", "application/json"), (":message-type", "event")],
            payload,
        )
    }

    fn exception(name: &str, payload: &str) -> Vec<u8> {
        message(&[(":exception-type", name), (":message-type", "exception")], payload)
    }

    fn parts(pieces: &[&str]) -> Vec<u8> {
        pieces.iter().flat_map(|piece| event("PayloadPart", piece)).collect()
    }

    #[test]
    fn messages_are_events_named_by_their_headers() {
        let body = [
            event("messageStart", "{\"role\":1}"),
            event("chunk", ""),
            exception("throttlingException", "{}"),
        ];
        check(
            PLAIN,
            &body.concat(),
            true,
            &["messageStart|{\"role\":1}", "chunk|", "throttlingException|{}"],
            None,
        );
        check(PLAIN, &message(&[], "x"), true, &["x"], None);
        check(PLAIN, b"", true, &[], None);
    }

    #[test]
    fn an_error_without_payload_has_its_message_as_one() {
        let headers = [
            (":message-type", "error"),
            (":error-code", "InternalFailure"),
            (":error-message", "it \"broke\""),
        ];
        check(
            PLAIN,
            &message(&headers, ""),
            true,
            &["InternalFailure|{\"message\":\"it \\\"broke\\\"\"}"],
            None,
        );
        check(PLAIN, &message(&headers, "{}"), true, &["InternalFailure|{}"], None);
    }

    #[test]
    fn broken_headers_break_the_protocol() {
        let body = [event("a", "1"), raw_message(&[1, b'x', 10], b"")].concat();
        check(PLAIN, &body, true, &["a|1"], Some(FailureKind::Protocol));
    }

    #[test]
    fn a_flipped_bit_breaks_the_protocol_or_the_end() {
        let first = event("a", "1");
        let good = [first.clone(), event("b", "{\"text\": \"hi\"}")].concat();
        for at in first.len()..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            check(PLAIN, &bad, true, &["a|1"], Some(FailureKind::Protocol));
        }
        check(PLAIN, b"<html><body>502</body></html>", true, &[], Some(FailureKind::Protocol));
    }

    #[test]
    fn a_message_that_broke_off_is_truncated() {
        let message = event("a", "1");
        for end in 1..message.len() {
            let body = [&message[..], &message[..end]].concat();
            assert_eq!(
                frame(PLAIN, &body, &[20], true),
                (vec![("a".to_owned(), b"1".to_vec())], Some(FailureKind::Truncated)),
            );
        }
    }

    #[test]
    fn lengths_are_checked_before_anything_is_kept() {
        let check = |total, headers, expected| {
            assert_eq!(flood(PLAIN, &prelude(total, headers), 0, 0), expected, "{total} {headers}");
        };
        check(15, 0, Some(FailureKind::Protocol));
        check(0, 0, Some(FailureKind::Protocol));
        check(20, 5, Some(FailureKind::Protocol));
        check(16 + MAX_EVENT, 0, Some(FailureKind::Truncated));
        check(17 + MAX_EVENT, 0, Some(FailureKind::TooLarge));
        check(u32::MAX as usize, 0, Some(FailureKind::TooLarge));
        check(1 << 20, MAX_HEADERS + 1, Some(FailureKind::TooLarge));
        check(1 << 20, u32::MAX as usize, Some(FailureKind::TooLarge));
    }

    #[test]
    fn payload_parts_are_joined_for_the_inner_framing() {
        let body = parts(&["data: {\"a\": \"\u{e9}", "\u{e8}\"}\n", "\ndata: b\n\nda", "ta: c\n\n"]);
        check(&[AwsEventStream, Sse], &body, true, &["{\"a\": \"\u{e9}\u{e8}\"}", "b", "c"], None);
        let array = parts(&["[{\"a\"", ": 1}\n", "]"]);
        check(&[AwsEventStream, JsonArray], &array, true, &["{\"a\": 1}"], None);
        check(&[AwsEventStream, Body], &array, true, &["[{\"a\": 1}\n]"], None);
    }

    #[test]
    fn what_is_inside_is_read_as_what_it_is() {
        let check = |claimed: Option<Framing>, pieces: &[&str], expected: &[&str]| {
            let body = parts(pieces);
            let every: Vec<usize> = (0..body.len()).collect();
            let expected: Vec<_> =
                expected.iter().map(|data| (String::new(), data.as_bytes().to_vec())).collect();
            for cuts in [&[][..], &every] {
                let framer = Framer::of_answer(&[AwsEventStream, Sse], Some(AwsEventStream), claimed);
                assert_eq!(frame_by(framer, &body, cuts, true), (expected.clone(), None), "{pieces:?}");
            }
        };
        for claimed in [None, Some(Sse), Some(Ndjson), Some(Body)] {
            check(claimed, &["data: a\n", "\nda", "ta: b\n\n"], &["a", "b"]);
            check(claimed, &["[{\"a\"", ": 1}\n", "]"], &["[{\"a\": 1}\n]"]);
            check(claimed, &["{\"a\":1}\n{\"b\"", ":2}\n"], &["{\"a\":1}", "{\"b\":2}"]);
            check(claimed, &["{\n\"a\":", "1}"], &["{\n\"a\":1}"]);
        }
    }

    #[test]
    fn messages_are_counted_and_not_what_they_hold() {
        let check = |body: &[u8], events: u64, whole: bool| {
            let mut framer = Framer::of_answer(&[AwsEventStream, Sse], None, None);
            let mut out = EventBatch::default();
            framer.read(Stamp(1), body, &mut out).and_then(|()| framer.finish(true, &mut out)).unwrap();
            assert_eq!(
                (framer.events(), framer.came_whole()),
                (events, whole),
                "{}",
                String::from_utf8_lossy(body)
            );
        };
        check(&parts(&["data: a\n\ndata: b\n\n", "data: c\n\n"]), 2, false);
        check(&[parts(&["[1", "]"]), exception("e", "{}")].concat(), 3, false);
        check(b"[{\"a\": 1}]", 1, true);
        check(b"data: a\n\ndata: b\n\n", 2, false);
        check(b"{}", 1, true);
    }

    #[test]
    fn exceptions_pass_through_the_inner_framing() {
        let framing = &[AwsEventStream, Sse];
        let mut body = parts(&["data: a\n\n"]);
        body.extend(exception("ModelStreamError", "{\"Message\":1}"));
        check(framing, &body, true, &["a", "ModelStreamError|{\"Message\":1}"], None);
        body.extend(parts(&["data: b\n\n", "data: {"]));
        let events = ["a", "ModelStreamError|{\"Message\":1}", "b"];
        check(framing, &body, true, &events, Some(FailureKind::Truncated));
    }

    #[test]
    fn nothing_follows_an_inner_failure_in_whatever_read_it_came() {
        let body =
            [parts(&["[{}", " oops"]), exception("ModelStreamError", "{}"), parts(&[", {}]"])].concat();
        check(&[AwsEventStream, JsonArray], &body, true, &["{}"], Some(FailureKind::Protocol));
    }

    #[test]
    fn an_inner_event_comes_with_the_message_that_completes_it() {
        let messages =
            [parts(&["data: a\n\nda"]), parts(&["ta: b\n\ndata: c\n\n"]), parts(&["data: [DONE]\n"])];
        let ends: Vec<u64> = messages
            .iter()
            .scan(0, |end, message| {
                *end += message.len() as u64;
                Some(*end - 1)
            })
            .collect();
        let body = messages.concat();
        let every: Vec<usize> = (0..body.len()).collect();
        let (out, failure) = frame_at(&[AwsEventStream, Sse], &body, &every, true);
        assert_eq!(failure, None);
        assert_eq!(
            out.iter().map(|event| event.at.0).collect::<Vec<_>>(),
            [ends[0], ends[1], ends[1], ends[2]]
        );
    }

    #[test]
    fn a_lost_outer_message_ends_the_inner_framing_too() {
        let mut body = parts(&["data: a\n\ndata: [DONE]\n", "\n"]);
        body.pop();
        check(&[AwsEventStream, Sse], &body, true, &["a"], Some(FailureKind::Truncated));
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_messages_of_the_whole(
            payloads in proptest::collection::vec("(data: [a-z]{0,9}|\n|\r|\\{|[a-z]){0,5}", 0..6),
            exceptions in proptest::collection::vec(any::<bool>(), 6),
            flip in proptest::option::of((any::<usize>(), any::<u8>())),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
            complete: bool,
        ) {
            let mut body: Vec<u8> = payloads.iter().zip(exceptions).flat_map(|(payload, exceptional)| {
                if exceptional { exception("e", payload) } else { event("PayloadPart", payload) }
            }).collect();
            if let Some((at, byte)) = flip && !body.is_empty() {
                let at = at % body.len();
                body[at] = byte;
            }
            for framing in [PLAIN, &[AwsEventStream, Sse], &[AwsEventStream, Body], &[AwsEventStream, JsonArray]] {
                let every: Vec<usize> = (0..body.len()).collect();
                let whole = frame(framing, &body, &[], complete);
                prop_assert_eq!(&frame(framing, &body, &cuts, complete), &whole, "{:?}", framing);
                prop_assert_eq!(&frame(framing, &body, &every, complete), &whole, "{:?}", framing);
            }
        }
    }
}
