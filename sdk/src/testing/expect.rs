//! Compares what a plugin did with what the fixture says. Every difference is a line.

use serde_json::Value;

use super::{Framed, Reading};
use crate::{Failure, HttpRequest, Usage};

/// `request.json`: the path it must end in, the headers it names (the host adds credentials) and the body,
/// field by field.
pub(super) fn request(got: &HttpRequest, expected: &Value, problems: &mut Vec<String>) {
    same("method", &Value::from(&*got.method), &expected["method"], problems);
    let path = format!("/{}", got.path.join("/"));
    if !expected["path"].as_str().is_some_and(|expected| expected.ends_with(&path)) {
        problems.push(format!("path: {path}, expected {}", expected["path"]));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let Some(header) = got.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)) else {
            continue;
        };
        same(name, &Value::from(&*header.value), value, problems);
    }
    match serde_json::from_slice(&got.body) {
        Ok(body) => same("body", &body, &expected["body"], problems),
        Err(e) => problems.push(format!("body: {e}")),
    }
}

/// `expected.json`, for a successful answer.
pub(super) fn reading(
    got: &Reading,
    events: &[Framed],
    count: usize,
    expected: &Value,
    status: u16,
    problems: &mut Vec<String>,
) {
    let stopped = accepted_stop(got, expected);
    if stopped.is_none() {
        let failure = got.failure.as_ref();
        self::failure(
            failure.map(|(event, _)| *event),
            failure.map(|(_, failure)| failure),
            expected,
            status,
            problems,
        );
    }
    let text: String = got.text.iter().map(|(_, piece)| &**piece).collect();
    let reasoning: String = got.reasoning.iter().map(|(_, piece)| &**piece).collect();
    match stopped {
        // The fixture accepts a reader that gives up there: nothing after it counts.
        Some(stopped) => return same("text", &Value::from(text), stopped, problems),
        None if expected["text"].is_null() => {}
        None => same("text", &Value::from(text), &expected["text"], problems),
    }
    let pieces: Vec<&str> = got.text.iter().map(|(_, piece)| &**piece).collect();
    same("content_pieces", &Value::from(pieces), &expected["content_pieces"], problems);
    same("reasoning_text", &Value::from(reasoning), &expected["reasoning_text"], problems);
    ends("content_event_end_offsets", &got.text, events, expected, problems);
    ends("reasoning_event_end_offsets", &got.reasoning, events, expected, problems);
    one_of("events", &Value::from(count), &expected["events"], &expected["extra"]["accept_events"], problems);
    let terminated = Value::from(got.terminated);
    let accepted = &expected["extra"]["accept_terminated"];
    one_of("terminated", &terminated, &expected["terminated"], accepted, problems);
    same("finish_reason", &Value::from(got.finish.clone()), &expected["finish_reason"], problems);
    tool_calls(got, expected, problems);
    usage(&got.usage, &expected["usage"], problems);
    server_timing(got, expected, problems);
}

/// A failure, of an answer or in one: `None` where there is none.
pub(super) fn failure(
    event: Option<usize>,
    got: Option<&Failure>,
    expected: &Value,
    status: u16,
    problems: &mut Vec<String>,
) {
    let (error, extra) = (&expected["error"], &expected["extra"]);
    let host_finds = ["truncated", "protocol"].iter().any(|kind| error["type"] == *kind);
    let Some(got) = got else {
        if !error.is_null() && !host_finds && extra["accept_no_error"] != true {
            problems.push(format!("error: none, expected {error}"));
        }
        return;
    };
    if error.is_null() {
        return problems.push(format!("error: {got:?}, expected none"));
    }
    // The code, where it has one, else the type, else the status; "http" and "bad_response" are the reader's
    // own words.
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let code = match (&error["code"], &error["type"]) {
        (Value::Null, Value::Null) if event.is_some() => String::new(),
        (Value::Null, Value::Null) => status.to_string(),
        (Value::Null, kind) if kind == "http" => status.to_string(),
        (Value::Null, kind) => word(kind),
        (code, _) => word(code),
    };
    same("error code", &Value::from(&*got.code), &Value::from(code), problems);
    if let Some(part) = extra["error_message_contains"].as_str() {
        if !got.message.contains(part) {
            problems.push(format!("error message: {:?}, expected {part:?} in it", got.message));
        }
    } else if error["message"].is_string() {
        same("error message", &Value::from(&*got.message), &error["message"], problems);
    }
    let wait = Value::from(got.retry_after_ms);
    one_of("retry_after_ms", &wait, &error["retry_after_ms"], &extra["accept_retry_after_ms"], problems);
    if let Some(event) = event {
        one_of(
            "error event",
            &Value::from(event),
            &error["event_index"],
            &extra["accept_event_index"],
            problems,
        );
    }
}

/// The text up to an error that the fixture accepts but does not ask for.
fn accepted_stop<'a>(got: &Reading, expected: &'a Value) -> Option<&'a Value> {
    let accepted = &expected["extra"]["accept_error_at"];
    let (event, _) = got.failure.as_ref()?;
    (accepted["event_index"] == *event).then_some(&accepted["text"])
}

fn tool_calls(got: &Reading, expected: &Value, problems: &mut Vec<String>) {
    let got: Vec<&str> = got.tool_calls.values().map(String::as_str).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = expected["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let calls: Vec<String> =
        calls.iter().map(|call| text(&call["name"]) + &text(&call["arguments"])).collect();
    same("tool_calls", &Value::from(got), &Value::from(calls), problems);
}

fn usage(got: &Usage, expected: &Value, problems: &mut Vec<String>) {
    let fields = [
        ("input_tokens", got.input_tokens),
        ("output_tokens", got.output_tokens),
        ("cached_input_tokens", got.cached_input_tokens),
        ("cache_write_tokens", got.cache_write_tokens),
        ("reasoning_tokens", got.reasoning_tokens),
    ];
    for (name, got) in fields {
        same(name, &Value::from(got), &expected[name], problems);
    }
}

fn server_timing(got: &Reading, expected: &Value, problems: &mut Vec<String>) {
    let expected: std::collections::BTreeMap<String, f64> = expected["server_timing"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .collect();
    if got.server_timing != expected {
        problems.push(format!("server_timing: {:?}, expected {expected:?}", got.server_timing));
    }
}

/// A text must come with the event whose last byte completes it; with CRLF the CR is as good as the LF.
fn ends(
    field: &str,
    got: &[(usize, String)],
    events: &[Framed],
    expected: &Value,
    problems: &mut Vec<String>,
) {
    let Some(expected) = expected[field].as_array() else {
        return;
    };
    let got: Vec<usize> = got.iter().filter_map(|(event, _)| Some(events.get(*event)?.end)).collect();
    let fits = |(got, expected): (&usize, &Value)| *expected == *got || *expected == *got + 1;
    if got.len() != expected.len() || !got.iter().zip(expected).all(fits) {
        problems.push(format!("{field}: {got:?}, expected {expected:?}"));
    }
}

fn one_of(name: &str, got: &Value, expected: &Value, accepted: &Value, problems: &mut Vec<String>) {
    if !accepted.as_array().is_some_and(|accepted| accepted.contains(got)) {
        same(name, got, expected, problems);
    }
}

fn same(name: &str, got: &Value, expected: &Value, problems: &mut Vec<String>) {
    if got != expected {
        problems.push(format!("{name}: {got}, expected {expected}"));
    }
}
