//! From the bytes and instants of one response to its record: framing, the plugin, token counting.
//! It runs on decode threads, after the fact; nothing here reads a clock.

use http::HeaderMap;

use crate::plugin::{Plugin, ResponseDecoder};
use crate::provider::Secret;
use crate::record::{
    Completion, Delta, EventBatch, Failure, FailureKind, Framing, Head, Outcome, Output, Piece,
    PreparedRequest, Reads, RequestRecord, ToolCall, Trace, Transfer, Unsent,
};
use crate::tokens::Tokenizer;
use crate::transport::framing::{Framer, framing_of};
use crate::units::{Stamp, Tokens};

/// Events that go to the plugin in one call: enough to make the call's own cost vanish.
const BATCH_EVENTS: usize = 256;
/// What a record keeps of a message.
const MAX_MESSAGE_CHARS: usize = 1000;
/// Names under which servers say which response this was.
const RESPONSE_ID_HEADERS: &[&str] = &["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"];

/// What decoding needs beside the response.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) plugin: Plugin,
    pub(super) tokenizer: Tokenizer,
    /// Crossed out of everything a server sends back.
    pub(super) secrets: Vec<Secret>,
    pub(super) save_text: bool,
}

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

struct Events {
    framer: Framer,
    batch: EventBatch,
    decoder: Option<ResponseDecoder>,
    completion: Completion,
}

