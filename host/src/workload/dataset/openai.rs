//! OpenAI's batch file: one request a line, `{custom_id, method, url, body}`. Roles and messages are kept; how to sample is
//! the run's to say, so those fields of the body are left out and told of.

use serde_json::{Map, Value};

use super::row::{Asked, Row, RowError, element, kind, list, message, object, output_tokens, text};
use crate::record::Message;

/// Fields of a body that are read, or that the run says for itself.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "prompt",
    "input",
    "instructions",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
];

/// The row, and the names of the body's fields that are not sent.
pub(super) fn batch(bytes: &[u8]) -> Result<(Row, Vec<String>), RowError> {
    let row = object(bytes)?;
    let body = match row.get("body") {
        Some(Value::Object(body)) => body,
        Some(other) => return Err(RowError::new("body", format!("is {}, no object", kind(other)))),
        None => return Err(RowError::new("body", "is missing")),
    };
    let ignored = body.keys().filter(|key| !KNOWN.contains(&key.as_str())).cloned().collect();
    let mut messages = conversation(body)?;
    if let Some(Value::String(instructions)) = body.get("instructions") {
        messages.insert(0, message("system", instructions));
    }
    let keys = ["max_completion_tokens", "max_output_tokens", "max_tokens"];
    let output = output_tokens(body, &keys, "body.")?;
    Ok((Row::of(Asked::Messages(messages), output), ignored))
}

fn conversation(body: &Map<String, Value>) -> Result<Vec<Message>, RowError> {
    if body.contains_key("messages") {
        return messages(list(body, "messages", "body.messages")?, "body.messages");
    }
    for key in ["prompt", "input"] {
        let path = format!("body.{key}");
        return match body.get(key) {
            None => continue,
            Some(Value::String(text)) => Ok(vec![message("user", text)]),
            Some(Value::Array(_)) => {
                let items = list(body, key, &path)?;
                match items {
                    [Value::String(text)] => Ok(vec![message("user", text)]),
                    [Value::Object(_), ..] => messages(items, &path),
                    _ => Err(RowError::new(path, "is a list of several prompts; a row is one request")),
                }
            }
            Some(other) => Err(RowError::new(path, format!("is {}, no text", kind(other)))),
        };
    }
    Err(RowError::new("body", "has neither messages nor prompt nor input"))
}

fn messages(items: &[Value], path: &str) -> Result<Vec<Message>, RowError> {
    let numbered = items.iter().enumerate();
    numbered
        .map(|(n, item)| {
            let path = format!("{path}[{n}]");
            let item = element(item, &path)?;
            let role = text(item, "role", &format!("{path}.role"))?;
            Ok(message(role, content(item.get("content"), &format!("{path}.content"))?))
        })
        .collect()
}

/// A text, or a list of parts that are texts.
fn content(value: Option<&Value>, path: &str) -> Result<String, RowError> {
    let parts = match value {
        Some(Value::String(text)) => return Ok(text.clone()),
        // An assistant's turn that only called tools.
        Some(Value::Null) => return Ok(String::new()),
        Some(Value::Array(parts)) => parts,
        Some(other) => return Err(RowError::new(path, format!("is {}, no text", kind(other)))),
        None => return Err(RowError::new(path, "is missing")),
    };
    let mut joined = String::new();
    for (n, part) in parts.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let part = element(part, &path)?;
        let word = part.get("type").and_then(Value::as_str).unwrap_or("text");
        if !matches!(word, "text" | "input_text" | "output_text") {
            return Err(RowError::new(path, format!("is of type {word:?}; only text is sent")));
        }
        joined.push_str(text(part, "text", &format!("{path}.text"))?);
    }
    Ok(joined)
}
