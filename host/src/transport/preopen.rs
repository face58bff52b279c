//! Connections opened before they are needed.
//!
//! reqwest opens a connection only for a request. A layer around its connector makes the two separable: while *parking*,
//! a connection that stands is put aside and the request that asked for it is told no, so that not a byte of HTTP was
//! sent; later requests find the parked connections before they would open their own.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tower::{Layer, Service};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Whether connections are being parked, shared by a transport and its connector.
#[derive(Debug, Clone, Default)]
pub(super) struct Parking(Arc<AtomicBool>);

impl Parking {
    pub(super) fn set(&self, parking: bool) {
        self.0.store(parking, Ordering::SeqCst);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
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

tokio::task_local! {
    /// Called when the connection of the running request stands, by a request that wants to know.
    pub(super) static CONNECTED: Box<dyn Fn() + Send>;
}

/// The layer around reqwest's connector. `C` is its connection type, which has no public name.
pub(super) struct ParkLayer<C> {
    parking: Parking,
    // Touched once per opened connection; a client has one origin, so any parked connection fits any request.
    parked: Arc<Mutex<Vec<C>>>,
}

impl<C> ParkLayer<C> {
    pub(super) fn new(parking: Parking) -> ParkLayer<C> {
        ParkLayer { parking, parked: Arc::default() }
    }
}

impl<C> Clone for ParkLayer<C> {
    fn clone(&self) -> Self {
        ParkLayer { parking: self.parking.clone(), parked: Arc::clone(&self.parked) }
    }
}

impl<S, C> Layer<S> for ParkLayer<C> {
    type Service = ParkService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        ParkService { inner, layer: self.clone() }
    }
}

/// The connector with a place to park.
pub(super) struct ParkService<S, C> {
    inner: S,
    layer: ParkLayer<C>,
}

impl<S: Clone, C> Clone for ParkService<S, C> {
    fn clone(&self) -> Self {
        ParkService { inner: self.inner.clone(), layer: self.layer.clone() }
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

    fn call(&mut self, destination: R) -> Self::Future {
        let parked = Arc::clone(&self.layer.parked);
        if self.layer.parking.is_on() {
            let connecting = self.inner.call(destination);
            return Box::pin(async move {
                let connection = connecting.await?;
                parked.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
                Err(BoxError::from(Parked))
            });
        }
        if let Some(connection) = parked.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Box::pin(std::future::ready(Ok(connection)));
        }
        let connecting = self.inner.call(destination);
        Box::pin(async move {
            let connection = connecting.await?;
            // Fails where no request waits for just this connection, and then nobody wants to know.
            let _ = CONNECTED.try_with(|connected| connected());
            Ok(connection)
        })
    }
}
