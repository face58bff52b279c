//! The mock as a whole: listening, accepting, stopping, counting.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::config::MockConfig;
use super::connection;
use super::pace::Pacer;
use super::truth::{End, TruthLog, TruthRow};
use crate::clock::monotonic_ns;
use crate::units::{Span, Tokens};

/// What a mock did in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MockReport {
    /// Connections accepted.
    pub connections: u64,
    /// Requests but for `/health` and `/v1/models`.
    pub requests: u64,
    /// Requests whose client left before the answer was whole.
    pub client_gone: u64,
    /// Tokens sent.
    pub tokens: Tokens,
    /// Token-bearing events sent.
    pub events: u64,
    /// The longest time by which a token was written after it was due: how far the mock itself was overloaded
    /// (or, where `itl` is 0, merely how long sending took).
    pub late_max: Span,
}

/// Serves on `listener` until `shutdown` resolves, then cuts what still runs.
///
/// # Errors
/// The configuration is not valid, the truth log cannot be written, or a connection's task panicked.
pub async fn serve(
    listener: TcpListener,
    config: MockConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<MockReport> {
    raise_fd_limit();
    run(listener, Arc::new(Mock::new(config)?), shutdown).await
}

/// Starts a mock on a free port of the loopback interface, on threads of its own.
///
/// # Errors
/// The configuration is not valid, the truth log cannot be created, or the system refuses a port or a thread.
pub fn spawn(config: MockConfig) -> Result<MockHandle> {
    raise_fd_limit();
    let mock = Arc::new(Mock::new(config)?);
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).context("cannot open a port for the mock")?;
    let addr = listener.local_addr().context("cannot tell the mock's port")?;
    let mut builder = match mock.config.threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    let runtime =
        builder.thread_name("mock").enable_io().enable_time().build().context("cannot start the mock")?;
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("mock".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).context("cannot listen for the mock")?;
                // An error means that the handle is gone, which is a wish to stop as well.
                run(listener, mock, async { drop(stopped.await) }).await
            })
        })
        .context("cannot start the mock's thread")?;
    Ok(MockHandle { addr, stop: Some(stop), thread: Some(thread) })
}

/// A mock on threads of its own. Dropping it stops it too, but keeps its report back.
#[derive(Debug)]
pub struct MockHandle {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<MockReport>>>,
}

impl MockHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The origin (`http://127.0.0.1:PORT`, without `/v1`).
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Cuts what still runs, writes the truth log, and waits for the end. It blocks: not for async code.
    ///
    /// # Errors
    /// As [`serve`].
    pub fn stop(mut self) -> Result<MockReport> {
        self.end().unwrap_or_else(|| Err(anyhow!("the mock was stopped before")))
    }

    fn end(&mut self) -> Option<Result<MockReport>> {
        drop(self.stop.take());
        Some(self.thread.take()?.join().unwrap_or_else(|_| Err(anyhow!("the mock's thread panicked"))))
    }
}

impl Drop for MockHandle {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// Connections the kernel may hold ready: a load test opens thousands at once, and std asks for 128.
const BACKLOG: i32 = 4096;

/// A listener with room for many connections at once, ready for tokio.
///
/// # Errors
/// The address is taken or not of this machine.
pub fn bind(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(addr)?;
    // Listening again changes the backlog of a socket that listens already.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What the connections of a mock share.
#[derive(Debug)]
pub(super) struct Mock {
    pub(super) config: MockConfig,
    pub(super) pacer: Pacer,
    truth: Option<TruthLog>,
    /// Room for answers, where there is not room for all; first come, first served.
    room: Option<Semaphore>,
    requests: AtomicU64,
    client_gone: AtomicU64,
    tokens: AtomicU64,
    events: AtomicU64,
    late_max: AtomicU64,
}

impl Mock {
    pub(super) fn new(config: MockConfig) -> Result<Mock> {
        config.validate()?;
        let truth = config.truth.as_deref().map(TruthLog::create).transpose()?;
        let zero = || AtomicU64::new(0);
        let (requests, client_gone, tokens, events, late_max) = (zero(), zero(), zero(), zero(), zero());
        let pacer = Pacer::start().context("cannot start the mock's pacer")?;
        let room = config.max_concurrent.map(Semaphore::new);
        Ok(Mock { config, pacer, truth, room, requests, client_gone, tokens, events, late_max })
    }

    /// Waits until there is room for one more answer, which is until the permit is dropped.
    pub(super) async fn turn(&self, row: &mut TruthRow) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        let permit = self.room.as_ref()?.acquire().await.ok()?;
        row.turn_ns = monotonic_ns();
        Some(permit)
    }

    /// The number of a request that has just arrived, from 1.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// Counts and logs a request that is over.
    pub(super) fn finish(&self, row: &TruthRow) {
        self.tokens.fetch_add(row.tokens, Relaxed);
        self.events.fetch_add(row.events, Relaxed);
        self.late_max.fetch_max(row.late_ns, Relaxed);
        self.client_gone.fetch_add(u64::from(row.end == End::ClientGone), Relaxed);
        if let Some(truth) = &self.truth {
            truth.append(row);
        }
    }

    pub(super) fn report(&self, connections: u64) -> MockReport {
        MockReport {
            connections,
            requests: self.requests.load(Relaxed),
            client_gone: self.client_gone.load(Relaxed),
            tokens: Tokens(self.tokens.load(Relaxed)),
            events: self.events.load(Relaxed),
            late_max: Span(self.late_max.load(Relaxed)),
        }
    }
}

async fn run(
    listener: TcpListener,
    mock: Arc<Mock>,
    shutdown: impl Future<Output = ()>,
) -> Result<MockReport> {
    let mut shutdown = pin!(shutdown);
    // A set, because a set ends its tasks with it, however this function is left.
    let mut pacing = JoinSet::new();
    pacing.spawn({
        let mock = Arc::clone(&mock);
        async move { mock.pacer.drive().await }
    });
    let mut tasks = JoinSet::new();
    let mut connections = 0;
    // A reader of the truth log is never more than a second behind.
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections += 1;
                    // It fails on a connection that is broken already; the first read will see that.
                    let _ = socket.set_nodelay(true);
                    tasks.spawn(connection::talk(socket, connections, Arc::clone(&mock)));
                }
                // The client gave up, or descriptors ran out: what is open goes on, and room may come.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(ended) = tasks.join_next() => unless_panicked(ended)?,
            _ = tick.tick() => if let Some(truth) = &mock.truth { truth.flush() },
        }
    }
    tasks.abort_all();
    while let Some(ended) = tasks.join_next().await {
        unless_panicked(ended)?;
    }
    mock.truth.as_ref().map_or(Ok(()), TruthLog::finish)?;
    Ok(mock.report(connections))
}

fn unless_panicked(ended: Result<(), JoinError>) -> Result<()> {
    match ended {
        Err(error) if error.is_panic() => Err(error).context("a connection of the mock panicked"),
        _ => Ok(()),
    }
}

/// Allows this process as many descriptors as the system lets it: each open stream needs one.
fn raise_fd_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
