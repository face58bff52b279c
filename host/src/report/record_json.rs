//! The wire shape of one line of `records.jsonl`: a record, and with `--save-text` its output.
//! Instants are nanoseconds from the run's start. What is derived is written for the reader's sake and not read back.

use std::borrow::Cow;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::record::{Failure, FailureKind, Outcome, Output, RequestRecord, ToolCall, Usage};
use crate::units::{RequestId, SessionId, Span, Stamp, Tokens};

/// Appends the record's line, newline included.
pub fn write_record(record: &RequestRecord, line: &mut Vec<u8>) {
    serde_json::to_writer(&mut *line, &Line::of(record)).expect("a line holds only what JSON can say");
    line.push(b'\n');
}

/// The record of a line, with or without its newline.
///
/// # Errors
/// Where the line is not JSON, lacks a key, holds one that this version does not know, or contradicts itself.
pub fn parse_record(line: &[u8]) -> Result<RequestRecord> {
    serde_json::from_slice::<Line<'_>>(line)?.into_record()
}

/// The keys of a line, in their order. `null` is "undefined".
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    id: RequestId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default)]
    warmup: bool,
    response_id: Option<Cow<'a, str>>,
    status: Option<u16>,
    due_ns: Stamp,
    sent_ns: Stamp,
    connected_ns: Option<Stamp>,
    headers_ns: Option<Stamp>,
    /// Derived: the first of `token_event_ns`.
    first_token_ns: Option<Stamp>,
    first_output_ns: Option<Stamp>,
    /// Derived: the last of `token_event_ns`.
    last_token_ns: Option<Stamp>,
    end_ns: Stamp,
    token_event_ns: Cow<'a, [Stamp]>,
    events: u64,
    body_bytes: u64,
    isl_target_tokens: Tokens,
    isl_tokens: Tokens,
    osl_tokens: Tokens,
    reasoning_tokens: Tokens,
    max_tokens: Option<Tokens>,
    usage: Usage,
    finish_reason: Option<Cow<'a, str>>,
    terminated: bool,
    outcome: OutcomeWord,
    failure: Option<FailureLine<'a>>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Cow<'a, [ToolCall]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_events: Option<u64>,
    /// What each of them added to `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<Vec<Cow<'a, str>>>,
    /// The last value of each name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_timing: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeWord {
    Ok,
    Failed,
    Cancelled,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureLine<'a> {
    kind: FailureKind,
    code: Cow<'a, str>,
    message: Cow<'a, str>,
    /// Rounded up.
    retry_after_ms: Option<u64>,
}

