//! HTTP by reqwest: one client for one target, keep-alive, no redirects, no proxy from the environment, no retries of
//! its own. A connection a server closed while it lay idle is replaced before anything of a request was sent.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;

use super::aside::{First, either};
use super::deadline::{Deadlines, LastRead};
use super::failure::{cause, classify};
use super::keepalive::{Habit, KeepAlive, Way};
use super::preopen::{Opened, PURPOSE, ParkLayer, Parked, Purpose};
use super::retry_after;
use crate::clock::{Clock, unix_seconds};
use crate::record::{
    Exchange, FailureKind, Head, Outgoing, Part, PreparedRequest, Reads, Start, Trace, Transfer,
};
use crate::units::{Span, Stamp};

/// A body that still runs is handed over in parts of this size: some 200 events of a chat stream, so that decoding costs one
/// wake-up for many events and a stream holds little.
const PART_BYTES: usize = 64 << 10;
/// Where decoding falls behind, a stream keeps at most this much before it waits for room: only a server that floods the
/// client comes here, and then memory counts for more than its timing.
const MAX_BACKLOG_BYTES: usize = 256 << 10;
const USER_AGENT: &str = concat!("llmperf/", env!("CARGO_PKG_VERSION"));
/// Answers that are no success are read up to here; more of an error page helps nobody.
const MAX_ERROR_BODY_BYTES: usize = 256 << 10;

/// HTTP to one target, for one I/O thread.
#[derive(Clone)]
pub struct Transport {
    clients: Clients,
    clock: Clock,
    deadlines: Deadlines,
    keep_alive: Arc<KeepAlive>,
    decode_waits: Arc<AtomicU64>,
    // Held by the request that is being written; see `settle`.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Three clients for one target; what is parked is for any of them.
#[derive(Clone)]
struct Clients {
    /// Has the one connection that is watched.
    watching: reqwest::Client,
    /// Reuses its connections.
    keeping: reqwest::Client,
    /// Opens one for each request.
    closing: reqwest::Client,
    parked: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("deadlines", &self.deadlines).finish_non_exhaustive()
    }
}

impl Transport {
    /// A transport that stamps with `clock`.
    pub fn new(clock: Clock, deadlines: Deadlines) -> Result<Transport> {
        tls();
        Ok(Transport {
            clients: Clients::new(deadlines)?,
            clock,
            deadlines,
            keep_alive: Arc::default(),
            decode_waits: Arc::default(),
            turn: Arc::default(),
        })
    }

