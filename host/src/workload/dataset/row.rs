//! One row of a dataset as every format gives it, and the fields it is read from. A field that is not what it should be
//! is an error that names it.

use serde_json::{Map, Value};

use crate::record::Message;
use crate::units::{Span, Tokens};
use crate::workload::Normal;

/// What a row asks: one turn, or a session of several.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workload) struct Row {
    /// In order; never empty.
    pub(in crate::workload) turns: Vec<Turn>,
    /// When the row is due, on the dataset's own clock; `None` where the format or the row has no times.
    pub(in crate::workload) due: Option<Span>,
}

/// One request of a row.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workload) struct Turn {
    pub(in crate::workload) asked: Asked,
    pub(in crate::workload) output: OutputLength,
    /// Time from the end of the answer before to this turn.
    pub(in crate::workload) think: Span,
}

/// What a turn says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workload) enum Asked {
    /// These messages, behind those of the turns before.
    Messages(Vec<Message>),
    /// A text of this length. Each block id stands for one block of text, the same wherever the id stands.
    Length { tokens: Tokens, blocks: Vec<u64> },
}

/// The output a turn asks for.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workload) enum OutputLength {
    Tokens(Tokens),
    /// As long as this text, by the local tokenizer.
    Of(String),
    /// The row does not say; it is drawn.
    Unsaid,
}

impl Row {
    /// A row of one turn without a time.
    pub(in crate::workload) fn of(asked: Asked, output: OutputLength) -> Row {
        Row { turns: vec![Turn { asked, output, think: Span(0) }], due: None }
    }
}

impl Asked {
    /// One message of the user.
    pub(in crate::workload) fn text(text: impl Into<String>) -> Asked {
        Asked::Messages(vec![message("user", text)])
    }
}

pub(in crate::workload) fn message(role: &str, text: impl Into<String>) -> Message {
    Message { role: role.to_owned(), text: text.into() }
}

/// What is wrong with a row: a field by its path, and what it is instead of what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::workload) struct RowError {
    /// Empty where it is the row as a whole.
    pub(in crate::workload) field: String,
    pub(in crate::workload) wrong: String,
    /// Lines between the start of the row and what is wrong.
    pub(in crate::workload) lines: u64,
}

impl RowError {
    pub(in crate::workload) fn new(field: impl Into<String>, wrong: impl Into<String>) -> RowError {
        RowError { field: field.into(), wrong: wrong.into(), lines: 0 }
    }
}

/// The object that a row is.
pub(in crate::workload) fn object(bytes: &[u8]) -> Result<Map<String, Value>, RowError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        // The position is within the row; it is told as a line of the file.
        let wrong = text.split(" at line ").next().unwrap_or_default();
        let lines = (error.line() as u64).saturating_sub(1);
        RowError { lines, ..RowError::new("", format!("is no JSON: {wrong} (column {})", error.column())) }
    })?;
    match value {
        Value::Object(map) => Ok(map),
        other => Err(RowError::new("", format!("is {}, no JSON object", kind(&other)))),
    }
}

/// A text that must be there.
pub(in crate::workload) fn text<'a>(
    map: &'a Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<&'a str, RowError> {
    match map.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(RowError::new(path, format!("is {}, no text", kind(other)))),
        None => Err(RowError::new(path, "is missing")),
    }
}

/// A list that must be there and hold something.
pub(in crate::workload) fn list<'a>(
    map: &'a Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<&'a [Value], RowError> {
    match map.get(key) {
        Some(Value::Array(list)) if list.is_empty() => Err(RowError::new(path, "is empty")),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(RowError::new(path, format!("is {}, no list", kind(other)))),
        None => Err(RowError::new(path, "is missing")),
    }
}

/// An element of a list that must be an object.
pub(in crate::workload) fn element<'a>(
    value: &'a Value,
    path: &str,
) -> Result<&'a Map<String, Value>, RowError> {
    value.as_object().ok_or_else(|| RowError::new(path, format!("is {}, no object", kind(value))))
}

/// A number of tokens, 1 or more, where there is one.
pub(in crate::workload) fn tokens(
    map: &Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<Option<Tokens>, RowError> {
    let Some(value) = map.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    // A file written by way of a float column says 128.0.
    let whole =
        value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64));
    match whole {
        Some(n) => in_bounds(n, path).map(Some),
        None => Err(RowError::new(path, format!("is {}, no number of tokens", shown(value)))),
    }
}

/// A number of tokens that some request can have.
pub(in crate::workload) fn in_bounds(n: u64, path: &str) -> Result<Tokens, RowError> {
    match n {
        1..=Normal::MAX => Ok(Tokens(n)),
        _ => Err(RowError::new(path, format!("is {n}, not 1 to {} tokens", Normal::MAX))),
    }
}

/// The output length that one of the keys says, the first that is there.
pub(in crate::workload) fn output_tokens(
    map: &Map<String, Value>,
    keys: &[&str],
    parent: &str,
) -> Result<OutputLength, RowError> {
    for key in keys {
        if let Some(tokens) = tokens(map, key, &format!("{parent}{key}"))? {
            return Ok(OutputLength::Tokens(tokens));
        }
    }
    Ok(OutputLength::Unsaid)
}

/// A time in milliseconds, where there is one.
pub(in crate::workload) fn millis(
    map: &Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<Option<Span>, RowError> {
    let Some(value) = map.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    value
        .as_f64()
        .and_then(|ms| span(ms * 1e6))
        .map(Some)
        .ok_or_else(|| RowError::new(path, format!("is {}, no time in milliseconds", shown(value))))
}

/// A number of nanoseconds, where that is a time.
pub(in crate::workload) fn span(ns: f64) -> Option<Span> {
    // Unix times in nanoseconds are below it.
    (0.0..=9e18).contains(&ns).then(|| Span(ns.round() as u64))
}

/// A value for people, at a bounded length.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

pub(in crate::workload) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
