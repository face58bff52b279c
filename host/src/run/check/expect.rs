//! Compares a record with what the fixture says must be read. Every difference is a line that names the field.

use serde_json::{Map, Value, json};

use super::fixture::Fixture;
use crate::plugin::sha256;
use crate::record::{Failure, FailureKind, Outcome, Output, RequestRecord};
use crate::units::Tokens;

/// What differs between the record and the fixture.
pub fn differences(record: &RequestRecord, fixture: &Fixture) -> Vec<String> {
    let mut found = Differences(Vec::new());
    let expected = &fixture.expected;
    let Some(output) = &record.output else {
        return vec!["nothing was saved".to_owned()];
    };
    if let Some(text) = accepted_stop(record, expected) {
        // The fixture lets a reader give up there: what follows does not count.
        found.same("text", json!(output.text), text);
        return found.0;
    }
    found.failure(record, fixture);
    found.same("status", json!(record.status), &json!(fixture.status));
    if !is_success(fixture.status) {
        return found.0;
    }
    found.output(output, expected);
    let extra = &expected["extra"];
    found.one_of("events", json!(record.events), &expected["events"], &extra["accept_events"]);
    let terminated = json!(record.terminated);
    found.one_of("terminated", terminated, &expected["terminated"], &extra["accept_terminated"]);
    found.same("finish_reason", json!(record.finish), &expected["finish_reason"]);
    found.usage(record, &expected["usage"]);
    found.instants(record, output);
    found.0
}

/// The text up to a failure that the fixture accepts and does not ask for.
fn accepted_stop<'a>(record: &RequestRecord, expected: &'a Value) -> Option<&'a Value> {
    let accepted = &expected["extra"]["accept_error_at"];
    let Outcome::Failed(failure) = &record.outcome else { return None };
    let fits = matches!(failure.kind, FailureKind::BadResponse | FailureKind::Protocol);
    (accepted.is_object() && fits).then_some(&accepted["text"])
}

struct Differences(Vec<String>);

impl Differences {
    fn same(&mut self, field: &str, got: Value, expected: &Value) {
        if got != *expected {
            self.0.push(format!("{field}: {got}, expected {expected}"));
        }
    }

    fn one_of(&mut self, field: &str, got: Value, expected: &Value, accepted: &Value) {
        if !accepted.as_array().is_some_and(|accepted| accepted.contains(&got)) {
            self.same(field, got, expected);
        }
    }

    fn output(&mut self, output: &Output, expected: &Value) {
        if expected["text"].is_string() {
            self.same("text", json!(output.text), &expected["text"]);
        }
        if expected["text_sha256"].is_string() {
            let digest = sha256(&output.text);
            self.same("text_sha256", json!(digest), &expected["text_sha256"]);
        }
        if expected["content_pieces"].is_array() {
            let pieces: Vec<&str> = output.pieces().collect();
            self.same("content_pieces", json!(pieces), &expected["content_pieces"]);
        }
        if expected["content_events"].is_number() {
            self.same("content_events", json!(output.content_events), &expected["content_events"]);
        }
        self.same("reasoning_text", json!(output.reasoning), &expected["reasoning_text"]);
        let calls = output.tool_calls.iter().map(|call| json!([call.name, call.arguments]));
        let expected_calls = expected["tool_calls"].as_array().into_iter().flatten();
        let expected_calls = expected_calls.map(|call| json!([call["name"], call["arguments"]]));
        self.same("tool_calls", calls.collect(), &expected_calls.collect());
        let timing: Map<String, Value> =
            output.server_timing.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let expected_timing = expected["server_timing"].as_object().into_iter().flatten();
        let expected_timing: Map<String, Value> = expected_timing
            .filter_map(|(name, value)| Some((name.clone(), json!(value.as_f64()?))))
            .collect();
        self.same("server_timing", json!(timing), &json!(expected_timing));
    }

    fn usage(&mut self, record: &RequestRecord, expected: &Value) {
        let usage = record.usage;
        for (field, got) in [
            ("input_tokens", usage.input_tokens),
            ("output_tokens", usage.output_tokens),
            ("cached_input_tokens", usage.cached_input_tokens),
            ("cache_write_tokens", usage.cache_write_tokens),
            ("reasoning_tokens", usage.reasoning_tokens),
        ] {
            self.same(field, json!(got.map(|Tokens(count)| count)), &expected[field]);
        }
    }

    /// Instants are in order, and the first text is at an event with a token. An answer that came whole has none.
    fn instants(&mut self, record: &RequestRecord, output: &Output) {
        if !record.token_events.is_sorted() || record.token_events.first().is_some_and(|at| *at < record.sent)
        {
            self.0.push("token events: not in order".to_owned());
        }
        let came_whole = record.token_events.is_empty();
        if record.first_output.is_some() != (output.content_events > 0 && !came_whole) {
            self.0.push("first_output: not where there is text".to_owned());
        }
        if record.first_output.is_some_and(|at| !record.token_events.contains(&at)) {
            self.0.push("first_output: at no event with a token".to_owned());
        }
    }

    fn failure(&mut self, record: &RequestRecord, fixture: &Fixture) {
        let (error, extra) = (&fixture.expected["error"], &fixture.expected["extra"]);
        let failure = match &record.outcome {
            Outcome::Failed(failure) => failure,
            Outcome::Ok if error.is_null() || extra["accept_no_error"] == true => return,
            outcome => return self.0.push(format!("error: {outcome:?}, expected {error}")),
        };
        if extra["accept_truncated"] == true && failure.kind == FailureKind::Truncated {
            return;
        }
        if error.is_null() {
            return self.0.push(format!("error: {failure:?}, expected none"));
        }
        let kind = kind(error, fixture.status);
        if failure.kind != kind {
            self.0.push(format!("error kind: {failure:?}, expected {kind:?}"));
        }
        if !matches!(kind, FailureKind::Truncated | FailureKind::Protocol) {
            self.words(failure, error, extra, &code(error, fixture.status));
        }
    }

    fn words(&mut self, failure: &Failure, error: &Value, extra: &Value, code: &str) {
        if let Some(part) = extra["error_message_contains"].as_str() {
            if !failure.message.contains(part) {
                self.0.push(format!("error message: {:?}, expected {part:?} in it", failure.message));
            }
        } else if error["message"].is_string() {
            self.same("error message", json!(failure.message), &error["message"]);
        }
        self.same("error code", json!(failure.code), &json!(code));
        let wait = json!(failure.retry_after.map(|wait| wait.0.div_ceil(1_000_000)));
        self.one_of("retry_after_ms", wait, &error["retry_after_ms"], &extra["accept_retry_after_ms"]);
    }
}

/// What kind of failure the fixture asks for.
fn kind(error: &Value, status: u16) -> FailureKind {
    match error["type"].as_str() {
        _ if !is_success(status) => FailureKind::HttpStatus,
        Some("truncated") => FailureKind::Truncated,
        Some("protocol") => FailureKind::Protocol,
        Some("bad_response" | "http") => FailureKind::BadResponse,
        _ => FailureKind::ServerError,
    }
}

/// The code it asks for: the provider's own code, or else its word, or else the status of an HTTP error.
fn code(error: &Value, status: u16) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (&error["code"], &error["type"]) {
        (Value::Null, Value::Null) if is_success(status) => String::new(),
        (Value::Null, Value::Null) => status.to_string(),
        // The reader's own word where there is none of the provider's.
        (Value::Null, kind) if kind == "http" => status.to_string(),
        (Value::Null, kind) => word(kind),
        (code, _) => word(code),
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
