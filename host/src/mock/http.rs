//! HTTP/1.1 as far as the mock needs it: requests off a socket, heads of responses.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::net::TcpStream;

use super::socket;
use crate::clock::monotonic_ns;

/// One request, read whole.
pub(super) struct Request {
    pub(super) method: Method,
    /// Without the query: that may hold a credential.
    pub(super) path: String,
    /// The credential sent, bearer token or API key.
    pub(super) key: Option<String>,
    /// Whether the client takes a chunked response (HTTP/1.1).
    pub(super) chunked: bool,
    /// Whether the connection stays open afterwards.
    pub(super) keep_alive: bool,
    pub(super) body: Vec<u8>,
    /// When its last byte had been read (`CLOCK_MONOTONIC`).
    pub(super) read_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Other,
}

/// Why there is no request to answer.
#[derive(Debug)]
pub(super) enum NoRequest {
    /// The client left, or sent nothing for too long.
    Gone,
    /// What it sent is not acceptable; the connection cannot go on.
    Refused { status: u16, message: &'static str },
}

/// The longest head read: what common servers take.
const HEAD_LIMIT: usize = 64 * 1024;
/// The longest body read: a prompt of a million tokens with room to spare, while one client cannot fill the memory.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Headers in one request: what hyper takes.
const HEADERS_LIMIT: usize = 100;
/// An open connection on which nothing comes for this long is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(3600);

/// The read end of a connection: bytes that came and are not consumed yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Waits for the next request.
    pub(super) async fn next(&mut self, stream: &TcpStream) -> Result<Request, NoRequest> {
        let head = loop {
            if let Some(head) = parse_head(&self.bytes)? {
                break head;
            }
            self.fill(stream, 4096).await?;
        };
        self.bytes.drain(..head.bytes);
        if head.expects_continue && self.bytes.is_empty() {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            socket::write_all(stream, go_on, None).await.map_err(|_| NoRequest::Gone)?;
        }
        let body = match head.body {
            BodyLength::Known(length) => self.sized_body(stream, length).await?,
            BodyLength::Chunked => self.chunked_body(stream).await?,
        };
        let read_ns = monotonic_ns();
        if self.bytes.is_empty() {
            // Thousands of connections wait with nothing to read: none of them keeps a buffer meanwhile.
            self.bytes = Vec::new();
        }
        let Head { method, path, key, chunked, keep_alive, .. } = head;
        Ok(Request { method, path, key, chunked, keep_alive, body, read_ns })
    }

    async fn sized_body(&mut self, stream: &TcpStream, length: usize) -> Result<Vec<u8>, NoRequest> {
        if length > BODY_LIMIT {
            return Err(TOO_LARGE);
        }
        while self.bytes.len() < length {
            self.fill(stream, (length - self.bytes.len()).min(64 * 1024)).await?;
        }
        let rest = self.bytes.split_off(length);
        Ok(std::mem::replace(&mut self.bytes, rest))
    }

    async fn chunked_body(&mut self, stream: &TcpStream) -> Result<Vec<u8>, NoRequest> {
        let mut body = Vec::new();
        loop {
            let (line, size) = loop {
                match httparse::parse_chunk_size(&self.bytes) {
                    Ok(httparse::Status::Complete(found)) => break found,
                    Ok(httparse::Status::Partial) => self.fill(stream, 4096).await?,
                    Err(_) => return Err(refuse(400, "a chunk of the body has no readable size")),
                }
            };
            self.bytes.drain(..line);
            let size =
                usize::try_from(size).ok().filter(|size| body.len().saturating_add(*size) <= BODY_LIMIT);
            let size = size.ok_or(TOO_LARGE)?;
            if size == 0 {
                while self.take_line(stream).await? > 0 {}
                return Ok(body);
            }
            while self.bytes.len() < size + 2 {
                self.fill(stream, (size + 2 - self.bytes.len()).min(64 * 1024)).await?;
            }
            body.extend_from_slice(&self.bytes[..size]);
            self.bytes.drain(..size + 2);
        }
    }

