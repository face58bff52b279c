//! HTTP by reqwest: one client for one target, keep-alive, no redirects, no proxy from the environment, no retries of
//! its own. A connection a server closed while it lay idle is replaced before anything of a request was sent.

use std::error::Error as StdError;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::preopen::{CONNECTED, ParkLayer, Parked, Parking};
use crate::clock::Clock;
use crate::record::{Exchange, Failure, FailureKind, Head, Part, PreparedRequest, Reads, Trace, Transfer};
use crate::units::{Span, Stamp};

/// A body that still runs is handed over in parts of this size: some 200 events of a chat stream, so that decoding costs one
/// wake-up for many events and a stream holds little.
const PART_BYTES: usize = 64 << 10;
/// Where decoding falls behind, a stream keeps at most this much before it waits for room.
const MAX_BACKLOG_BYTES: usize = 16 << 20;
/// Answers that are no success are read up to here; more of an error page helps nobody.
const MAX_ERROR_BODY_BYTES: usize = 256 << 10;

/// How long the parts of an exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To open a connection: name resolution, TCP and TLS.
    pub connect: Span,
    /// Between two reads, and from sending to the response head.
    pub read: Span,
    /// For the whole exchange.
    pub total: Span,
}

/// One HTTP client for one target, used by one I/O thread.
#[derive(Clone)]
pub struct Transport {
    client: reqwest::Client,
    clock: Clock,
    deadlines: Deadlines,
    parking: Parking,
    // Held by the request that is being written; see `exchange`.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("deadlines", &self.deadlines).finish_non_exhaustive()
    }
}

impl Transport {
    /// A client that stamps with `clock`.
    pub fn new(clock: Clock, deadlines: Deadlines) -> Result<Transport> {
        // Fails where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parking = Parking::default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("llmperf/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(usize::MAX)
            .pool_idle_timeout(None)
            .connect_timeout(deadlines.connect.into())
            .connector_layer(ParkLayer::new(parking.clone()))
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Transport { client, clock, deadlines, parking, turn: Arc::default() })
    }

    /// Opens `count` connections to the target and puts them aside for the first requests; nothing is sent on them.
    /// Returns how long each took. It stops at the first failure, which the first request will meet again.
    pub async fn preopen(&self, url: &url::Url, count: usize) -> Vec<Span> {
        self.parking.set(true);
        let mut opened = Vec::with_capacity(count);
        // A few at a time: a burst of thousands overflows the accept queues of many servers.
        const AT_ONCE: usize = 64;
        while opened.len() < count {
            let wave = AT_ONCE.min(count - opened.len());
            let mut opening = tokio::task::JoinSet::new();
            for _ in 0..wave {
                let (client, url, clock) = (self.client.clone(), url.clone(), self.clock);
                opening.spawn(async move {
                    let start = clock.now();
                    let refused = client.get(url).send().await;
                    let parked = refused.is_err_and(|error| cause::<Parked>(&error).is_some());
                    parked.then(|| clock.now().since(start))
                });
            }
            let spans: Vec<Option<Span>> = opening.join_all().await;
            opened.extend(spans.iter().flatten());
            if spans.iter().any(Option::is_none) {
                break;
            }
        }
        self.parking.set(false);
        opened
    }

    /// Sends one request and reads its response to the end, handing long bodies over in parts on the way. The last thing
    /// returned is the trace; it is the caller's to hand over, after it has started the next request.
    pub async fn exchange(
        &self,
        request: Arc<PreparedRequest>,
        due: Stamp,
        parts: &mpsc::Sender<Exchange>,
        cancelled: impl Future<Output = ()>,
    ) -> Trace {
        let http_request = self
            .client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone());
        let mut progress = Progress { head: None, reads: Reads::default() };
        let connected = Arc::new(AtomicU64::new(0));
        let on_connect: Box<dyn Fn() + Send> = {
            let (connected, clock) = (Arc::clone(&connected), self.clock);
            Box::new(move || connected.store(clock.now().0, Ordering::Relaxed))
        };
        let turn = self.turn.lock().await;
        let sent = self.clock.now();
        let mut deadline = Deadline::new(self.deadlines, self.clock.instant(sent).into());
        let transfer = {
            let mut reading = pin!(CONNECTED.scope(
                on_connect,
                self.read_response(http_request, &request, parts, &mut progress, &mut deadline),
            ));
            let over_at_once = tokio::select! {
                biased;
                transfer = &mut reading => Some(transfer),
                () = settle() => None,
            };
            drop(turn);
            match over_at_once {
                Some(transfer) => transfer,
                None => tokio::select! {
                    biased;
                    transfer = reading => transfer,
                    () = cancelled => Transfer::Cancelled,
                },
            }
        };
        let end = self.clock.now();
        let connected = connected.load(Ordering::Relaxed);
        Trace {
            request,
            due,
            sent,
            connected: (connected != 0).then_some(Stamp(connected)),
            head: progress.head,
            reads: progress.reads,
            end,
            transfer,
        }
    }

    async fn read_response(
        &self,
        http_request: reqwest::RequestBuilder,
        request: &Arc<PreparedRequest>,
        parts: &mpsc::Sender<Exchange>,
        progress: &mut Progress,
        deadline: &mut Deadline,
    ) -> Transfer {
        let mut response = match deadline.watch(http_request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Transfer::Failed(classify(&error, FailureKind::Reset)),
            Err(failure) => return Transfer::Failed(failure),
        };
        let at = self.clock.now();
        let head =
            Arc::new(Head { status: response.status(), headers: std::mem::take(response.headers_mut()) });
        progress.head = Some((at, Arc::clone(&head)));
        let limit = if head.status.is_success() { usize::MAX } else { MAX_ERROR_BODY_BYTES };
        loop {
            let read = deadline.watch(response.chunk()).await;
            let at = self.clock.now();
            match read {
                Ok(Ok(Some(bytes))) => progress.reads.push(at, &bytes),
                Ok(Ok(None)) => return Transfer::Complete,
                Ok(Err(error)) => return Transfer::Failed(classify(&error, FailureKind::Truncated)),
                Err(failure) => return Transfer::Failed(failure),
            }
            deadline.read_at(at, self.clock);
            let held = progress.reads.bytes.len();
            if held >= limit {
                return Transfer::Complete;
            }
            if held >= PART_BYTES && head.status.is_success() {
                hand_over(request, &head, parts, &mut progress.reads).await;
            }
        }
    }
}

