//! Connections opened before they are needed.
//!
//! reqwest opens a connection only for a request. A layer around its connector makes the two separable: a request that is
//! only there to *park* a connection is told no once it stands, so that not a byte of HTTP was sent; the requests that
//! come later find the parked connections before they would open their own.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tower::{Layer, Service};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    /// What the running request wants with a connection of its own.
    pub(super) static PURPOSE: Purpose;
}

/// What a request wants with a connection of its own.
pub(super) enum Purpose {
    /// Put it aside.
    Park,
    /// Use it. The function is told that it got one, and whether it was opened just now rather than ahead of time.
    Use(Box<dyn Fn(Opened) + Send>),
}

/// When a connection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    Ahead,
    Now,
}

/// The error that a parked connection's request is told.
#[derive(Debug)]
pub(super) struct Parked;

impl std::fmt::Display for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was put aside for later")
    }
}

impl std::error::Error for Parked {}

/// The layer around reqwest's connector. `C` is its connection type, which has no public name. Clients with clones of one layer
/// share what is parked.
pub(super) struct ParkLayer<C> {
    // Touched once per opened connection; a client has one origin, so any parked connection fits any request.
    parked: Arc<Mutex<Vec<C>>>,
}

impl<C> ParkLayer<C> {
    pub(super) fn new() -> ParkLayer<C> {
        ParkLayer { parked: Arc::default() }
    }

    /// How many connections are parked.
    pub(super) fn count(&self) -> impl Fn() -> usize + Send + Sync + use<C>
    where
        C: Send,
    {
        let parked = Arc::clone(&self.parked);
        move || parked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl<C> Clone for ParkLayer<C> {
    fn clone(&self) -> Self {
        ParkLayer { parked: Arc::clone(&self.parked) }
    }
}

impl<S, C> Layer<S> for ParkLayer<C> {
    type Service = ParkService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        ParkService { inner, parked: Arc::clone(&self.parked) }
    }
}

/// The connector with a place to park.
pub(super) struct ParkService<S, C> {
    inner: S,
    parked: Arc<Mutex<Vec<C>>>,
}

impl<S: Clone, C> Clone for ParkService<S, C> {
    fn clone(&self) -> Self {
        ParkService { inner: self.inner.clone(), parked: Arc::clone(&self.parked) }
    }
}

impl<S, C, R> Service<R> for ParkService<S, C>
where
    S: Service<R, Response = C, Error = BoxError>,
    S::Future: Send + 'static,
    C: Send + 'static,
{
    type Response = C;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    // Called, and the future polled, within the task of the request that wants a connection, so that PURPOSE is its own.
    fn call(&mut self, destination: R) -> Self::Future {
        let parked = Arc::clone(&self.parked);
        if PURPOSE.try_with(|purpose| matches!(purpose, Purpose::Park)) == Ok(true) {
            let connecting = self.inner.call(destination);
            return Box::pin(async move {
                let connection = connecting.await?;
                parked.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Err(BoxError::from(Parked))
            });
        }
        if let Some(connection) = parked.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            tell(Opened::Ahead);
            return Box::pin(std::future::ready(Ok(connection)));
        }
        let connecting = self.inner.call(destination);
        Box::pin(async move {
            let connection = connecting.await?;
            tell(Opened::Now);
            Ok(connection)
        })
    }
}

/// Tells the running request that it got a connection. Where the client goes on connecting in the background because
/// another connection became free first, nobody asks.
fn tell(opened: Opened) {
    let _ = PURPOSE.try_with(|purpose| {
        if let Purpose::Use(got) = purpose {
            got(opened);
        }
    });
}
