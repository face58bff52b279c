//! Cuts response bodies into events. Pure: bytes and arrivals in, events out; no I/O and no clock, so that the
//! same bytes give the same events however the network cut them.
//!
//! An event's time is the arrival of the read that held its last byte, and never that of a later one.
//! Everything kept between two reads is bounded by [`MAX_EVENT`] or [`MAX_BODY`], whatever a server sends.

mod aws_event_stream;
mod aws_headers;
mod body;
#[cfg(test)]
mod cutting;
mod json_array;
mod ndjson;
mod sniff;
mod sse;

use std::fmt;

pub use sniff::framing_of;

use crate::record::{EventBatch, FailureKind, Framing};
use crate::units::Stamp;

use aws_event_stream::AwsEventStream;
use body::Body;
use json_array::JsonArray;
use ndjson::Ndjson;
use sniff::Start;
use sse::Sse;

/// The largest event, or line of one, in bytes: far above any event that carries tokens (images and audio come as
/// base64 in a few MiB), and small enough that a hostile server cannot exhaust the host with one endless line.
pub const MAX_EVENT: usize = 16 << 20;

/// The largest body that is taken as one event, in bytes: a batch of embeddings can be tens of MiB of JSON.
pub const MAX_BODY: usize = 64 << 20;

/// A byte order mark, which a text may begin with.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// The eventstream message that carries a piece of the model's own response (SageMaker).
const PAYLOAD_PART: &str = "PayloadPart";

/// Cuts one response body into events.
#[derive(Debug)]
pub struct Framer {
    outer: Layer,
    inner: Option<Box<Inner>>,
    /// What an eventstream holds, should the body turn out to be one.
    wrapped: Option<Wrapped>,
    /// Nobody asked for an array.
    unasked_array: bool,
    events: u64,
    /// Where the bytes broke the rules there is no way back in: what was said then is said again.
    failure: Option<FramingError>,
}

#[derive(Debug, Clone, Copy)]
struct Wrapped {
    asked: Framing,
    claimed: Option<Framing>,
}

impl Framer {
    /// A framer for a new body. `framing` is nested from the outside in; empty means [`Framing::Body`].
    pub fn new(framing: &[Framing]) -> Framer {
        let (&outer, inner) = framing.split_first().unwrap_or((&Framing::Body, &[]));
        let inner = (!inner.is_empty()).then(|| Inner::new(Framer::new(inner)));
        Framer::of(Layer::new(outer), inner)
    }

    /// A framer for a body that may be something else than was asked for. Its head claims it to be `claimed`, and what an
    /// eventstream holds to be `claimed_inside`; neither is believed against the bytes.
    pub fn of_answer(asked: &[Framing], claimed: Option<Framing>, claimed_inside: Option<Framing>) -> Framer {
        let (outer, wrapped) = match *asked {
            [] => (Framing::Body, None),
            [Framing::AwsEventStream] => (Framing::AwsEventStream, None),
            [Framing::AwsEventStream, inside] => (Framing::AwsEventStream, Some(inside)),
            [only] => (only, Some(only)),
            _ => return Framer::new(asked),
        };
        // Gemini's streams are arrays; of what SageMaker wraps, and of an answer that is no stream, an array is a part.
        let array = match (asked, outer) {
            ([.., Framing::JsonArray], _) | (_, Framing::Sse | Framing::Ndjson) => Framing::JsonArray,
            _ => Framing::Body,
        };
        Framer {
            wrapped: wrapped.map(|asked| Wrapped { asked, claimed: claimed_inside }),
            unasked_array: !asked.contains(&Framing::JsonArray),
            ..Framer::of(Layer::Start(Start::new(outer, claimed, array)), None)
        }
    }

    fn of(outer: Layer, inner: Option<Box<Inner>>) -> Framer {
        Framer { outer, inner, wrapped: None, unasked_array: false, events: 0, failure: None }
    }

    /// How many events the body had so far, by its outermost framing.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether the body was one answer at one time, not a stream. To be asked at its end.
    pub fn came_whole(&self) -> bool {
        match self.outer {
            Layer::Body(_) => true,
            Layer::JsonArray(_) => self.unasked_array && self.events == 1,
            _ => false,
        }
    }