/// Lets the HTTP client's own tasks run until the request just handed over is written.
///
/// The client passes a request to the task that owns its connection, which runs when its turn comes. If many slots start
/// at once, all of them would be stamped before the first was written, and each would show the others' work as its own
/// latency. So they start one after the other: what a slot waits for its turn is lag, not latency.
async fn settle() {
    // A pooled connection takes one round, one put aside two more for its handshake.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

/// What has come so far; it outlives a reading that is cancelled.
struct Progress {
    head: Option<(Stamp, Arc<Head>)>,
    reads: Reads,
}

/// Hands what was read to the decoder if it has room, and keeps it otherwise: reading must not wait for decoding.
async fn hand_over(
    request: &Arc<PreparedRequest>,
    head: &Arc<Head>,
    parts: &mpsc::Sender<Exchange>,
    reads: &mut Reads,
) {
    let permit = match parts.try_reserve() {
        Ok(permit) => permit,
        Err(_) if reads.bytes.len() < MAX_BACKLOG_BYTES => return,
        Err(_) => match parts.reserve().await {
            Ok(permit) => permit,
            Err(_) => return,
        },
    };
    let reads = std::mem::take(reads);
    permit.send(Exchange::Part(Part { request: Arc::clone(request), head: Arc::clone(head), reads }));
}

/// The deadlines of one exchange behind one timer. A read only notes its time; the timer is set anew when it fires.
struct Deadline {
    deadlines: Deadlines,
    end: Instant,
    last_read: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    fn new(deadlines: Deadlines, start: Instant) -> Deadline {
        let end = start + Duration::from(deadlines.total);
        let first = end.min(start + Duration::from(deadlines.read));
        Deadline { deadlines, end, last_read: start, timer: Box::pin(tokio::time::sleep_until(first)) }
    }

    fn read_at(&mut self, at: Stamp, clock: Clock) {
        self.last_read = clock.instant(at).into();
    }

    /// Waits for `work` as long as the deadlines allow.
    async fn watch<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = &mut self.timer => {}
            }
            let now = Instant::now();
            let stall = self.last_read + Duration::from(self.deadlines.read);
            if now >= self.end {
                let message = format!("the request took longer than {} s", self.deadlines.total.as_secs());
                return Err(Failure::new(FailureKind::Timeout, message));
            }
            if now >= stall {
                let message = format!("nothing arrived for {} s", self.deadlines.read.as_secs());
                return Err(Failure::new(FailureKind::Stall, message));
            }
            self.timer.as_mut().reset(self.end.min(stall));
        }
    }
}

/// Sorts an error of the HTTP client; `otherwise` is what a broken connection means at this point.
fn classify(error: &reqwest::Error, otherwise: FailureKind) -> Failure {
    let message = innermost_message(error);
    let io_kind = cause::<io::Error>(error).map(io::Error::kind);
    let kind = if error.is_connect() {
        if error.is_timeout() || io_kind == Some(io::ErrorKind::TimedOut) {
            FailureKind::ConnectTimeout
        } else if cause::<rustls::Error>(error).is_some()
            || format!("{error:?}").contains("invalid peer certificate")
        {
            FailureKind::Tls
        } else if format!("{error:?}").contains("dns error") {
            FailureKind::Dns
        } else {
            FailureKind::Connect
        }
    } else if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        FailureKind::Protocol
    } else {
        otherwise
    };
    Failure::new(kind, message)
}

/// The first cause of the type `E` in an error's chain.
fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The chain of causes without reqwest's own wrapping, which repeats the URL.
fn innermost_message(error: &reqwest::Error) -> String {
    let mut messages = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let message = error.to_string();
        if messages.last() != Some(&message) {
            messages.push(message);
        }
        next = error.source();
    }
    if messages.is_empty() { error.to_string() } else { messages.join(": ") }
}