impl Response {
    pub(super) fn start(reader: &Reader, request: &PreparedRequest, head: &Head) -> Response {
        let body = if head.status.is_success() {
            let mut events = Box::new(Events {
                framer: Framer::new(&framing(&request.framing, &head.headers)),
                batch: EventBatch::default(),
                decoder: None,
                completion: Completion::default(),
            });
            let head = reader.redact_head(head);
            match reader.plugin.session().and_then(|session| session.decode(super::TASK, &head)) {
                Ok(decoder) => events.decoder = Some(decoder),
                Err(fault) => events.completion.failure = Some(fault.into_failure()),
            }
            Body::Events(events)
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

    /// The response has ended: what it amounts to.
    pub(super) fn end(mut self, reader: &Reader, trace: &Trace, head: &Head) -> RequestRecord {
        self.read(reader, &trace.reads);
        let complete = trace.transfer == Transfer::Complete;
        let (completion, failure) = match self.body {
            Body::Events(events) => {
                let completion = events.end(reader, complete, self.last_read);
                let failure = failure_of(&completion, &trace.transfer, head, self.body_bytes);
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

impl Events {
    fn read(&mut self, reader: &Reader, reads: &Reads) {
        for (at, bytes) in reads.iter() {
            if self.decoder.is_none() {
                return;
            }
            if let Err(error) = self.framer.read(at, bytes, &mut self.batch) {
                // What was framed before may hold the server's own word for it.
                self.decode(reader);
                self.fail(Failure::new(error.kind(), error.to_string()));
                return;
            }
            if self.batch.len() >= BATCH_EVENTS {
                self.decode(reader);
            }
        }
    }

    fn end(mut self, reader: &Reader, complete: bool, last_read: Stamp) -> Completion {
        if self.decoder.is_some()
            && let Err(error) = self.framer.finish(complete, &mut self.batch)
            && complete
        {
            // Where the body was cut off, the transfer's own failure says so better.
            self.fail(Failure::new(error.kind(), error.to_string()));
        }
        self.decode(reader);
        if let Some(mut decoder) = self.decoder.take() {
            match decoder.finish(complete) {
                Ok(deltas) => self.apply(deltas, |_| last_read),
                Err(fault) => self.fail(fault.into_failure()),
            }
        }
        self.completion
    }

    fn decode(&mut self, reader: &Reader) {
        self.completion.events += self.batch.len() as u64;
        for secret in &reader.secrets {
            secret.cross_out(self.batch.bytes_mut());
        }
        if let Some(decoder) = self.decoder.as_mut().filter(|_| !self.batch.is_empty()) {
            match decoder.push(&self.batch) {
                Ok(mut deltas) => {
                    drop_output_after_end(&mut deltas, self.completion.terminated);
                    let batch = std::mem::take(&mut self.batch);
                    self.apply(deltas, |event| batch.get(event).map_or(Stamp::default(), |event| event.at));
                    self.batch = batch;
                }
                Err(fault) => {
                    self.decoder = None;
                    self.fail(fault.into_failure());
                }
            }
        }
        self.batch.clear();
    }

    fn fail(&mut self, failure: Failure) {
        self.completion.failure.get_or_insert(failure);
    }

    fn apply(&mut self, deltas: Vec<Delta>, at: impl Fn(usize) -> Stamp) {
        let completion = &mut self.completion;
        let (mut token_event, mut text_event) = (None, None);
        for Delta { event, piece } in deltas {
            let carries_token = match &piece {
                Piece::Text(text) | Piece::Reasoning(text) | Piece::ToolCall(_, text) => !text.is_empty(),
                _ => false,
            };
            if carries_token && token_event.replace(event) != Some(event) {
                completion.token_events.push(at(event));
            }
            if matches!(&piece, Piece::Text(text) if !text.is_empty())
                && text_event.replace(event) != Some(event)
            {
                completion.first_output.get_or_insert(at(event));
                completion.output.content_events += 1;
            }
            take_piece(completion, piece);
        }
    }
}

/// What stands behind the protocol's end marker is no part of the answer: no client shows it.
fn drop_output_after_end(deltas: &mut Vec<Delta>, ended: bool) {
    let mut end = None;
    deltas.retain(|Delta { event, piece }| {
        let late = ended || end.is_some_and(|end| *event > end);
        match piece {
            Piece::End => {
                end.get_or_insert(*event);
                true
            }
            Piece::Text(_) | Piece::Reasoning(_) | Piece::ToolCall(..) | Piece::Refusal(_) => !late,
            _ => true,
        }
    });
}

fn take_piece(completion: &mut Completion, piece: Piece) {
    let output = &mut completion.output;
    match piece {
        Piece::Text(text) => output.text.push_str(&text),
        Piece::Reasoning(text) => output.reasoning.push_str(&text),
        Piece::Refusal(text) => output.refusal.push_str(&text),
        Piece::ToolCall(index, text) => match output.tool_calls.iter_mut().find(|call| call.index == index) {
            Some(call) => call.text.push_str(&text),
            None => output.tool_calls.push(ToolCall { index, text }),
        },
        Piece::Usage(usage) => completion.usage.update(usage),
        Piece::Finish(word) => completion.finish = Some(word),
        Piece::Failure(failure) => {
            completion.failure.get_or_insert(failure);
        }
        Piece::End => completion.terminated = true,
        // The last word on each name counts: some servers repeat a growing value in every event.
        Piece::ServerTiming(name, value) => {
            match output.server_timing.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => output.server_timing.push((name, value)),
            }
        }
        Piece::TokenIds(_) | Piece::Embedding(_) => {}
    }
}

impl Reader {
    /// The record of a request that has ended without a response head.
    pub(super) fn without_head(&self, trace: &Trace) -> RequestRecord {
        let outcome = match &trace.transfer {
            Transfer::Failed(failure) => Outcome::Failed(self.clean(failure.clone())),
            Transfer::Cancelled => Outcome::Cancelled,
            Transfer::Complete => {
                Outcome::Failed(Failure::new(FailureKind::Protocol, "the response ended before it began"))
            }
        };
        self.record(trace, None, Completion::default(), outcome, 0)
    }

    /// The record of a request that could not be built.
    pub(super) fn unsent(&self, unsent: Unsent) -> RequestRecord {
        let Unsent { info, due, sent, failure } = unsent;
        RequestRecord {
            id: info.id,
            response_id: None,
            status: None,
            due,
            sent,
            connected: None,
            headers: None,
            token_events: vec![],
            first_output: None,
            end: sent,
            events: 0,
            body_bytes: 0,
            isl_target: info.isl_target,
            isl: info.isl,
            osl: Tokens(0),
            reasoning: Tokens(0),
            max_tokens: info.max_tokens,
            usage: Default::default(),
            finish: None,
            terminated: false,
            outcome: Outcome::Failed(self.clean(failure)),
            output: None,
        }
    }

    fn record(
        &self,
        trace: &Trace,
        head: Option<&Head>,
        completion: Completion,
        outcome: Outcome,
        body_bytes: u64,
    ) -> RequestRecord {
        let info = trace.request.info;
        let Completion { events, token_events, first_output, output, usage, finish, terminated, failure: _ } =
            completion;
        let count = |text: &str| if text.is_empty() { Tokens(0) } else { self.tokenizer.count(text) };
        let reasoning = count(&output.reasoning);
        let tool_calls: Tokens = output.tool_calls.iter().map(|call| count(&call.text)).sum();
        let osl = count(&output.text) + reasoning + tool_calls + count(&output.refusal);
        RequestRecord {
            id: info.id,
            // Crossed out before it is cut: a part of the secret is no longer found.
            response_id: head.and_then(|head| response_id(&head.headers)).map(|id| trim(&self.redact(&id))),
            status: head.map(|head| head.status.as_u16()),
            due: trace.due,
            sent: trace.sent,
            connected: trace.connected,
            headers: trace.head.as_ref().map(|(at, _)| *at),
            token_events,
            first_output,
            end: trace.end,
            events,
            body_bytes,
            isl_target: info.isl_target,
            isl: info.isl,
            osl,
            reasoning,
            max_tokens: info.max_tokens,
            usage,
            finish: finish.map(|word| trim(&self.redact(&word))),
            terminated,
            outcome,
            output: self.save_text.then(|| self.redact_output(output)),
        }
    }

    /// Has the plugin explain an answer that is no success.
    fn explain(&self, head: &Head, mut body: Vec<u8>) -> Failure {
        if head.status.is_redirection() {
            let to =
                head.headers.get(http::header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let message =
                format!("the server redirects to {to}; redirects are not followed, name that address itself");
            return Failure {
                code: head.status.as_str().to_owned(),
                ..Failure::new(FailureKind::Redirect, message)
            };
        }
        for secret in &self.secrets {
            secret.cross_out(&mut body);
        }
        let head = self.redact_head(head);
        let explained = self.plugin.session().and_then(|mut session| session.explain(&head, &body));
        let mut failure = explained.unwrap_or_else(|_| {
            // The plugin's fault must not hide the server's: its body is shown as it is.
            Failure::new(FailureKind::HttpStatus, String::from_utf8_lossy(&body))
        });
        failure.code = head.status.as_str().to_owned();
        if failure.message.trim().is_empty() {
            failure.message = format!("HTTP {}", head.status);
        }
        failure
    }

    /// A failure with the secret crossed out and its texts at a bounded length.
    fn clean(&self, mut failure: Failure) -> Failure {
        failure.message = trim(&self.redact(&failure.message));
        failure.code = trim(&self.redact(&failure.code));
        failure
    }

    fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| secret.redact(&text).into_owned())
    }

    fn redact_output(&self, mut output: Output) -> Output {
        for text in [&mut output.text, &mut output.reasoning, &mut output.refusal] {
            *text = self.redact(text);
        }
        for call in &mut output.tool_calls {
            call.text = self.redact(&call.text);
        }
        output
    }

    /// A head whose values do not hold the secret, for the guest to see.
    fn redact_head(&self, head: &Head) -> Head {
        if self.secrets.is_empty() {
            return head.clone();
        }
        let mut headers = HeaderMap::with_capacity(head.headers.len());
        for (name, value) in &head.headers {
            let mut bytes = value.as_bytes().to_vec();
            for secret in &self.secrets {
                secret.cross_out(&mut bytes);
            }
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                headers.append(name, value);
            }
        }
        Head { status: head.status, headers }
    }
}

/// What went wrong with a successful answer: the server's own word first, then the transfer's, then what is missing.
fn failure_of(completion: &Completion, transfer: &Transfer, head: &Head, body_bytes: u64) -> Option<Failure> {
    if let Some(failure) = &completion.failure {
        return Some(failure.clone());
    }
    if completion.terminated {
        // The protocol said that this was all; how the connection ends after it does not matter.
        return None;
    }
    match transfer {
        Transfer::Failed(failure) => Some(failure.clone()),
        Transfer::Cancelled => None,
        Transfer::Complete if completion.token_events.is_empty() && completion.finish.is_none() => {
            let of = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            Some(nothing_said(of.unwrap_or("no content type"), body_bytes))
        }
        Transfer::Complete => None,
    }
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

/// The framing the answer has. A server that answers in another one than was asked for is read in its own.
fn framing(asked: &[Framing], headers: &HeaderMap) -> Vec<Framing> {
    let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let (Some(content_type), [only]) = (content_type, asked) else { return asked.to_vec() };
    match framing_of(content_type) {
        Some(named) => vec![named],
        None if *only == Framing::Sse && content_type.starts_with("application/json") => vec![Framing::Body],
        None => asked.to_vec(),
    }
}

fn response_id(headers: &HeaderMap) -> Option<String> {
    let value = RESPONSE_ID_HEADERS.iter().find_map(|name| headers.get(*name))?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn trim(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