    /// Counts how often reading a response had to wait until decoding had room, over all clones of this transport.
    pub fn decode_waits(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.decode_waits)
    }

    /// Whether the server keeps its connections open; `None` where too little was sent to know.
    pub fn habit(&self) -> Option<Habit> {
        self.keep_alive.habit()
    }

    /// Opens `count` connections to the target and puts them aside for the first requests; nothing is sent on them.
    /// Returns how long each took. It stops at the first failure, which the first request will meet again.
    pub async fn preopen(&self, url: &url::Url, count: usize) -> Vec<Span> {
        // A few at a time: a burst of thousands overflows the accept queues of many servers.
        const AT_ONCE: usize = 64;
        let mut opened = Vec::with_capacity(count);
        while opened.len() < count {
            let mut opening = tokio::task::JoinSet::new();
            for _ in 0..AT_ONCE.min(count - opened.len()) {
                let (clients, url, clock) = (self.clients.clone(), url.clone(), self.clock);
                opening.spawn(async move {
                    let start = clock.now();
                    clients.park(url).await.then(|| clock.now().since(start))
                });
            }
            let spans: Vec<Option<Span>> = opening.join_all().await;
            opened.extend(spans.iter().flatten());
            if spans.iter().any(Option::is_none) {
                break;
            }
        }
        opened
    }

    /// Sends one request and reads its response to the end, handing long bodies over in parts on the way. The trace is the
    /// caller's to hand over. `outgoing` is the request as it goes on the wire.
    pub async fn exchange(
        &self,
        request: Arc<PreparedRequest>,
        outgoing: Outgoing,
        start: Start,
        parts: &mpsc::Sender<Exchange>,
        cancelled: impl Future<Output = ()>,
    ) -> Trace {
        let (way, turn) = self.turn(&request).await;
        let http_request = self
            .clients
            .of(way)
            .request(request.method.clone(), outgoing.url)
            .headers(outgoing.headers)
            .body(request.body.clone());
        let mut progress = Progress { head: None, reads: Reads::default() };
        let (own_connection, purpose) = OwnConnection::watch(self.clock);
        let sent = self.clock.now();
        let last_read = LastRead::new(sent);
        let transfer = {
            let mut reading = pin!(PURPOSE.scope(
                purpose,
                self.read_response(http_request, &request, parts, &mut progress, &last_read),
            ));
            let over_at_once = tokio::select! {
                biased;
                transfer = &mut reading => Some(transfer),
                () = settle() => None,
            };
            if way == Way::Again {
                self.keep_alive.tried_again(own_connection.is_there());
            }
            drop(turn);
            let stopped = pin!(async {
                tokio::select! {
                    failure = self.deadlines.passed(sent, &last_read, self.clock) => Transfer::Failed(failure),
                    () = cancelled => Transfer::Cancelled,
                }
            });
            match over_at_once {
                Some(transfer) => transfer,
                None => match either(reading, stopped).await {
                    First::Often(transfer) | First::Rare(transfer) => transfer,
                },
            }
        };
        let end = self.clock.now();
        let success = progress.head.as_ref().is_some_and(|(_, head)| head.status.is_success());
        self.keep_alive.end(way, end, transfer == Transfer::Complete, success);
        let connected = own_connection.opened_now();
        Trace { request, start, sent, connected, head: progress.head, reads: progress.reads, end, transfer }
    }

    /// Waits for the request's turn to be written, with a connection that suits the server's habit. What is awaited here comes
    /// before the request is sent: it is lag, not latency.
    async fn turn(&self, request: &PreparedRequest) -> (Way, tokio::sync::MutexGuard<'_, ()>) {
        let (mut opened, mut in_vain) = (false, false);
        loop {
            let turn = self.turn.lock().await;
            let way = self.keep_alive.way(self.clock.now());
            if !in_vain && self.keep_alive.must_open(way, (self.clients.parked)(), opened) {
                // Others go first meanwhile, and may take it.
                drop(turn);
                opened = self.clients.park(request.url.clone()).await;
                // The request itself meets the cause again.
                in_vain = !opened;
                continue;
            }
            if way == Way::Again {
                // A close that has come must have been read first.
                settle().await;
            }
            self.keep_alive.begin(way);
            return (way, turn);
        }
    }

    async fn read_response(
        &self,
        http_request: reqwest::RequestBuilder,
        request: &Arc<PreparedRequest>,
        parts: &mpsc::Sender<Exchange>,
        progress: &mut Progress,
        last_read: &LastRead,
    ) -> Transfer {
        let mut response = match http_request.send().await {
            Ok(response) => response,
            Err(error) => return Transfer::Failed(classify(&error.without_url(), FailureKind::Reset)),
        };
        let at = self.clock.now();
        retry_after::date(response.headers_mut(), unix_seconds);
        let head =
            Arc::new(Head { status: response.status(), headers: std::mem::take(response.headers_mut()) });
        progress.head = Some((at, Arc::clone(&head)));
        last_read.note(at);
        self.keep_alive.answered();
        let abandon = Arc::new(AtomicBool::new(false));
        let limit = if head.status.is_success() { usize::MAX } else { MAX_ERROR_BODY_BYTES };
        loop {
            let read = response.chunk().await;
            let at = self.clock.now();
            match read {
                Ok(Some(bytes)) => progress.reads.push(at, &bytes),
                Ok(None) => return Transfer::Complete,
                Err(error) => {
                    return Transfer::Failed(classify(&error.without_url(), FailureKind::Truncated));
                }
            }
            last_read.note(at);
            let held = progress.reads.bytes.len();
            if held >= limit {
                return Transfer::Complete;
            }
            if held >= PART_BYTES && head.status.is_success() {
                hand_over(request, &head, parts, &mut progress.reads, &abandon, &self.decode_waits).await;
                if abandon.load(Ordering::Relaxed) {
                    return Transfer::Abandoned;
                }
            }
        }
    }
}

