//! Plays a script to a socket: the streamed answer, event by event, each when it is due.

use std::io;

use rand_chacha::ChaCha8Rng;
use tokio::net::TcpStream;

use super::config::{MockConfig, RoleChunk};
use super::http::{self, Framing};
use super::pace::Pacer;
use super::script::{Cut, Purpose, Script, Turn, rng_for};
use super::serve::Mock;
use super::socket;
use super::truth::{End, TruthRow};
use super::voice::{Api, Around, MALFORMED, Voice, quoted};
use super::words;
use crate::clock::monotonic_ns;

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
}

/// The longest wait during which nobody looks whether the client is still there: the next write will tell soon enough.
const UNWATCHED_NS: u64 = 100_000_000;

/// A streamed answer under way.
pub(super) struct Player<'a> {
    socket: &'a TcpStream,
    config: &'a MockConfig,
    pacer: &'a Pacer,
    script: &'a Script,
    voice: &'a Voice,
    api: Api,
    row: &'a mut TruthRow,
    rng: ChaCha8Rng,
    chunk: Chunk,
    sent: u64,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        socket: &'a TcpStream,
        mock: &'a Mock,
        (api, script, voice): (Api, &'a Script, &'a Voice),
        chunked: bool,
        row: &'a mut TruthRow,
    ) -> Player<'a> {
        let (config, pacer) = (&mock.config, &mock.pacer);
        let rng = rng_for(config.seed, row.n, Purpose::Tokens);
        Player { socket, config, pacer, script, voice, api, row, rng, chunk: Chunk::new(chunked), sent: 0 }
    }

    /// Sends the whole answer, or what its script lets happen of it.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) async fn play(mut self, keep_alive: bool) -> io::Result<After> {
        self.open(keep_alive).await?;
        let mut cut = match self.script.turn {
            Turn::Cut { after, kind } => Some((after, kind)),
            _ => None,
        };
        let mut due = self.row.turn_ns.saturating_add(self.config.ttft.sample(&mut self.rng).0);
        loop {
            let now_cut = cut.filter(|(after, _)| *after == self.sent);
            if now_cut.is_none() && self.sent == self.script.tokens {
                break;
            }
            wait(self.socket, self.pacer, due).await?;
            if let Some((_, kind)) = now_cut {
                cut = None;
                if let Some(after) = self.go_wrong(kind).await? {
                    return Ok(after);
                }
                continue;
            }
            self.write_events(due, cut.map_or(self.script.tokens, |(after, _)| after)).await?;
            for _ in 0..self.script.events_per_write {
                due = due.saturating_add(self.config.itl.sample(&mut self.rng).0);
            }
        }
        self.close().await?;
        Ok(if keep_alive { After::Keep } else { After::Close })
    }

    /// The head, and with it the events without text.
    async fn open(&mut self, keep_alive: bool) -> io::Result<()> {
        let framing = if self.chunk.framed { Framing::Chunked } else { Framing::UntilClose };
        let extra = format!("cache-control: no-cache\r\nx-request-id: {}\r\n", self.row.id);
        let head = http::head(200, "text/event-stream; charset=utf-8", framing, keep_alive, &extra);
        self.chunk.start();
        if self.script.role == RoleChunk::First {
            self.chunk.push(&self.voice.opening);
        }
        let bytes = [head.as_bytes(), self.chunk.finish()].concat();
        self.row.status = Some(200);
        self.row.head_ns = Some(monotonic_ns());
        socket::write_all(self.socket, &bytes, self.script.split).await
    }

    /// One write of token-bearing events, which does not go beyond `limit` tokens.
    async fn write_events(&mut self, due: u64, limit: u64) -> io::Result<()> {
        let late_role = self.sent == 0 && self.script.role == RoleChunk::Late;
        self.chunk.start();
        if late_role && self.voice.opening_comes_first {
            self.chunk.push(&self.voice.opening);
        }
        let (before, mut events) = (self.sent, 0u64);
        while events < self.script.events_per_write.into() && self.sent < limit {
            self.push_event(limit);
            events += 1;
        }
        let now = monotonic_ns();
        socket::write_all(self.socket, self.chunk.finish(), self.script.split).await?;
        self.row.late_ns = self.row.late_ns.max(now.saturating_sub(due));
        self.row.first_token_ns.get_or_insert(now);
        self.row.last_token_ns = Some(now);
        self.row.tokens += self.sent - before;
        self.row.events += events;
        self.row.token_ns.extend((0..events).map(|_| now));
        if late_role && !self.voice.opening_comes_first {
            self.write_chunk(&self.voice.opening).await?;
        }
        Ok(())
    }

    /// Adds one token-bearing event to the chunk. Reasoning and text never share one.
    fn push_event(&mut self, limit: u64) {
        let (script, voice) = (self.script, self.voice);
        let thinking = self.sent < script.reasoning;
        let limit = if thinking { limit.min(script.reasoning) } else { limit };
        if self.sent == script.reasoning && script.reasoning > 0 {
            self.chunk.push(&voice.between);
        }
        if script.comments {
            self.chunk.push(b": keep-alive\n\n");
        }
        let Around { before, after } = if thinking { &voice.reasoning } else { &voice.text };
        self.chunk.push(before);
        let end = self.sent.saturating_add(script.tokens_per_event).min(limit);
        for token in self.sent..end {
            if let Some(piece) = script.piece(token) {
                let quoted = quoted(piece);
                self.chunk.push(&quoted.as_bytes()[1..quoted.len() - 1]);
                continue;
            }
            if token != 0 && token != script.reasoning {
                self.chunk.push(b" ");
            }
            self.chunk.push(words::draw(&mut self.rng).as_bytes());
        }
        self.chunk.push(after);
        self.sent = end;
    }

    /// The script's break. `None`: the stream goes on.
    async fn go_wrong(&mut self, kind: Cut) -> io::Result<Option<After>> {
        match kind {
            Cut::Malformed => {
                self.write_chunk(MALFORMED).await?;
                return Ok(None);
            }
            Cut::ErrorEvent => {
                self.chunk.start();
                self.chunk.push(self.api.error_event().as_bytes());
                self.write_end().await?;
                self.row.end = End::Complete;
            }
            Cut::Stall => {
                socket::gone(self.socket).await;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Cut::Reset => {
                socket::reset_on_close(self.socket);
                self.row.end_ns = Some(monotonic_ns());
                self.row.end = End::Reset;
            }
            Cut::Truncate => {
                self.chunk.start();
                self.push_event(u64::MAX);
                let event = self.chunk.finish();
                self.row.end_ns = Some(monotonic_ns());
                socket::write_all(self.socket, &event[..event.len() / 2], self.script.split).await?;
                self.row.end = End::Closed;
            }
        }
        Ok(Some(After::Close))
    }

    /// Finish reason, usage, end marker and the end of the body, in one write.
    async fn close(&mut self) -> io::Result<()> {
        self.chunk.start();
        self.chunk.push(&self.voice.closing);
        if self.script.done {
            self.chunk.push(self.voice.done);
        }
        if self.script.after_done {
            self.push_event(u64::MAX);
        }
        self.write_end().await?;
        self.row.end = End::Complete;
        Ok(())
    }

    async fn write_chunk(&mut self, events: &[u8]) -> io::Result<()> {
        self.chunk.start();
        self.chunk.push(events);
        socket::write_all(self.socket, self.chunk.finish(), self.script.split).await
    }

    /// Writes the chunk that was begun and the end of the body.
    async fn write_end(&mut self) -> io::Result<()> {
        self.row.end_ns = Some(monotonic_ns());
        socket::write_all(self.socket, self.chunk.finish_last(), self.script.split).await
    }
}

