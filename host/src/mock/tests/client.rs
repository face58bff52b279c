//! A plain HTTP client on a blocking socket, which keeps what it saw, broken or not.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::mock::MockHandle;

/// What a client saw.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    /// How the body ended: `whole`, `cut` (closed too early) or `reset`.
    pub(super) end: &'static str,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.starts_with(&format!("{name}: ")))?;
        Some(&line[name.len() + 2..])
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The data of its events, comments left out.
    pub(super) fn events(&self) -> Vec<&str> {
        let data = |event: &'_ str| event.lines().rev().find(|line| !line.starts_with(':')).is_some();
        let events = self.body.split("\n\n").filter(|event| data(event));
        events.map(|event| event.split_once("data: ").map_or(event, |(_, data)| data)).collect()
    }

    /// Text or reasoning, put together from its events.
    pub(super) fn text(&self, openai: &str, anthropic: &str) -> String {
        let pieces = self.events().into_iter().filter_map(|event| {
            let event: Value = serde_json::from_str(event).ok()?;
            let delta = &event["choices"][0]["delta"][openai];
            delta.as_str().or(event["delta"][anthropic].as_str()).map(str::to_owned)
        });
        pieces.collect()
    }

    pub(super) fn content(&self) -> String {
        self.text("content", "text")
    }
}

pub(super) fn words(text: &str) -> usize {
    text.split(' ').filter(|word| !word.is_empty()).count()
}

pub(super) const CHAT: &str = "/v1/chat/completions";
pub(super) const MESSAGES: &str = "/v1/messages";

pub(super) fn body(stream: bool) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "four" }], "stream": stream })
}

pub(super) fn post(mock: &MockHandle, path: &str, body: &Value) -> Seen {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nauthorization: Bearer test-key\r\nconnection: close\r\n");
    exchange(mock, &format!("{head}content-length: {}\r\n\r\n{body}", body.len()))
}

/// Sends a request and reads until the mock closes the connection.
pub(super) fn exchange(mock: &MockHandle, request: &str) -> Seen {
    let mut socket = TcpStream::connect(mock.addr()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    read_response(&mut socket)
}

pub(super) fn read_response(socket: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    let reset = match socket.read_to_end(&mut bytes) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("{error}"),
    };
    parse_response(&String::from_utf8(bytes).unwrap(), reset)
}

pub(super) fn parse_response(text: &str, reset: bool) -> Seen {
    let (head, rest) = text.split_once("\r\n\r\n").unwrap_or(("", ""));
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    let mut seen = Seen { status, head: head.to_owned(), body: rest.to_owned(), end: "whole" };
    if let Some(length) = seen.header("content-length") {
        if rest.len() < length.parse().unwrap() {
            seen.end = "cut";
        }
    } else if seen.header("transfer-encoding").is_some() {
        (seen.body, seen.end) = unchunk(rest);
    } else if head.is_empty() {
        seen.end = "cut";
    }
    if reset {
        seen.end = "reset";
    }
    seen
}

fn unchunk(mut rest: &str) -> (String, &'static str) {
    let mut body = String::new();
    loop {
        let Some((size, after)) = rest.split_once("\r\n") else { return (body, "cut") };
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            assert_eq!(after, "\r\n");
            return (body, "whole");
        }
        body += &after[..size.min(after.len())];
        let Some(after) = after.get(size + 2..) else { return (body, "cut") };
        rest = after;
    }
}
