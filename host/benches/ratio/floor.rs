//! The floor: what a client of a chat API cannot do without. It keeps connections open, sends, stamps each read, splits
//! lines, parses each event into a struct, and writes its stamps down. It has no limits, deadlines, plugins, tokenizer or
//! metrics, and checks only that every answer is whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use llmperf::clock::monotonic_ns;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What the floor is to do.
pub(crate) struct Order {
    /// Host and port.
    pub(crate) address: String,
    pub(crate) requests: usize,
    pub(crate) streams: usize,
    pub(crate) tokens: u64,
    pub(crate) prompt_bytes: usize,
    /// Where the answers go, one JSON line each.
    pub(crate) out: PathBuf,
}

impl Order {
    pub(crate) fn args(&self) -> [String; 6] {
        let Order { address, requests, streams, tokens, prompt_bytes, out } = self;
        let numbers =
            [requests.to_string(), streams.to_string(), tokens.to_string(), prompt_bytes.to_string()];
        let [requests, streams, tokens, prompt_bytes] = numbers;
        [address.clone(), requests, streams, tokens, prompt_bytes, out.display().to_string()]
    }

    pub(crate) fn parse(args: &[String]) -> Result<Order> {
        let [address, requests, streams, tokens, prompt_bytes, out] = args else {
            bail!("the floor takes: address, requests, streams, tokens, bytes of a prompt, file");
        };
        Ok(Order {
            address: address.clone(),
            requests: requests.parse()?,
            streams: streams.parse()?,
            tokens: tokens.parse()?,
            prompt_bytes: prompt_bytes.parse()?,
            out: out.into(),
        })
    }
}

/// One answer. Instants are `CLOCK_MONOTONIC`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) sent_ns: u64,
    /// The read that held each event with text.
    pub(crate) token_ns: Vec<u64>,
}

/// Runs to the end of the last answer.
pub(crate) fn run(order: &Order) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(load(order))
}

async fn load(order: &Order) -> Result<()> {
    let shared = Arc::new(Shared {
        left: AtomicUsize::new(order.requests),
        address: order.address.clone(),
        body: request_body(order)?,
        tokens: order.tokens,
        out: Mutex::new(BufWriter::new(File::create(&order.out)?)),
    });
    let mut connections = Vec::with_capacity(order.streams);
    for _ in 0..order.streams {
        let stream = TcpStream::connect(&order.address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        connections.push(http1::handshake(TokioIo::new(stream)).await?);
    }
    let mut streams = JoinSet::new();
    for (sender, connection) in connections {
        streams.spawn(drive(connection, ask(sender, Arc::clone(&shared))));
    }
    while let Some(stream) = streams.join_next().await {
        stream??;
    }
    shared.out.lock().unwrap_or_else(PoisonError::into_inner).flush()?;
    Ok(())
}

struct Shared {
    left: AtomicUsize,
    address: String,
    body: Bytes,
    tokens: u64,
    // One thread; the lock is for the compiler.
    out: Mutex<BufWriter<File>>,
}

/// Polls a connection and its user in one task, which is cheaper than two that wake each other: what the connection reads is
/// seen, and what the user sends is written, within the same poll.
async fn drive(
    connection: Connection<TokioIo<TcpStream>, Once>,
    user: impl Future<Output = Result<()>>,
) -> Result<()> {
    let (mut connection, mut user) = (pin!(connection), pin!(user));
    std::future::poll_fn(|cx| {
        let read = connection.as_mut().poll(cx);
        if let Poll::Ready(done) = user.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        // A connection that has ended may not be polled again; the user, who still wants something of it, learns nothing.
        let written = if read.is_ready() { read } else { connection.as_mut().poll(cx) };
        written.map(|ended| {
            ended.context("the connection broke").and_then(|()| bail!("the connection was closed"))
        })
    })
    .await
}

/// Sends requests over one connection, one after the other, until none is left.
async fn ask(mut sender: SendRequest<Once>, shared: Arc<Shared>) -> Result<()> {
    while shared.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        // Ready before the stamp: what follows it is written in the same poll.
        sender.ready().await?;
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/chat/completions")
            .header(header::HOST, &shared.address)
            .header(header::USER_AGENT, "floor")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream")
            .body(Once(Some(shared.body.clone())))?;
        let sent_ns = monotonic_ns();
        let response = sender.send_request(request).await?;
        ensure!(response.status() == 200, "status {}", response.status());
        let id = response.headers().get("x-request-id").context("an answer has no id")?.to_str()?.to_owned();
        let mut events = Events { token_ns: Vec::with_capacity(shared.tokens as usize), ..Events::default() };
        let mut body = response.into_body();
        while let Some(bytes) = next(&mut body).await? {
            events.read(monotonic_ns(), &bytes)?;
        }
        ensure!(events.done, "an answer broke off");
        ensure!(events.token_ns.len() as u64 == shared.tokens, "{} tokens came", events.token_ns.len());
        let mut out = shared.out.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *out, &Answer { id, sent_ns, token_ns: events.token_ns })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await.transpose()?;
    Ok(frame.and_then(|frame| frame.into_data().ok()))
}

/// The events of one answer.
#[derive(Default)]
struct Events {
    /// A line whose end has not come.
    open: Vec<u8>,
    token_ns: Vec<u64>,
    done: bool,
}

impl Events {
    fn read(&mut self, at: u64, mut bytes: &[u8]) -> Result<()> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.open.is_empty() {
                self.line(at, line)?;
            } else {
                let mut open = std::mem::take(&mut self.open);
                open.extend_from_slice(line);
                self.line(at, &open)?;
                open.clear();
                self.open = open;
            }
            bytes = rest;
        }
        self.open.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, at: u64, line: &[u8]) -> Result<()> {
        let Some(data) = line.strip_prefix(b"data: ") else { return Ok(()) };
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_slice(data)?;
        let text = chunk.choices.first().and_then(|choice| choice.delta.content.as_deref());
        if text.is_some_and(|text| !text.is_empty()) {
            self.token_ns.push(at);
        }
        Ok(())
    }
}

/// A chunk, with the fields that any client looks at.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Chunk {
    id: String,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// The body that llmperf's `openai-chat` sends, with a prompt of the same length.
fn request_body(order: &Order) -> Result<Bytes> {
    let prompt = "Shall I compare thee ".chars().cycle().take(order.prompt_bytes).collect::<String>();
    let body = serde_json::json!({
        "model": "m",
        "messages": [{"role": "system", "content": ""}, {"role": "user", "content": prompt}],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": order.tokens,
    });
    Ok(serde_json::to_vec(&body)?.into())
}

/// A request body in one piece.
struct Once(Option<Bytes>);

impl Body for Once {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