/// Waits until `due_ns`.
///
/// # Errors
/// The client left meanwhile.
pub(super) async fn wait(socket: &TcpStream, pacer: &Pacer, due_ns: u64) -> io::Result<()> {
    let now = monotonic_ns();
    if due_ns <= now {
        return Ok(());
    }
    if due_ns - now < UNWATCHED_NS {
        pacer.until(due_ns).await;
        return Ok(());
    }
    tokio::select! {
        () = pacer.until(due_ns) => Ok(()),
        () = socket::gone(socket) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// A piece of the body under construction: one chunk of a chunked response, or plain bytes.
struct Chunk {
    /// `ROOM` bytes for the chunk's size, then what was pushed.
    bytes: Vec<u8>,
    framed: bool,
}

/// Eight hex digits and a line end.
const ROOM: usize = 10;

impl Chunk {
    fn new(framed: bool) -> Chunk {
        Chunk { bytes: Vec::with_capacity(512), framed }
    }

    fn start(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; ROOM]);
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes to write. Nothing for nothing: an empty chunk would end the body.
    fn finish(&mut self) -> &[u8] {
        let mut left = self.bytes.len() - ROOM;
        if !self.framed || left == 0 {
            return &self.bytes[ROOM..];
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes[ROOM - 2..ROOM].copy_from_slice(b"\r\n");
        let mut start = ROOM - 2;
        while left > 0 {
            start -= 1;
            self.bytes[start] = b"0123456789abcdef"[left % 16];
            left /= 16;
        }
        &self.bytes[start..]
    }

    /// As [`finish`](Self::finish), with the end of the body behind it.
    fn finish_last(&mut self) -> &[u8] {
        let length = self.finish().len();
        if self.framed {
            self.bytes.extend_from_slice(b"0\r\n\r\n");
        }
        let end = self.bytes.len();
        let last = if self.framed { 5 } else { 0 };
        &self.bytes[end - length - last..]
    }
}