/// The headers that the HTTP client adds to those of a request, for whoever shows one.
pub fn added_headers(
    url: &url::Url,
    headers: &::http::HeaderMap,
    body_length: usize,
) -> Vec<(String, String)> {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let added = [
        ("user-agent", USER_AGENT.to_owned()),
        ("accept", "*/*".to_owned()),
        ("host", format!("{}{port}", url.host_str().unwrap_or_default())),
        ("content-length", body_length.to_string()),
    ];
    let added = added.into_iter().filter(|(name, _)| !headers.contains_key(*name));
    added.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Chooses who does TLS in this process.
pub(super) fn tls() {
    // Fails where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Clients {
    fn new(deadlines: Deadlines) -> Result<Clients> {
        let layer = ParkLayer::new();
        let parked = Arc::new(layer.count());
        let client = |kept_idle| builder(deadlines, kept_idle).connector_layer(layer.clone()).build();
        let build = || anyhow::Ok((client(1)?, client(usize::MAX)?, client(0)?));
        let (watching, keeping, closing) = build().context("the HTTP client cannot be set up")?;
        Ok(Clients { watching, keeping, closing, parked })
    }

    /// Opens a connection for a later request; false where that fails.
    async fn park(&self, url: url::Url) -> bool {
        // By the client that has none idle: on one that is, this request would be sent.
        let told = PURPOSE.scope(Purpose::Park, self.closing.get(url).send()).await;
        told.is_err_and(|error| cause::<Parked>(&error).is_some())
    }

    fn of(&self, way: Way) -> &reqwest::Client {
        match way {
            Way::Watched | Way::Again => &self.watching,
            Way::Kept => &self.keeping,
            Way::Own => &self.closing,
        }
    }
}

fn builder(deadlines: Deadlines, kept_idle: usize) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(kept_idle)
        .pool_idle_timeout(None)
        .connect_timeout(deadlines.connect.into())
}

/// Whether a request got a connection of its own, and when that was opened.
struct OwnConnection(Arc<AtomicU64>);

impl OwnConnection {
    const NONE: u64 = u64::MAX;
    const AHEAD: u64 = u64::MAX - 1;

    fn watch(clock: Clock) -> (OwnConnection, Purpose) {
        let seen = Arc::new(AtomicU64::new(Self::NONE));
        let told = Arc::clone(&seen);
        let purpose = Purpose::Use(Box::new(move |opened| {
            let value = match opened {
                Opened::Ahead => Self::AHEAD,
                Opened::Now => clock.now().0,
            };
            told.store(value, Ordering::Relaxed);
        }));
        (OwnConnection(seen), purpose)
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) != Self::NONE
    }

    fn opened_now(&self) -> Option<Stamp> {
        let value = self.0.load(Ordering::Relaxed);
        (value < Self::AHEAD).then_some(Stamp(value))
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
    abandon: &Arc<AtomicBool>,
    waits: &AtomicU64,
) {
    let permit = match parts.try_reserve() {
        Ok(permit) => permit,
        Err(_) if reads.bytes.len() < MAX_BACKLOG_BYTES => return,
        Err(_) => {
            waits.fetch_add(1, Ordering::Relaxed);
            match parts.reserve().await {
                Ok(permit) => permit,
                Err(_) => return,
            }
        }
    };
    let reads = std::mem::take(reads);
    let (request, head, abandon) = (Arc::clone(request), Arc::clone(head), Arc::clone(abandon));
    permit.send(Exchange::Part(Part { request, head, reads, abandon }));
}
