//! A small framer, so that a plugin can be tested without the host: enough of each framing for a body that is there as a whole.

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
        [Framing::Body] => Ok(whole(body)),
        // A message begins with its length, which is far below 16 MiB; anything else is an answer that is not streamed.
        [Framing::AwsEventStream, ..] if body.first() != Some(&0) => Ok(whole(body)),
        [Framing::AwsEventStream] => messages(body),
        [Framing::AwsEventStream, inner @ ..] => cut_inside(inner, &messages(body)?),
        _ => Err(format!(
            "the native test runner cannot cut {framing:?}; decode such events one by one in a test"
        )),
    }
}

/// How many events the outermost framing has; `inner` of them came out.
pub(super) fn count(framing: &[Framing], body: &[u8], inner: usize) -> usize {
    match framing {
        [Framing::AwsEventStream, _, ..] if body.first() == Some(&0) => {
            messages(body).map_or(0, |events| events.len())
        }
        _ => inner,
    }
}

fn whole(body: &[u8]) -> Vec<Framed> {
    vec![Framed { event: Event::new("", body), end: body.len() }]
}

/// The parts of a payload, joined and cut once more. Each event came with the message that holds its last byte.
fn cut_inside(framing: &[Framing], messages: &[Framed]) -> Result<Vec<Framed>, String> {
    let is_part = |message: &&Framed| message.event.name.is_empty() || message.event.name == "PayloadPart";
    let payload: Vec<u8> =
        messages.iter().filter(is_part).flat_map(|message| message.event.data.clone()).collect();
    let value = matches!(payload.trim_ascii().first(), Some(b'[' | b'{'));
    let mut events = if value { whole(&payload) } else { cut(framing, &payload)? };
    for event in &mut events {
        let mut length = 0;
        let mut parts = messages.iter().filter(is_part);
        let holder = parts.find(|part| {
            length += part.event.data.len();
            length >= event.end
        });
        event.end = holder.map_or(0, |part| part.end);
    }
    let others = messages.iter().filter(|message| !is_part(message));
    events.extend(others.map(|message| Framed { event: message.event.clone(), end: message.end }));
    events.sort_by_key(|event| event.end);
    Ok(events)
}

/// `application/vnd.amazon.eventstream`, checksums unread: the length of the message, that of its headers, a checksum, the
/// headers (texts alone are known here), the payload, a checksum.
fn messages(body: &[u8]) -> Result<Vec<Framed>, String> {
    let (mut events, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let message = || -> Option<(Event, usize)> {
            let number =
                |start| Some(u32::from_be_bytes(*body.get(at + start..)?.first_chunk::<4>()?) as usize);
            let (total, headers) = (number(0)?, number(4)?);
            let end = at.checked_add(total)?;
            let payload = body.get(at + 12 + headers..end.checked_sub(4)?)?;
            Some((
                Event { name: message_name(body.get(at + 12..at + 12 + headers)?)?, data: payload.to_vec() },
                end,
            ))
        };
        let (event, end) = message().ok_or("the eventstream is broken")?;
        events.push(Framed { event, end });
        at = end;
    }
    Ok(events)
}

fn message_name(mut headers: &[u8]) -> Option<String> {
    let mut found = String::new();
    while let Some((&length, rest)) = headers.split_first() {
        let (name, rest) = rest.split_at_checked(length.into())?;
        let (lengths, rest) = rest.strip_prefix(&[7])?.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*lengths).into())?;
        if matches!(name, b":event-type" | b":exception-type" | b":error-code") {
            found = String::from_utf8_lossy(value).into_owned();
        }
        headers = rest;
    }
    Some(found)
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
