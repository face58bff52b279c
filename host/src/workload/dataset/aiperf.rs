//! AIPerf's own files: single-turn rows `{"text"|"texts", "timestamp"?}` and multi-turn rows
//! `{"session_id"?, "turns": [{"text"|"texts", "delay"?}, …]}`. Times are milliseconds.

use serde_json::{Map, Value};

use super::row::{Asked, Row, RowError, Turn, element, list, message, millis, object, output_tokens, text};
use crate::units::Span;

/// What carries other media than text.
const OTHER_MEDIA: &[&str] = &["image", "images", "audio", "audios", "video", "videos"];

/// A row, and the names of its fields that have no effect.
pub(super) fn single_turn(bytes: &[u8]) -> Result<(Row, Vec<String>), RowError> {
    let row = object(bytes)?;
    let due = millis(&row, "timestamp", "timestamp")?;
    let turns = vec![turn(&row, "", Span(0))?];
    let ignored = ["delay", "session_id", "extra"].into_iter().filter(|key| row.contains_key(*key));
    let ignored = ignored.map(str::to_owned).collect();
    Ok((Row { turns, due }, ignored))
}

/// A session.
pub(super) fn multi_turn(bytes: &[u8]) -> Result<Row, RowError> {
    let row = object(bytes)?;
    let (mut turns, mut due) = (Vec::new(), None);
    for (n, item) in list(&row, "turns", "turns")?.iter().enumerate() {
        let path = format!("turns[{n}]");
        let item = element(item, &path)?;
        let delay = millis(item, "delay", &format!("{path}.delay"))?;
        if n == 0 {
            due = millis(item, "timestamp", &format!("{path}.timestamp"))?;
        }
        // The first turn has no answer before it to think about.
        let think = if n == 0 { Span(0) } else { delay.unwrap_or_default() };
        turns.push(turn(item, &format!("{path}."), think)?);
    }
    Ok(Row { turns, due })
}

fn turn(item: &Map<String, Value>, parent: &str, think: Span) -> Result<Turn, RowError> {
    if let Some(key) = OTHER_MEDIA.iter().find(|key| item.contains_key(**key)) {
        return Err(RowError::new(format!("{parent}{key}"), "is no text, and only text is sent"));
    }
    let words = match item.get("texts") {
        Some(Value::Array(_)) => {
            texts(list(item, "texts", &format!("{parent}texts"))?, &format!("{parent}texts"))?
        }
        _ => text(item, "text", &format!("{parent}text"))?.to_owned(),
    };
    let role = match item.get("role") {
        Some(Value::String(role)) => role,
        _ => "user",
    };
    let output = output_tokens(item, &["output_length", "max_tokens"], parent)?;
    Ok(Turn { asked: Asked::Messages(vec![message(role, words)]), output, think })
}

/// The texts of one turn as one, a line each; a text is a string, or named `contents`.
fn texts(items: &[Value], path: &str) -> Result<String, RowError> {
    let mut all = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        match item {
            Value::String(text) => all.push(text.as_str()),
            other => {
                let path = format!("{path}.contents");
                for content in list(element(other, &path)?, "contents", &path)? {
                    all.push(content.as_str().ok_or_else(|| RowError::new(&path, "holds what is no text"))?);
                }
            }
        }
    }
    Ok(all.join("\n"))
}