    /// Feeds one read. Every event completed by it is appended to `out`, with `at`.
    ///
    /// # Errors
    /// The body breaks its framing or holds something too large. Events appended before stay valid, and every
    /// later call returns the same error.
    pub fn read(&mut self, at: Stamp, bytes: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if let Layer::Start(start) = &mut self.outer {
            return start.read(at, bytes).map_or(Ok(()), |framing| self.begin(framing, out));
        }
        let before = out.len();
        let result = match &mut self.inner {
            None => {
                let result = self.outer.read(at, bytes, out);
                self.events += (out.len() - before) as u64;
                result
            }
            Some(inner) => {
                let outer = self.outer.read(at, bytes, &mut inner.outer_events);
                inner.take_outer_events(&mut self.events, out).and(outer)
            }
        };
        self.remember(result)
    }

    /// The body has ended; `complete` says that by HTTP's rules it came whole. Appends what only the end completes,
    /// with the arrival of the last read.
    ///
    /// # Errors
    /// The body ended inside an event. What is left of that event is dropped.
    pub fn finish(&mut self, complete: bool, out: &mut EventBatch) -> Result<(), FramingError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if let Layer::Start(start) = &self.outer {
            let framing = start.end();
            self.begin(framing, out)?;
        }
        let before = out.len();
        let result = match &mut self.inner {
            None => {
                let result = self.outer.finish(complete, out);
                self.events += (out.len() - before) as u64;
                result
            }
            Some(inner) => {
                let outer = self.outer.finish(complete, &mut inner.outer_events);
                inner
                    .take_outer_events(&mut self.events, out)
                    .and_then(|()| inner.framer.finish(complete && outer.is_ok(), out))
                    .and(outer)
            }
        };
        self.remember(result)
    }

    /// The framing is known: reads what was held, read by read.
    fn begin(&mut self, framing: Framing, out: &mut EventBatch) -> Result<(), FramingError> {
        let Layer::Start(start) = std::mem::replace(&mut self.outer, Layer::new(framing)) else {
            return Ok(());
        };
        if framing == Framing::AwsEventStream
            && let Some(Wrapped { asked, claimed }) = self.wrapped
        {
            let array = if asked == Framing::JsonArray { Framing::JsonArray } else { Framing::Body };
            let start = Layer::Start(Start::new(asked, claimed, array));
            self.inner = Some(Inner::new(Framer::of(start, None)));
        }
        start.reads().try_for_each(|(at, bytes)| self.read(at, bytes, out))
    }

    fn remember(&mut self, result: Result<(), FramingError>) -> Result<(), FramingError> {
        if let Err(failure) = &result {
            self.failure = Some(failure.clone());
        }
        result
    }
}

/// Why a body could not be cut into events; a lowercase fragment that says what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FramingError {
    /// The body ended inside an event.
    Truncated(String),
    /// The body breaks the rules of its framing.
    Protocol(String),
    /// A line, an event or the body is larger than the host accepts.
    TooLarge(String),
}

impl FramingError {
    /// The name this has in the results.
    pub fn kind(&self) -> FailureKind {
        match self {
            FramingError::Truncated(_) => FailureKind::Truncated,
            FramingError::Protocol(_) => FailureKind::Protocol,
            FramingError::TooLarge(_) => FailureKind::TooLarge,
        }
    }

    fn over(what: &str, limit: usize) -> FramingError {
        FramingError::TooLarge(format!("{what} is larger than {} MiB", limit >> 20))
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (FramingError::Truncated(what) | FramingError::Protocol(what) | FramingError::TooLarge(what)) =
            self;
        f.write_str(what)
    }
}

impl std::error::Error for FramingError {}

/// One level of framing.
#[derive(Debug)]
enum Layer {
    /// What it is has yet to be seen.
    Start(Start),
    Sse(Sse),
    Ndjson(Ndjson),
    AwsEventStream(AwsEventStream),
    JsonArray(JsonArray),
    Body(Body),
}

impl Layer {
    fn new(framing: Framing) -> Layer {
        match framing {
            Framing::Sse => Layer::Sse(Sse::default()),
            Framing::Ndjson => Layer::Ndjson(Ndjson::default()),
            Framing::AwsEventStream => Layer::AwsEventStream(AwsEventStream::default()),
            Framing::JsonArray => Layer::JsonArray(JsonArray::default()),
            Framing::Body => Layer::Body(Body::default()),
        }
    }

