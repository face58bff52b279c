//! Checks a plugin natively against recorded answers: what it reads must be what the fixture says, for every
//! batching of the events. A test aid, not on wasm32: a run through llmperf itself,
//! with its own framing, has the last word.
//!
//! A fixture is a directory: `response.bin` (the raw body), `response.meta.json` (`status`, `headers` as
//! pairs), `expected.json` (what to get out of it) and, where the request matters, `spec.json` (`model`,
//! `prompt` or `messages`, `stream`, `max_tokens`, `sampling`, `options`; all optional) with `request.json`
//! (`method`, `path`, `headers`, `body`), which it must build.

mod expect;
mod framer;

use std::path::Path;

use serde_json::Value;

use crate::{
    Decode, Event, Failure, Input, Message, Out, Piece, Plugin, RequestSpec, ResponseHead, Usage, decode,
};

/// Checks every fixture in a directory.
///
/// ```no_run
/// # use llmperf_sdk::*;
/// # struct Shout;
/// # impl Plugin for Shout {
/// #     type Decoder = Lines;
/// #     fn describe() -> Description { Description::new("", "", "") }
/// #     fn build_request(_: &RequestSpec) -> Result<HttpRequest, String> { Err(String::new()) }
/// # }
/// # struct Lines;
/// # impl Decode for Lines {
/// #     fn new(_: &str, _: &ResponseHead) -> Lines { Lines }
/// #     fn push(&mut self, _: &Event, _: &mut Out) -> Result<(), Failure> { Ok(()) }
/// # }
/// testing::check_fixtures::<Shout>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
/// ```
///
/// # Panics
/// With everything that differs, or where the directory holds no fixture.
pub fn check_fixtures<P: Plugin>(dir: impl AsRef<Path>) {
    let dir = dir.as_ref();
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut cases: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "{}: no fixture", dir.display());
    let problems: Vec<String> = cases.iter().filter_map(|case| check_case::<P>(case).err()).collect();
    assert!(
        problems.is_empty(),
        "{} of {} fixtures differ\n{}",
        problems.len(),
        cases.len(),
        problems.join("\n")
    );
}

