//! Which framing an answer really has. What was asked for is a wish and a content type is a claim; servers and the gateways
//! before them get both wrong. The first bytes decide where they are plain to read, else the claim, else the wish.
//!
//! What is held back meanwhile is bounded, and is read later as the same reads with the same arrivals: no event's time
//! changes by it. What is decided depends on the bytes alone, not on how the network cut them.

use super::{BOM, Framing};
use crate::units::Stamp;

/// After this number of bytes without a decision the claim or the wish holds: far above the first line of any stream.
const MAX_HELD: usize = 64 << 10;

/// The fields that an event stream may begin with; a comment has no name.
const SSE_FIELDS: [&[u8]; 6] = [b"data:", b"event:", b"id:", b"retry:", b"error:", b":"];

/// The framing that a `content-type` header names, parameters ignored. `None` where the type does not tell, as with
/// `text/plain`. JSON is one value: that it may be an array which is streamed is known to those who ask for one.
pub fn framing_of(content_type: &str) -> Option<Framing> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is = |names: &[&str]| names.iter().any(|name| essence.eq_ignore_ascii_case(name));
    if is(&["text/event-stream"]) {
        Some(Framing::Sse)
    } else if is(&["application/vnd.amazon.eventstream"]) {
        Some(Framing::AwsEventStream)
    } else if is(&[
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/json-lines",
        "application/stream+json",
    ]) {
        Some(Framing::Ndjson)
    } else if is(&["application/json", "text/json"]) {
        Some(Framing::Body)
    } else {
        None
    }
}

/// The start of a body, held until its framing is known.
#[derive(Debug)]
pub(super) struct Start {
    asked: Framing,
    claimed: Option<Framing>,
    /// What an array is: cut into its elements, or one answer.
    array: Framing,
    held: Vec<u8>,
    /// Where each read held ends, and its arrival.
    reads: Vec<(usize, Stamp)>,
    /// Where the text begins, behind a byte order mark and blanks.
    text: Option<usize>,
    /// Where a first line ends that is a value of its own.
    line: Option<usize>,
    /// Number of bytes that were searched without a find.
    searched: usize,
}

impl Start {
    /// A body asked for as `asked`, which its head claims to be `claimed`; an array in it is read as `array`.
    pub(super) fn new(asked: Framing, claimed: Option<Framing>, array: Framing) -> Start {
        let (held, reads) = (Vec::new(), Vec::new());
        Start { asked, claimed, array, held, reads, text: None, line: None, searched: 0 }
    }

    /// Takes the next read; the body's framing, once it is known.
    pub(super) fn read(&mut self, at: Stamp, bytes: &[u8]) -> Option<Framing> {
        self.held.extend_from_slice(bytes);
        match self.reads.last_mut() {
            Some((end, last)) if *last == at => *end = self.held.len(),
            _ => self.reads.push((self.held.len(), at)),
        }
        self.look().or_else(|| (self.held.len() >= MAX_HELD).then(|| self.undecided()))
    }

    /// The framing of a body that ended before it was known.
    pub(super) fn end(&self) -> Framing {
        self.undecided()
    }

    /// The reads held, in order.
    pub(super) fn reads(&self) -> impl Iterator<Item = (Stamp, &[u8])> {
        let starts = std::iter::once(0).chain(self.reads.iter().map(|(end, _)| *end));
        starts.zip(&self.reads).map(|(start, &(end, at))| (at, &self.held[start..end]))
    }

    /// What may be looked at. A decision that depended on more would depend on the size of the last read.
    fn visible(&self) -> &[u8] {
        &self.held[..self.held.len().min(MAX_HELD)]
    }

    fn fallback(&self) -> Framing {
        self.claimed.unwrap_or(self.asked)
    }

    /// What the bytes held tell; `None` while more could change it.
    fn look(&mut self) -> Option<Framing> {
        if self.text.is_none() {
            self.text = Some(self.find(|byte| !byte.is_ascii_whitespace() && !BOM.contains(byte))?);
        }
        let text = &self.visible()[self.text?..];
        match text[0] {
            // The length of an eventstream message; no text begins so.
            0 if self.asked == Framing::AwsEventStream => Some(Framing::AwsEventStream),
            b'[' if self.fallback() == Framing::JsonArray => Some(Framing::JsonArray),
            // Lines may be arrays, too, where lines were promised.
            b'[' if self.claimed == Some(Framing::Ndjson) => self.look_at_lines(self.array),
            b'[' => Some(self.array),
            b'{' => self.look_at_lines(self.object()),
            _ if SSE_FIELDS.iter().any(|field| text.starts_with(field)) => Some(Framing::Sse),
            _ if SSE_FIELDS.iter().any(|field| field.starts_with(text)) => None,
            _ => Some(self.fallback()),
        }
    }

