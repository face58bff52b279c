//! A small framer, so that a plugin can be tested without the host: enough of SSE, NDJSON and JSON arrays for a
//! body that is there as a whole.

use super::Framed;
use crate::{Event, Framing};

/// Cuts a body into events.
///
/// # Errors
/// The framing is one that only the host cuts.
pub(super) fn cut(framing: &[Framing], body: &[u8]) -> Result<Vec<Framed>, String> {
    match framing {
        [Framing::Sse] => Ok(sse(body)),
        [Framing::Ndjson] => Ok(ndjson(body)),
        [Framing::JsonArray] => Ok(json_array(body)),
        [Framing::Body] => Ok(vec![Framed { event: Event::new("", body), end: body.len() }]),
        _ => Err(format!(
            "the native test runner cannot cut {framing:?}; decode such events one by one in a test"
        )),
    }
}

fn ndjson(body: &[u8]) -> Vec<Framed> {
    let lines = lines(body).filter(|(line, _)| !line.trim_ascii().is_empty());
    lines.map(|(line, end)| Framed { event: Event::new("", line), end }).collect()
}

/// Elements that are objects or lists; streams have no others.
fn json_array(body: &[u8]) -> Vec<Framed> {
    let (mut depth, mut start, mut in_string, mut escaped) = (0, 0, false, false);
    let mut events = Vec::new();
    for (at, &byte) in body.iter().enumerate() {
        match byte {
            b'"' if !escaped => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                start = if depth == 2 { at } else { start };
            }
            b']' | b'}' if !in_string => {
                depth -= 1;
                if depth == 1 {
                    events.push(Framed { event: Event::new("", &body[start..=at]), end: at + 1 });
                }
            }
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
    }
    events
}

/// By <https://html.spec.whatwg.org/multipage/server-sent-events.html>: an event without a blank line after it is dropped.
fn sse(body: &[u8]) -> Vec<Framed> {
    let start = if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let (mut name, mut data) = (String::new(), None::<Vec<u8>>);
    let mut events = Vec::new();
    for (line, end) in lines(&body[start..]) {
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            if let Some(data) = data.take() {
                events.push(Framed { event: Event { name, data }, end: start + end });
            }
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => name = String::from_utf8_lossy(value).into_owned(),
            b"data" => match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => data = Some(value.to_vec()),
            },
            _ => {}
        }
    }
    events
}

/// Lines ended by LF, CRLF or CR, with the offset after their ending; the last one may lack it, and is then
/// not blank.
fn lines(body: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let ending =
            if rest[length..].starts_with(b"\r\n") { 2 } else { rest.len().min(length + 1) - length };
        at += length + ending;
        Some((&rest[..length], at))
    })
}