    /// Consumes a line (trailers of a chunked body); gives its length without the line end.
    async fn take_line(&mut self, stream: &TcpStream) -> Result<usize, NoRequest> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\r\n") {
                self.bytes.drain(..end + 2);
                return Ok(end);
            }
            if self.bytes.len() > HEAD_LIMIT {
                return Err(refuse(431, "the trailers of the body are too long"));
            }
            self.fill(stream, 4096).await?;
        }
    }

    /// Reads what there is, at most `room` bytes.
    async fn fill(&mut self, stream: &TcpStream, room: usize) -> Result<(), NoRequest> {
        let filled = self.bytes.len();
        self.bytes.resize(filled + room, 0);
        let read = tokio::time::timeout(IDLE_LIMIT, socket::read(stream, &mut self.bytes[filled..])).await;
        let read = read.ok().and_then(Result::ok).unwrap_or(0);
        self.bytes.truncate(filled + read);
        if read == 0 { Err(NoRequest::Gone) } else { Ok(()) }
    }
}

const TOO_LARGE: NoRequest = refuse(413, "the body is longer than 64 MiB");

const fn refuse(status: u16, message: &'static str) -> NoRequest {
    NoRequest::Refused { status, message }
}

struct Head {
    /// Its length on the wire.
    bytes: usize,
    method: Method,
    path: String,
    key: Option<String>,
    chunked: bool,
    keep_alive: bool,
    expects_continue: bool,
    body: BodyLength,
}

enum BodyLength {
    Known(usize),
    Chunked,
}

/// The head at the start of `bytes`; `None` where its end has not come yet.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, NoRequest> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_LIMIT => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(refuse(431, "the request's head is too long"));
        }
        Err(_) => return Err(refuse(400, "this is no HTTP/1 request")),
    };
    let modern = parsed.version == Some(1);
    let mut head = Head {
        bytes: length,
        method: match parsed.method {
            Some("GET") => Method::Get,
            Some("POST") => Method::Post,
            _ => Method::Other,
        },
        path: parsed.path.unwrap_or_default().split('?').next().unwrap_or_default().to_owned(),
        key: None,
        chunked: modern,
        keep_alive: modern,
        expects_continue: false,
        body: BodyLength::Known(0),
    };
    // The answer to a HEAD would have to come without its body; closing is simpler, and right for any method.
    head.keep_alive &= head.method != Method::Other;
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        match header.name.to_ascii_lowercase().as_str() {
            "authorization" => head.key = Some(value.strip_prefix("Bearer ").unwrap_or(value).to_owned()),
            "x-api-key" | "api-key" => head.key = Some(value.to_owned()),
            "connection" if value.eq_ignore_ascii_case("close") => head.keep_alive = false,
            "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
            "transfer-encoding" => head.body = BodyLength::Chunked,
            "content-length" if !matches!(head.body, BodyLength::Chunked) => {
                let length = value.parse().map_err(|_| refuse(400, "content-length is no number"))?;
                head.body = BodyLength::Known(length);
            }
            _ => {}
        }
    }
    Ok(Some(head))
}

/// The head of a response. `extra` holds whole header lines, each with its line end.
pub(super) fn head(status: u16, content_type: &str, body: Framing, keep_alive: bool, extra: &str) -> String {
    let mut head = format!("HTTP/1.1 {status} {}\r\ncontent-type: {content_type}\r\n{extra}", reason(status));
    // Writing to a String cannot fail.
    let _ = match body {
        Framing::Length(length) => write!(head, "content-length: {length}\r\n"),
        Framing::Chunked => write!(head, "transfer-encoding: chunked\r\n"),
        Framing::UntilClose => Ok(()),
    };
    if !keep_alive || body == Framing::UntilClose {
        head += "connection: close\r\n";
    }
    head + "\r\n"
}

/// How a response's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    /// By closing the connection (HTTP/1.0).
    UntilClose,
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}