    /// A line that is a value of its own, and another value after it: lines. A line that only begins one: `single`.
    fn look_at_lines(&mut self, single: Framing) -> Option<Framing> {
        let text = self.text?;
        if self.line.is_none() {
            let end = self.find(|byte| *byte == b'\n')?;
            match judge(&self.held[text..end]) {
                Line::Begins => return Some(single),
                Line::Broken => return Some(self.undecided()),
                Line::Whole => self.line = Some(end),
            }
        }
        let next = self.find(|byte| !byte.is_ascii_whitespace())?;
        Some(if matches!(self.held[next], b'{' | b'[') { Framing::Ndjson } else { self.undecided() })
    }

    /// The first byte of the kind, from where the search before stopped.
    fn find(&mut self, wanted: impl Fn(&u8) -> bool) -> Option<usize> {
        let found = self.visible()[self.searched..].iter().position(wanted);
        self.searched = found.map_or(self.visible().len(), |at| self.searched + at);
        found.map(|_| self.searched)
    }

    /// What one object is: an answer as a whole, where no array was due.
    fn object(&self) -> Framing {
        match self.fallback() {
            Framing::JsonArray => Framing::JsonArray,
            _ => Framing::Body,
        }
    }

    /// What the body is where the bytes do not tell of more than one value.
    fn undecided(&self) -> Framing {
        let text = self.text.map_or(&[][..], |text| &self.visible()[text..]);
        let lines = self.fallback() == Framing::Ndjson;
        match text.first() {
            // The first line of several, or a part of it, where only its being whole could say that it is all.
            Some(b'{') if lines && (self.claimed.is_some() || !matches!(judge(text), Line::Whole)) => {
                Framing::Ndjson
            }
            Some(b'[') if lines && matches!(judge(text), Line::Broken) => Framing::Ndjson,
            Some(b'[') => self.array,
            Some(b'{') => self.object(),
            _ => self.fallback(),
        }
    }
}

/// What a line of JSON is by itself.
enum Line {
    /// A value.
    Whole,
    /// The start of one.
    Begins,
    Broken,
}

