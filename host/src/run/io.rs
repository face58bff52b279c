//! The I/O thread: it opens connections, runs the slots and sees that the run ends. Nothing else runs on it.

use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use url::Url;

use super::build::Ready;
use super::control::{Stop, TimeLimits, watch_over};
use super::decode::Handover;
use super::machine;
use crate::clock::Clock;
use crate::load::{Phase, Source, run_slots};
use crate::record::{Exchange, Unsent};
use crate::transport::Transport;
use crate::units::{Span, Stamp};

/// Everything the I/O thread works with.
#[derive(Clone)]
pub(super) struct Io {
    pub(super) transport: Transport,
    pub(super) clock: Clock,
    /// Where connections are opened to.
    pub(super) base: Url,
    pub(super) slots: usize,
    /// Requests to have at hand before the first is sent.
    pub(super) ahead: usize,
    pub(super) limits: TimeLimits,
    pub(super) handover: Handover,
    pub(super) stop: Stop,
}

impl Io {
    /// Starts the thread. It ends with the run, and returns how long each connection took that was opened ahead.
    pub(super) fn start(self, source: Source<Ready>) -> Result<JoinHandle<Result<Vec<Span>>>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        machine::spawn("io", move || runtime.block_on(self.run(source)))
    }

    async fn run(self, source: Source<Ready>) -> Result<Vec<Span>> {
        let (started, start) = oneshot::channel();
        let (done, until_done) = oneshot::channel();
        let watching = watch_over(self.clock, start, self.limits, self.stop.clone(), until_done);
        let watching = tokio::spawn(watching);
        let mut phase = self.stop.watch();
        let opened_ahead = tokio::select! {
            biased;
            () = phase.reached(Phase::Draining) => vec![],
            opened = self.get_ready(&source) => opened,
        };
        // Fails where an interrupt came first and was all there was to watch for.
        let _ = started.send(self.clock.now());
        let (slots, clock) = (self.slots, self.clock);
        // Each slot sends through this; it is dropped with the last of them, and the decode threads end.
        let send = move |ready, due| -> Pin<Box<dyn Future<Output = Stamp> + Send>> {
            let io = self.clone();
            Box::pin(async move { io.send(ready, due).await })
        };
        run_slots(slots, Arc::new(source), phase, clock, send).await;
        drop(done);
        watching.await.context("the watch over the run failed")??;
        Ok(opened_ahead)
    }

    async fn get_ready(&self, source: &Source<Ready>) -> Vec<Span> {
        // What cannot be built may take the plugin its whole budget; the faults must be seen, not awaited.
        source.prefill(self.ahead, Ready::is_ok).await;
        self.transport.preopen(&self.base, self.slots).await
    }

    /// Sends one request and hands its trace over; returns when its slot became free.
    async fn send(&self, ready: Ready, due: Stamp) -> Stamp {
        let exchange = match ready {
            Ok(request) => {
                let parts = self.handover.of(request.info.id);
                let mut phase = self.stop.watch();
                let cancelled = phase.reached(Phase::Cancelling);
                Exchange::End(Box::new(self.transport.exchange(request, due, parts, cancelled).await))
            }
            Err((info, failure)) => Exchange::Unsent(Unsent { info, due, sent: self.clock.now(), failure }),
        };
        let free_at = match &exchange {
            Exchange::End(trace) => trace.end,
            _ => self.clock.now(),
        };
        // Fails only where the decode threads are gone, and then the run is over.
        let _ = self.handover.of(exchange.id()).send(exchange).await;
        free_at
    }
}