/// Checks one fixture. [`check_fixtures`] has an example.
///
/// # Errors
/// Everything that differs, a line each, or why the fixture cannot be read.
pub fn check_case<P: Plugin>(dir: impl AsRef<Path>) -> Result<(), String> {
    let dir = dir.as_ref();
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let problems = case_problems::<P>(dir).map_err(|e| format!("{name}: {e}"))?;
    match problems.is_empty() {
        true => Ok(()),
        false => {
            Err(problems.iter().map(|problem| format!("{name}: {problem}")).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn case_problems<P: Plugin>(dir: &Path) -> Result<Vec<String>, String> {
    let body = std::fs::read(dir.join("response.bin")).map_err(|e| format!("response.bin: {e}"))?;
    let head = head(&json(dir, "response.meta.json")?);
    let expected = json(dir, "expected.json")?;
    let spec = if dir.join("spec.json").exists() { Some(json(dir, "spec.json")?) } else { None };

    let request_spec = request_spec(spec.as_ref().unwrap_or(&Value::Null)).with_defaults(&P::describe());
    let request = P::build_request(&request_spec)?;
    let mut problems = Vec::new();
    if spec.is_some() && dir.join("request.json").exists() {
        expect::request(&request, &json(dir, "request.json")?, &mut problems);
    }

    if !(200..300).contains(&head.status) {
        expect::failure(None, Some(&P::explain(&head, &body)), &expected, head.status, &mut problems);
        return Ok(problems);
    }
    let events = framer::cut(&request.framing, &body)?;
    let reading = Reading::of::<P>(&request_spec.task, &head, &events, events.len(), &expected);
    // Whole, one by one, in pairs: a decoder must not see how the host batches.
    for size in [1, 2] {
        let other = Reading::of::<P>(&request_spec.task, &head, &events, size, &expected);
        if other != reading {
            problems
                .push(format!("in batches of {size} the reading is {other:?}, at once it is {reading:?}"));
        }
    }
    let count = framer::count(&request.framing, &body, events.len());
    expect::reading(&reading, &events, count, &expected, head.status, &mut problems);
    Ok(problems)
}

/// One event, and the offset after its last byte.
#[derive(Debug)]
struct Framed {
    event: Event,
    end: usize,
}

/// All that was read of a response, put together as the host does.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    /// Index of the event, and the text that came with it.
    text: Vec<(usize, String)>,
    reasoning: Vec<(usize, String)>,
    refusal: String,
    /// By index of the call: its fragments, joined.
    tool_calls: std::collections::BTreeMap<u32, String>,
    usage: Usage,
    finish: Option<String>,
    failure: Option<(usize, Failure)>,
    terminated: bool,
    token_ids: Vec<u32>,
    server_timing: std::collections::BTreeMap<String, f64>,
    embedding: Option<u32>,
}

impl Reading {
    fn of<P: Plugin>(
        task: &str,
        head: &ResponseHead,
        events: &[Framed],
        size: usize,
        expected: &Value,
    ) -> Reading {
        let mut reading = Reading::default();
        let mut decoder = P::Decoder::new(task, head);
        for (batch_index, batch) in events.chunks(size.max(1)).enumerate() {
            let batch: Vec<Event> = batch.iter().map(|framed| framed.event.clone()).collect();
            for delta in decode(&mut decoder, &batch) {
                reading.take(batch_index * size + delta.event as usize, delta.piece);
            }
        }
        let mut out = Out::new();
        decoder.finish(expected["error"]["type"] != "truncated", &mut out);
        for delta in out.into_deltas() {
            reading.take(events.len().saturating_sub(1), delta.piece);
        }
        let errs = |word: &&String| word.eq_ignore_ascii_case("error");
        if let (None, Some(word)) = (&reading.failure, reading.finish.as_ref().filter(errs)) {
            let failure = Failure::new(word, "the server ended the answer with an error");
            reading.failure = Some((events.len().saturating_sub(1), failure));
        }
        reading
    }

    fn take(&mut self, event: usize, piece: Piece) {
        match piece {
            Piece::Text(text) => append(&mut self.text, event, &text),
            Piece::Reasoning(text) => append(&mut self.reasoning, event, &text),
            Piece::Refusal(text) => self.refusal.push_str(&text),
            Piece::ToolCall((index, text)) => self.tool_calls.entry(index).or_default().push_str(&text),
            Piece::Usage(usage) => _ = self.usage.update(&usage),
            Piece::Finish(word) => {
                self.finish.get_or_insert(word);
            }
            Piece::Failure(failure) => {
                self.failure.get_or_insert((event, failure));
            }
            Piece::End => self.terminated = true,
            Piece::TokenIds(ids) => self.token_ids.extend(ids),
            Piece::ServerTiming((name, value)) => {
                self.server_timing.insert(name, value);
            }
            Piece::Embedding(dimensions) => self.embedding = Some(dimensions),
        }
    }
}

/// Two pieces of one event are one arrival.
fn append(pieces: &mut Vec<(usize, String)>, event: usize, text: &str) {
    match pieces.last_mut() {
        Some((last, known)) if *last == event => known.push_str(text),
        _ => pieces.push((event, text.to_owned())),
    }
}

fn json(dir: &Path, file: &str) -> Result<Value, String> {
    let text = std::fs::read(dir.join(file)).map_err(|e| format!("{file}: {e}"))?;
    serde_json::from_slice(&text).map_err(|e| format!("{file}: {e}"))
}

fn head(meta: &Value) -> ResponseHead {
    let pairs = meta["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ResponseHead {
        status: meta["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200),
        headers: pairs
            .iter()
            .map(|pair| crate::Header { name: text(&pair[0]), value: text(&pair[1]) })
            .collect(),
    }
}

/// `spec.json`, over the spec of a plain streamed chat.
fn request_spec(spec: &Value) -> RequestSpec {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut built =
        RequestSpec::chat(spec["model"].as_str().unwrap_or("m"), spec["prompt"].as_str().unwrap_or("Say hi"));
    if let Some(task) = text(&spec["task"]) {
        built.task = task;
    }
    if let Some(messages) = spec["messages"].as_array() {
        let message = |message: &Value| {
            Message::text(
                message["role"].as_str().unwrap_or("user"),
                message["content"].as_str().unwrap_or_default(),
            )
        };
        built.input = Input::Messages(messages.iter().map(message).collect());
    }
    built.stream = spec["stream"].as_bool().unwrap_or(true);
    built.max_tokens = spec["max_tokens"].as_u64().and_then(|tokens| u32::try_from(tokens).ok());
    if spec["sampling"].is_object() {
        built.sampling = spec["sampling"].to_string();
    }
    for (name, value) in spec["options"].as_object().into_iter().flatten() {
        built = built.with_option(name, value.as_str().unwrap_or_default());
    }
    built
}

#[cfg(test)]
mod tests;
