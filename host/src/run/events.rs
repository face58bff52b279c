//! A successful answer: cut into events, decoded by the plugin, put together piece by piece.

use http::{HeaderMap, HeaderValue};

use super::reader::Reader;
use crate::plugin::ResponseDecoder;
use crate::record::{
    Completion, Delta, EventBatch, Failure, FailureKind, Framing, Head, Output, Piece, PreparedRequest,
    Reads, ToolCall,
};
use crate::transport::framing::{Framer, framing_of};
use crate::units::Stamp;

/// Events that go to the plugin in one call: enough to make the call's own cost vanish, few enough for the guest to stay in
/// the processor's nearest cache and within the memory it starts with.
const BATCH_EVENTS: usize = 32;

/// Tool calls and server timings of an answer, all told. Each new one is looked for among those before, so a plugin that makes up
/// a million of them would have the host work for hours; no model calls a hundred tools at once.
const MAX_PARTS: usize = 1_000;

/// The events of one answer on their way to its completion.
pub(super) struct Events {
    framer: Framer,
    batch: EventBatch,
    decoder: Option<ResponseDecoder>,
    completion: Completion,
    /// It is to be one value a line, so that a first line alone is no whole answer.
    in_lines: bool,
    /// Keep what each event added to the text.
    keeps_pieces: bool,
}

impl Events {
    pub(super) fn start(reader: &Reader, request: &PreparedRequest, head: &Head) -> Events {
        let mut events = Events {
            framer: framer(&request.framing, &head.headers),
            batch: EventBatch::default(),
            decoder: None,
            completion: Completion::default(),
            in_lines: in_lines(&request.framing, &head.headers),
            keeps_pieces: reader.save_text,
        };
        let head = reader.redact_head(head);
        let task = reader.plugin.description().task();
        match reader.plugin.session().and_then(|session| session.decode(task, &head)) {
            Ok(decoder) => events.decoder = Some(decoder),
            Err(fault) => events.fail(fault.into_failure()),
        }
        events
    }

    /// Takes the next reads of the body.
    pub(super) fn read(&mut self, reader: &Reader, reads: &Reads) {
        for (at, bytes) in reads.iter() {
            if self.is_lost() {
                return;
            }
            if let Err(error) = self.framer.read(at, bytes, &mut self.batch) {
                // What was framed before may hold the server's own word for it.
                self.decode(reader);
                self.give_up(Failure::new(error.kind(), error.to_string()));
                return;
            }
            if self.batch.len() >= BATCH_EVENTS {
                self.decode(reader);
            }
        }
    }

    /// The body has ended: the completion.
    pub(super) fn end(mut self, reader: &Reader, complete: bool, last_read: Stamp) -> Completion {
        let framed = match self.is_lost() {
            true => Ok(()),
            false => self.framer.finish(complete, &mut self.batch),
        };
        self.decode(reader);
        if let Err(error) = framed
            && complete
        {
            // Where the body was cut off, the transfer's own failure says so better.
            self.fail(Failure::new(error.kind(), error.to_string()));
        }
        if let Some(mut decoder) = self.decoder.take() {
            let finished = decoder.finish(complete);
            reader.log.show(&decoder.take_log());
            match finished {
                Ok(deltas) => {
                    self.apply(deltas, |_| last_read);
                    self.check_size(reader);
                }
                Err(fault) => self.fail(fault.into_failure()),
            }
            reader.plugin.keep(decoder.into_session());
        }
        self.completion.events = self.framer.events();
        if self.framer.came_whole() {
            self.completion.whole = !self.in_lines;
            // Its output was there all at once: no token of it was the first.
            self.completion.token_events.clear();
            self.completion.first_output = None;
        }
        self.completion
    }

    fn decode(&mut self, reader: &Reader) {
        for secret in reader.secrets.all().iter() {
            secret.cross_out(self.batch.bytes_mut());
        }
        self.batch.mend_surrogates();
        if let Some(decoder) = self.decoder.as_mut().filter(|_| !self.batch.is_empty()) {
            match decoder.push(&self.batch) {
                Ok(mut deltas) => {
                    drop_output_after_end(&mut deltas, self.completion.terminated);
                    let batch = std::mem::take(&mut self.batch);
                    self.apply(deltas, |event| batch.get(event).map_or(Stamp::default(), |event| event.at));
                    self.batch = batch;
                }
                Err(fault) => self.give_up(fault.into_failure()),
            }
        }
        self.batch.clear();
        self.check_size(reader);
    }

    /// Gives up over more than any answer is.
    fn check_size(&mut self, reader: &Reader) {
        let most = reader.plugin.limits().output_bytes;
        let output = &self.completion.output;
        let message = if output.bytes() > most {
            format!("the output is larger than {most} bytes (--plugin-limit output)")
        } else if output.parts() > MAX_PARTS {
            format!("the output has more than {MAX_PARTS} tool calls and server timings")
        } else {
            return;
        };
        // To count its tokens would take longer than the run, and no metric asks for them.
        self.completion.output = Output::default();
        self.give_up(Failure::new(FailureKind::TooLarge, message));
    }

    /// Whether nothing that follows can change the completion.
    pub(super) fn is_lost(&self) -> bool {
        self.decoder.is_none()
    }

    fn give_up(&mut self, failure: Failure) {
        self.decoder = None;
        self.fail(failure);
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
            let is_text = matches!(&piece, Piece::Text(text) if !text.is_empty());
            let begins_text = is_text && text_event.replace(event) != Some(event);
            if begins_text {
                completion.first_output.get_or_insert(at(event));
                completion.output.content_events += 1;
            }
            take_piece(completion, piece);
            if completion.output.parts() > MAX_PARTS {
                return;
            }
            if is_text && self.keeps_pieces {
                keep_piece(&mut completion.output, begins_text);
            }
        }
    }
}

/// Notes where in the text the event ends that has just added to it.
fn keep_piece(output: &mut Output, is_new: bool) {
    if !is_new {
        output.piece_ends.pop();
    }
    output.piece_ends.push(output.text.len());
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
        Piece::ToolCall(index, text) => {
            let known = output.tool_calls.iter().position(|call| call.index == index);
            let at = known.unwrap_or_else(|| {
                output.tool_calls.push(ToolCall::new(index));
                output.tool_calls.len() - 1
            });
            output.tool_calls[at].push(&text);
        }
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
        Piece::Embedding(_) => completion.has_embedding = true,
        Piece::TokenIds(_) => {}
    }
}

/// What is inside an eventstream, by SageMaker's word.
const WRAPPED_TYPE: &str = "x-amzn-sagemaker-content-type";

/// Reads the answer as what it is, which need not be what was asked for.
pub(super) fn framer(asked: &[Framing], headers: &HeaderMap) -> Framer {
    let claimed = named_by(headers, http::header::CONTENT_TYPE.as_str());
    Framer::of_answer(asked, claimed, named_by(headers, WRAPPED_TYPE))
}

/// Whether lines were asked for, and the head does not say that it is one document.
fn in_lines(asked: &[Framing], headers: &HeaderMap) -> bool {
    let claimed = named_by(headers, http::header::CONTENT_TYPE.as_str());
    asked.last() == Some(&Framing::Ndjson) && claimed != Some(Framing::Body)
}

fn named_by(headers: &HeaderMap, name: &str) -> Option<Framing> {
    headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).and_then(framing_of)
}