fn judge(line: &[u8]) -> Line {
    match serde_json::from_slice::<serde::de::IgnoredAny>(line) {
        Ok(_) => Line::Whole,
        Err(error) if error.is_eof() => Line::Begins,
        Err(_) => Line::Broken,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Framer;
    use super::super::cutting::frame_by;
    use super::*;
    use crate::record::Framing::{AwsEventStream, Body, JsonArray, Ndjson, Sse};

    #[test]
    fn content_types_name_their_framing() {
        let check = |content_type: &str, expected: Option<Framing>| {
            assert_eq!(framing_of(content_type), expected, "{content_type}");
        };
        check("text/event-stream", Some(Framing::Sse));
        check("Text/Event-Stream ; charset=utf-8", Some(Framing::Sse));
        check("application/x-ndjson", Some(Framing::Ndjson));
        check("application/jsonl; charset=utf-8", Some(Framing::Ndjson));
        check("application/json-lines", Some(Framing::Ndjson));
        check("application/vnd.amazon.eventstream", Some(Framing::AwsEventStream));
        check("application/jsonlines", Some(Framing::Ndjson));
        check("application/json; charset=utf-8", Some(Framing::Body));
        check("text/html", None);
        check("", None);
    }

    const WHOLE: &str = r#"{"a":1}"#;

    /// What a body is taken for, in one piece and byte by byte.
    fn check(asked: Framing, claimed: Option<Framing>, body: &str, expected: Framing) {
        let array = if asked == Ndjson || asked == Sse { JsonArray } else { asked };
        for step in [1, body.len().max(1)] {
            let mut start = Start::new(asked, claimed, array);
            let reads = body.as_bytes().chunks(step).zip(0..);
            let found = reads.into_iter().find_map(|(read, at)| start.read(Stamp(at), read));
            assert_eq!(found.unwrap_or_else(|| start.end()), expected, "{asked:?} {claimed:?} {body:?}");
        }
    }

    #[test]
    fn an_honest_stream_is_what_it_was_asked_to_be() {
        check(Sse, Some(Sse), "data: {}\n\n", Sse);
        check(Sse, Some(Sse), ": ping\n\n", Sse);
        check(Sse, Some(Sse), "foo: bar\n\ndata: {}\n\n", Sse);
        check(Sse, None, "", Sse);
        check(Sse, None, " \n", Sse);
        check(Sse, Some(Body), "", Body);
        check(Ndjson, Some(Ndjson), "{\"a\":1}\n{\"b\":2}\n", Ndjson);
        check(Ndjson, Some(Ndjson), "[1]\n[2]\n", Ndjson);
        check(Ndjson, Some(Ndjson), WHOLE, Ndjson);
        check(Ndjson, Some(Ndjson), "{\"a\":", Ndjson);
        check(Ndjson, Some(Ndjson), "{not json\n{}\n", Ndjson);
        check(Ndjson, None, "{\"a\":", Ndjson);
        check(JsonArray, None, "[{\"a\":1},\n{}]", JsonArray);
        check(JsonArray, Some(Body), "[{}]", JsonArray);
        check(JsonArray, None, "{\"error\":\n1}", JsonArray);
        check(Body, Some(Body), "[{}]", Body);
        check(Body, Some(Body), "{\n \"a\": 1\n}\n", Body);
        check(AwsEventStream, None, "\0\0\0\u{10}", AwsEventStream);
        check(AwsEventStream, Some(AwsEventStream), "<html>", AwsEventStream);
    }

    #[test]
    fn what_came_instead_is_known_by_its_first_bytes() {
        for claimed in [None, Some(Body), Some(Sse), Some(Ndjson)] {
            check(Ndjson, claimed, "data: {}\n\n", Sse);
            check(Body, claimed, "\u{feff}event: a\n", Sse);
            check(Sse, claimed, "\n[{\"a\":1}\n,", JsonArray);
            check(Sse, claimed, "{\"a\":1}\r\n\r\n{\"b\":2}", Ndjson);
            check(Body, claimed, "{\"a\":1}\n{\"b\":", Ndjson);
            check(Sse, claimed, "{\n  \"a\": 1\n}", Body);
            check(Ndjson, claimed, "{\n  \"a\": 1\n}", Body);
        }
        for claimed in [None, Some(Body), Some(Sse)] {
            check(Sse, claimed, WHOLE, Body);
            check(Sse, claimed, "{\"a\":", Body);
            check(AwsEventStream, claimed, "\0\0\0\u{10}", AwsEventStream);
        }
        check(Ndjson, None, WHOLE, Body);
        check(Ndjson, Some(Body), WHOLE, Body);
        check(AwsEventStream, Some(Body), "{}", Body);
        check(Sse, Some(Body), "plain words", Body);
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        let check = |fill: u8, first: &[u8], expected| {
            let mut start = Start::new(Sse, None, JsonArray);
            let body = [first, &vec![fill; MAX_HELD], b"\n{}"].concat();
            let found = body.chunks(1000).find_map(|read| start.read(Stamp(0), read));
            assert_eq!((found, start.held.len() <= MAX_HELD + 1000), (Some(expected), true));
            assert_eq!(Start::new(Sse, None, JsonArray).read(Stamp(0), &body), Some(expected));
        };
        check(b' ', b"", Sse);
        check(b'a', b"{\"a\":\"", Body);
        check(b'\n', b"{}", Body);
    }

    proptest! {
        #[test]
        fn any_cutting_of_any_answer_gives_the_events_of_the_whole(
            pieces in proptest::collection::vec(proptest::sample::select(vec![
                "{\"a\":1}", "{\"b\":", "[", "]", "{", "}", ",", "\n", "\r\n", " ", "data: ", "data:{}\n\n", ": p\n",
                "event: x\n", "\"s\"", "\u{feff}", "\0\0\0\u{10}", "words",
            ]), 0..12),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
            asked in proptest::sample::select(vec![
                &[Sse][..], &[Ndjson], &[JsonArray], &[Body], &[AwsEventStream], &[AwsEventStream, Sse],
            ]),
            claimed in proptest::sample::select(vec![None, Some(Sse), Some(Ndjson), Some(Body), Some(AwsEventStream)]),
            complete: bool,
        ) {
            let body = pieces.concat().into_bytes();
            let framer = || Framer::of_answer(asked, claimed, None);
            let every: Vec<usize> = (0..body.len()).collect();
            let whole = frame_by(framer(), &body, &[], complete);
            prop_assert_eq!(&frame_by(framer(), &body, &cuts, complete), &whole);
            prop_assert_eq!(&frame_by(framer(), &body, &every, complete), &whole);
        }
    }
}