impl<'a> Line<'a> {
    fn of(record: &'a RequestRecord) -> Line<'a> {
        let (outcome, failure) = match &record.outcome {
            Outcome::Ok => (OutcomeWord::Ok, None),
            Outcome::Failed(failure) => (OutcomeWord::Failed, Some(FailureLine::of(failure))),
            Outcome::Cancelled => (OutcomeWord::Cancelled, None),
        };
        let output = record.output.as_ref();
        Line {
            id: record.id,
            session: record.session,
            warmup: record.warmup,
            response_id: record.response_id.as_deref().map(Cow::Borrowed),
            status: record.status,
            due_ns: record.due,
            sent_ns: record.sent,
            connected_ns: record.connected,
            headers_ns: record.headers,
            first_token_ns: record.first_token(),
            first_output_ns: record.first_output,
            last_token_ns: record.last_token(),
            end_ns: record.end,
            token_event_ns: Cow::Borrowed(&record.token_events),
            events: record.events,
            body_bytes: record.body_bytes,
            isl_target_tokens: record.isl_target,
            isl_tokens: record.isl,
            osl_tokens: record.osl,
            reasoning_tokens: record.reasoning,
            max_tokens: record.max_tokens,
            usage: record.usage,
            finish_reason: record.finish.as_deref().map(Cow::Borrowed),
            terminated: record.terminated,
            outcome,
            failure,
            text: output.map(|output| Cow::Borrowed(output.text.as_str())),
            reasoning: output.map(|output| Cow::Borrowed(output.reasoning.as_str())),
            refusal: output.map(|output| Cow::Borrowed(output.refusal.as_str())),
            tool_calls: output.map(|output| Cow::Borrowed(output.tool_calls.as_slice())),
            content_events: output.map(|output| output.content_events),
            pieces: output.map(|output| output.pieces().map(Cow::Borrowed).collect()),
            server_timing: output.map(|output| timing_map(&output.server_timing)),
        }
    }

    fn into_record(self) -> Result<RequestRecord> {
        let output = self.output()?;
        let outcome = match (self.outcome, self.failure) {
            (OutcomeWord::Ok, None) => Outcome::Ok,
            (OutcomeWord::Cancelled, None) => Outcome::Cancelled,
            (OutcomeWord::Failed, Some(failure)) => Outcome::Failed(failure.into_failure()),
            (OutcomeWord::Failed, None) => bail!("outcome is \"failed\" and failure is missing"),
            (_, Some(_)) => bail!("failure is given and outcome is not \"failed\""),
        };
        Ok(RequestRecord {
            id: self.id,
            session: self.session,
            warmup: self.warmup,
            response_id: self.response_id.map(Cow::into_owned),
            status: self.status,
            due: self.due_ns,
            sent: self.sent_ns,
            connected: self.connected_ns,
            headers: self.headers_ns,
            token_events: self.token_event_ns.into_owned(),
            first_output: self.first_output_ns,
            end: self.end_ns,
            events: self.events,
            body_bytes: self.body_bytes,
            isl_target: self.isl_target_tokens,
            isl: self.isl_tokens,
            osl: self.osl_tokens,
            reasoning: self.reasoning_tokens,
            max_tokens: self.max_tokens,
            usage: self.usage,
            finish: self.finish_reason.map(Cow::into_owned),
            terminated: self.terminated,
            outcome,
            output,
        })
    }

    /// The output, where the line holds any of it.
    fn output(&self) -> Result<Option<Output>> {
        if self.text.is_none() {
            return Ok(None);
        }
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or_default().to_owned();
        let timing = self.server_timing.iter().flatten();
        let (text, pieces) = (owned(&self.text), self.pieces.as_deref().unwrap_or_default());
        if !pieces.is_empty() && pieces.concat() != text {
            bail!("pieces do not make up text");
        }
        let piece_ends = pieces.iter().scan(0, |end, piece| {
            *end += piece.len();
            Some(*end)
        });
        Ok(Some(Output {
            piece_ends: piece_ends.collect(),
            text,
            reasoning: owned(&self.reasoning),
            refusal: owned(&self.refusal),
            tool_calls: self.tool_calls.as_deref().unwrap_or_default().to_vec(),
            server_timing: timing.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect(),
            content_events: self.content_events.unwrap_or_default(),
        }))
    }
}

impl FailureLine<'_> {
    fn of(failure: &Failure) -> FailureLine<'_> {
        FailureLine {
            kind: failure.kind,
            code: Cow::Borrowed(&failure.code),
            message: Cow::Borrowed(&failure.message),
            retry_after_ms: failure.retry_after.map(|wait| wait.0.div_ceil(1_000_000)),
        }
    }

    fn into_failure(self) -> Failure {
        Failure {
            kind: self.kind,
            code: self.code.into_owned(),
            message: self.message.into_owned(),
            // A file may hold any number.
            retry_after: self.retry_after_ms.map(|ms| Span(ms.saturating_mul(1_000_000))),
        }
    }
}

fn timing_map(timing: &[(String, f64)]) -> Map<String, Value> {
    let finite = timing.iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| (name.clone(), json!(value))).collect()
}

#[cfg(test)]
pub(super) mod tests;