    fn read(&mut self, at: Stamp, bytes: &[u8], out: &mut EventBatch) -> Result<(), FramingError> {
        match self {
            // The framer takes it away before it reads on.
            Layer::Start(_) => Ok(()),
            Layer::Sse(framer) => framer.read(at, bytes, out),
            Layer::Ndjson(framer) => framer.read(at, bytes, out),
            Layer::AwsEventStream(framer) => framer.read(at, bytes, out),
            Layer::JsonArray(framer) => framer.read(at, bytes, out),
            Layer::Body(framer) => framer.read(at, bytes),
        }
    }

    fn finish(&mut self, complete: bool, out: &mut EventBatch) -> Result<(), FramingError> {
        match self {
            Layer::Start(_) => Ok(()),
            Layer::Sse(framer) => framer.finish(complete, out),
            Layer::Ndjson(framer) => framer.finish(complete, out),
            Layer::AwsEventStream(framer) => framer.finish(),
            Layer::JsonArray(framer) => framer.finish(),
            Layer::Body(framer) => framer.finish(complete, out),
        }
    }
}

/// The framing inside another one.
#[derive(Debug)]
struct Inner {
    framer: Framer,
    /// What the outer framing completed and the inner one has not yet seen; kept for its memory.
    outer_events: EventBatch,
}

impl Inner {
    fn new(framer: Framer) -> Box<Inner> {
        Box::new(Inner { framer, outer_events: EventBatch::default() })
    }

    /// The joined data of payload parts and of events without a name are the inner body. What has another name (an
    /// exception above all) is for the plugin, as it is.
    fn take_outer_events(&mut self, count: &mut u64, out: &mut EventBatch) -> Result<(), FramingError> {
        let mut result = Ok(());
        for event in self.outer_events.iter() {
            *count += 1;
            if event.name.is_empty() || event.name == PAYLOAD_PART {
                result = self.framer.read(event.at, event.data, out);
                // What comes after the failure is lost, in this read as in later ones.
                if result.is_err() {
                    break;
                }
            } else {
                out.push(event.at, event.name, event.data);
            }
        }
        self.outer_events.clear();
        result
    }
}

/// Whether an event that the body's end cut short of its terminator is complete in itself all the same: senders do
/// forget the last blank line or newline. JSON tells by itself whether it ends; of other text only an ended line is
/// known to be whole.
fn is_complete(data: &[u8], line_ended: bool) -> bool {
    let data = data.trim_ascii();
    match data.first() {
        Some(b'{' | b'[') => data == b"[DONE]" || is_json(data),
        Some(b'"') => line_ended || is_json(data),
        _ => line_ended,
    }
}

fn is_json(data: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
}

#[cfg(test)]
mod tests {
    use super::cutting::check;
    use super::*;

    #[test]
    fn no_framing_means_the_whole_body() {
        check(&[], b"all of it", true, &["all of it"], None);
    }

    #[test]
    fn an_unterminated_event_counts_when_it_is_complete_in_itself() {
        let check = |data: &str, line_ended, expected| {
            assert_eq!(is_complete(data.as_bytes(), line_ended), expected, "{data} {line_ended}");
        };
        for line_ended in [true, false] {
            check("[DONE]", line_ended, true);
            check("{\"a\": [1, \"]}\"]}", line_ended, true);
            check(" [1]\n", line_ended, true);
            check("[DON", line_ended, false);
            check("{\"a\": ", line_ended, false);
            check("{\"a\": 1} {", line_ended, false);
        }
        check("some text", true, true);
        check("some te", false, false);
        check("\"so\" he said", true, true);
        check("\"so\"", false, true);
        check("\"so", false, false);
        check("12", false, false);
        check("", true, true);
        check("", false, false);
    }

    #[test]
    fn a_deep_document_is_judged_without_recursion() {
        let deep = "[".repeat(1_000_000);
        assert!(!is_complete(deep.as_bytes(), true));
        assert!(is_complete((deep.clone() + &"]".repeat(1_000_000)).as_bytes(), true));
    }
}
