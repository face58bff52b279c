//! From the bytes and instants of one response to its record. It runs on decode threads, after the fact; nothing here
//! reads a clock.

use super::events::Events;
use super::reader::Reader;
use crate::record::{
    Completion, Failure, FailureKind, Head, Outcome, PreparedRequest, Reads, RequestRecord, Trace, Transfer,
};
use crate::units::Stamp;

/// A response being understood.
pub(super) struct Response {
    body_bytes: u64,
    last_read: Stamp,
    body: Body,
}

enum Body {
    /// A successful answer, cut into events and decoded as it comes.
    Events(Box<Events>),
    /// Any other answer, kept to be explained.
    Error(Vec<u8>),
}

impl Response {
    pub(super) fn start(reader: &Reader, request: &PreparedRequest, head: &Head) -> Response {
        let body = if head.status.is_success() {
            Body::Events(Box::new(Events::start(reader, request, head)))
        } else {
            Body::Error(Vec::new())
        };
        Response { body_bytes: 0, last_read: Stamp::default(), body }
    }

    /// Takes the next reads of the body.
    pub(super) fn read(&mut self, reader: &Reader, reads: &Reads) {
        self.body_bytes += reads.bytes.len() as u64;
        if let Some(&(at, _)) = reads.ends.last() {
            self.last_read = at;
        }
        match &mut self.body {
            Body::Events(events) => events.read(reader, reads),
            Body::Error(body) => body.extend_from_slice(&reads.bytes),
        }
    }

    /// Whether nothing that follows can change the completion.
    pub(super) fn is_lost(&self) -> bool {
        matches!(&self.body, Body::Events(events) if events.is_lost())
    }

    /// The response has ended: the completion.
    pub(super) fn end(mut self, reader: &Reader, trace: &Trace, head: &Head) -> RequestRecord {
        self.read(reader, &trace.reads);
        let complete = trace.transfer == Transfer::Complete;
        let (completion, failure) = match self.body {
            Body::Events(events) => {
                let completion = events.end(reader, complete, self.last_read);
                let failure = failure_of(reader, &completion, &trace.transfer, head, self.body_bytes);
                let failure =
                    failure.map(|failure| blame(failure, &completion, trace, head, self.body_bytes));
                (completion, failure)
            }
            Body::Error(body) => (Completion::default(), Some(reader.explain(head, body))),
        };
        let outcome = match (failure, &trace.transfer) {
            (None, Transfer::Cancelled) if !completion.terminated => Outcome::Cancelled,
            (None, _) => Outcome::Ok,
            (Some(failure), _) => Outcome::Failed(reader.clean(failure)),
        };
        reader.record(trace, Some(head), completion, outcome, self.body_bytes)
    }
}

/// What went wrong with a successful answer: the server's own word first, then the transfer's, then what is missing.
fn failure_of(
    reader: &Reader,
    completion: &Completion,
    transfer: &Transfer,
    head: &Head,
    body_bytes: u64,
) -> Option<Failure> {
    if let Some(failure) = completion.failure.clone().or_else(|| finished_by_error(completion)) {
        return Some(failure);
    }
    let nothing_said = || {
        let of = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Some(nothing_said(of.unwrap_or("no content type"), body_bytes))
    };
    let is_empty = !completion.output.is_said() && completion.finish.is_none() && !completion.has_embedding;
    if completion.terminated {
        // The protocol said that this was all; how the connection ends after it does not matter.
        return if is_empty && reader.plugin.description().answers_in_text() { nothing_said() } else { None };
    }
    match transfer {
        Transfer::Failed(failure) => Some(failure.clone()),
        Transfer::Cancelled | Transfer::Abandoned => None,
        Transfer::Complete if is_empty => nothing_said(),
        Transfer::Complete => ended_early(reader, completion),
    }
}

/// The failure itself, or the compression where that is why nothing could be read.
fn blame(failure: Failure, completion: &Completion, trace: &Trace, head: &Head, body_bytes: u64) -> Failure {
    // A head may claim a compression of a body that is plain all the same.
    let is_unread = body_bytes > 0 && !completion.output.has_token() && !failure.kind.is_plugin_fault();
    match head.compression() {
        Some(compression) if is_unread && !matches!(trace.transfer, Transfer::Failed(_)) => {
            Failure::new(FailureKind::BadResponse, unasked(compression))
        }
        _ => failure,
    }
}

/// Says of a body that it is compressed.
pub(super) fn unasked(compression: &str) -> String {
    format!("the body is compressed (content-encoding: {compression}), which was not asked for")
}

/// The provider's word for an answer that failed, in the place of a reason to stop. Every API that has one calls it so.
fn finished_by_error(completion: &Completion) -> Option<Failure> {
    let word = completion.finish.as_deref().filter(|word| word.eq_ignore_ascii_case("error"))?;
    let failure = Failure::new(FailureKind::ServerError, "the server ended the answer with an error");
    Some(Failure { code: word.to_owned(), ..failure })
}

/// A stream that just ends, without any of the signs that its API has for the end.
fn ended_early(reader: &Reader, completion: &Completion) -> Option<Failure> {
    if completion.finish.is_some() || completion.has_embedding || completion.whole {
        return None;
    }
    let lacking = reader.plugin.ending()?.lacking()?;
    Some(Failure::new(FailureKind::Truncated, format!("the answer ended without {lacking}")))
}

fn nothing_said(content_type: &str, body_bytes: u64) -> Failure {
    if body_bytes == 0 {
        return Failure::new(FailureKind::EmptyResponse, "a successful answer with an empty body");
    }
    if content_type.starts_with("text/html") {
        return Failure::new(FailureKind::BadResponse, "the server answered with a web page (text/html)");
    }
    let message = format!("a successful answer of {body_bytes} bytes ({content_type}) without any output");
    Failure::new(FailureKind::EmptyResponse, message)
}
