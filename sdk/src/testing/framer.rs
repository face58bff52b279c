//! A small framer, so that a plugin can be tested without the host: enough of SSE and NDJSON for a body that
//! is there as a whole.

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
        [Framing::Body] => Ok(vec![Framed { event: Event::new("", body), end: body.len() }]),
        _ => Err(format!(
            "the native test runner cannot cut {framing:?}; decode such events one by one in a test"
        )),
    }
}

/// A last line without its ending that is no whole JSON value was cut off: it is dropped, as the host drops it.
fn ndjson(body: &[u8]) -> Vec<Framed> {
    let is_ended = body.ends_with(b"\n") || body.ends_with(b"\r");
    let is_whole = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    let lines = lines(body).filter(|(line, end)| {
        !line.trim_ascii().is_empty() && (is_ended || *end < body.len() || is_whole(line))
    });
    lines.map(|(line, end)| Framed { event: Event::new("", line), end }).collect()
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
