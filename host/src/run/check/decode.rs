//! Whether a plugin reads recorded answers as they are to be read, however they come: cut into reads and gathered into calls
//! in several ways, each in a fresh instance, through the same code as in a run.

use std::sync::Arc;

use super::cost::Meter;
use super::fixture::{CUTTINGS, Cutting, Fixture};
use super::{CheckOutcome, Checks, Subject, differences, fresh, request};
use crate::plugin::{Fault, Plugin, Session};
use crate::record::{
    Delta, EventBatch, Head, Outcome, Piece, PreparedRequest, Reads, RequestRecord, Start, Trace, Transfer,
};
use crate::run::events::framer;
use crate::run::understand::Response;
use crate::units::Stamp;

/// Where deltas that came with the end of the body stand.
const AT_THE_END: usize = usize::MAX;

/// The events of an answer, to be decoded in different ways.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) task: String,
    pub(super) head: Head,
    pub(super) events: EventBatch,
}

/// What was read: pieces with the event they came with.
pub(super) type Reading = Vec<(usize, Piece)>;

impl Stream {
    /// The events, with the number in each batch.
    pub(super) fn batches(&self, size: usize) -> Vec<EventBatch> {
        let mut batches = vec![];
        for (n, event) in self.events.iter().enumerate() {
            if n % size == 0 {
                batches.push(EventBatch::default());
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(event.at, event.name, event.data);
            }
        }
        batches
    }

    /// Decodes it in this instance, `batch` events a call.
    pub(super) fn decode(
        &self,
        session: &mut Session,
        size: usize,
        meter: &mut Meter,
    ) -> Result<Reading, Fault> {
        let mut reading = vec![];
        let decoder = session.open(&self.task, &self.head)?;
        for (n, batch) in self.batches(size).iter().enumerate() {
            let deltas = session.push(decoder, batch)?;
            meter.take("push", session);
            reading.extend(deltas.into_iter().map(|Delta { event, piece }| (n * size + event, piece)));
        }
        let deltas = session.close(decoder, true)?;
        meter.take("finish", session);
        reading.extend(deltas.into_iter().map(|delta| (AT_THE_END, delta.piece)));
        Ok(joined(reading))
    }

    /// The same in an instance of its own.
    pub(super) fn decode_afresh(
        &self,
        plugin: &Plugin,
        size: usize,
        meter: &mut Meter,
    ) -> Result<Reading, Fault> {
        let mut session = fresh(plugin)?;
        let reading = self.decode(&mut session, size, meter);
        meter.keep_log(&session.take_log());
        reading
    }
}

/// Two texts of one event are one: into how many pieces a plugin cuts what came at once means nothing.
pub(super) fn joined(reading: Reading) -> Reading {
    let mut joined: Reading = vec![];
    for (event, piece) in reading {
        let last = joined.last_mut().filter(|(last, _)| *last == event);
        match (last.map(|(_, last)| last), &piece) {
            (Some(Piece::Text(known)), Piece::Text(text))
            | (Some(Piece::Reasoning(known)), Piece::Reasoning(text))
            | (Some(Piece::Refusal(known)), Piece::Refusal(text)) => known.push_str(text),
            (Some(Piece::ToolCall(of, known)), Piece::ToolCall(index, text)) if of == index => {
                known.push_str(text)
            }
            _ => joined.push((event, piece)),
        }
    }
    joined
}

/// Reads every fixture, and gives those that could be read as streams.
pub(super) fn check(subject: &Subject<'_>, meter: &mut Meter, checks: &mut Checks) -> Vec<Stream> {
    let mut streams = vec![];
    for fixture in subject.fixtures {
        let name = format!("fixture {}", fixture.name);
        let (problems, stream) = match read(subject, fixture, meter) {
            Ok(found) => found,
            Err(problem) => (vec![problem], None),
        };
        let events = stream.as_ref().map_or(0, |stream| stream.events.len());
        let evidence = match stream.is_some() {
            true => format!("{events} events, in three cuttings and three batchings"),
            false => format!("HTTP {}, explained", fixture.status),
        };
        match problems.is_empty() {
            true => checks.note(&name, CheckOutcome::Ok, evidence),
            false => checks.note(&name, CheckOutcome::Failed, problems.join("\n")),
        }
        streams.extend(stream.filter(|_| problems.is_empty()));
    }
    streams
}

type Found = (Vec<String>, Option<Stream>);

fn read(subject: &Subject<'_>, fixture: &Fixture, meter: &mut Meter) -> Result<Found, String> {
    let description = subject.plugin.description();
    let mut session = fresh(subject.plugin).map_err(|fault| fault.to_string())?;
    let built =
        fixture.question.build(&mut session, description).map_err(|fault| format!("its request: {fault}"))?;
    let mut problems =
        fixture.request.as_ref().map(|expected| request::differences(&built, expected)).unwrap_or_default();
    let prepared = Arc::new(request::prepare(&fixture.question, built)?);
    let head = Arc::new(fixture.head());
    let mut seen = vec![];
    for cutting in CUTTINGS {
        let record = record(subject, fixture, &prepared, &head, cutting);
        let mut found = differences(&record, fixture);
        found.extend(unprintable(&record));
        if let Outcome::Failed(failure) = &record.outcome
            && failure.kind.is_plugin_fault()
        {
            // What else differs follows from it.
            return Ok((vec![failure.message.clone()], None));
        }
        found.retain(|problem| !seen.contains(problem));
        problems.extend(found.iter().map(|problem| format!("{} {problem}", word(cutting))));
        seen.extend(found);
    }
    if !head.status.is_success() {
        return Ok((problems, None));
    }
    let stream = Stream {
        name: fixture.name.clone(),
        task: fixture.question.task(description).to_owned(),
        events: events(fixture, &prepared, &head),
        head: (*head).clone(),
    };
    problems.extend(batching_problems(subject.plugin, &stream, meter));
    Ok((problems, Some(stream)))
}

fn word(cutting: Cutting) -> &'static str {
    match cutting {
        Cutting::Listed => "cut as listed:",
        Cutting::Whole => "in one piece:",
        Cutting::Bytewise => "byte by byte:",
    }
}

/// Whole, one by one, in pairs: a decoder must not see how the host gathers events.
fn batching_problems(plugin: &Plugin, stream: &Stream, meter: &mut Meter) -> Option<String> {
    let whole = stream.events.len().max(1);
    let reading = match stream.decode_afresh(plugin, whole, meter) {
        Ok(reading) => reading,
        Err(fault) => return Some(format!("all events in one call: {fault}")),
    };
    for size in [1, 2] {
        match stream.decode_afresh(plugin, size, meter) {
            Ok(other) if other == reading => {}
            Ok(other) => {
                let at = other
                    .iter()
                    .zip(&reading)
                    .position(|(a, b)| a != b)
                    .unwrap_or(other.len().min(reading.len()));
                return Some(format!(
                    "{size} events a call: piece {at} is {:?}, with all in one call {:?}",
                    other.get(at),
                    reading.get(at)
                ));
            }
            Err(fault) => return Some(format!("{size} events a call: {fault}")),
        }
    }
    None
}

/// What a run would keep of the answer.
fn record(
    subject: &Subject<'_>,
    fixture: &Fixture,
    prepared: &Arc<PreparedRequest>,
    head: &Arc<Head>,
    cutting: Cutting,
) -> RequestRecord {
    let (mut reads, mut at) = (Reads::default(), Stamp(1));
    for piece in fixture.pieces(cutting) {
        at = Stamp(at.0 + 1);
        reads.push(at, piece);
    }
    let trace = Trace {
        request: Arc::clone(prepared),
        start: Start { due: Stamp(0), warmup: false },
        sent: Stamp(0),
        connected: None,
        head: Some((Stamp(1), Arc::clone(head))),
        reads,
        end: Stamp(at.0 + 1),
        transfer: Transfer::Complete,
    };
    Response::start(&subject.reader, prepared, head).end(&subject.reader, &trace, head)
}

fn events(fixture: &Fixture, prepared: &PreparedRequest, head: &Head) -> EventBatch {
    let mut batch = EventBatch::default();
    let mut framer = framer(&prepared.framing, &head.headers);
    // What breaks the framing ends the events; the comparison with what is expected has told it.
    let _ = framer.read(Stamp(1), &fixture.body, &mut batch).and_then(|()| framer.finish(true, &mut batch));
    batch
}

/// Words that results show and that a terminal would act on.
fn unprintable(record: &RequestRecord) -> Option<String> {
    let code = match &record.outcome {
        Outcome::Failed(failure) => Some(&failure.code),
        _ => None,
    };
    let words = record.finish.iter().chain(code);
    let word = words.into_iter().find(|word| word.chars().any(char::is_control))?;
    Some(format!("words: {word:?} has control characters in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_event_and_kind_are_one() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let call = |index, text: &str| Piece::ToolCall(index, text.to_owned());
        assert_eq!(
            joined(vec![
                (0, text("a")),
                (0, text("b")),
                (1, text("c")),
                (1, call(0, "f")),
                (1, call(1, "g")),
                (1, call(1, "h"))
            ]),
            [(0, text("ab")), (1, text("c")), (1, call(0, "f")), (1, call(1, "gh"))]
        );
    }

    #[test]
    fn a_stream_is_all_there_in_any_batching() {
        let mut events = EventBatch::default();
        ["a", "b", "c"].iter().for_each(|data| events.push(Stamp(0), "n", data.as_bytes()));
        let head = Head { status: http::StatusCode::OK, headers: http::HeaderMap::new() };
        let stream = Stream { name: String::new(), task: String::new(), head, events };
        for (size, lengths) in [(1, &[1, 1, 1][..]), (2, &[2, 1]), (3, &[3]), (9, &[3])] {
            let batches = stream.batches(size);
            assert_eq!(batches.iter().map(EventBatch::len).collect::<Vec<_>>(), lengths);
            assert_eq!(
                batches.iter().flat_map(EventBatch::iter).map(|e| e.data[0]).collect::<Vec<_>>(),
                b"abc"
            );
        }
    }
}
