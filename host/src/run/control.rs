//! What ends a run early: its timeout, an interrupt, a second one, a plugin that only fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::load::{Phase, PhaseControl};
use crate::plan::Drain;
use crate::units::{Span, Stamp};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request was sent and has ended.
    Complete,
    /// `--timeout` passed first.
    TimedOut,
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The plugin failed too often in a row.
    PluginFaults,
}

/// Remembers the first reason for ending, whoever has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reason(Arc<AtomicU8>);

impl Reason {
    pub(super) fn give(&self, reason: Ended) {
        let code = match reason {
            Ended::Complete => return,
            Ended::TimedOut => 1,
            Ended::Interrupted => 2,
            Ended::PluginFaults => 3,
        };
        let _ = self.0.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub(super) fn get(&self) -> Ended {
        match self.0.load(Ordering::SeqCst) {
            1 => Ended::TimedOut,
            2 => Ended::Interrupted,
            3 => Ended::PluginFaults,
            _ => Ended::Complete,
        }
    }
}

/// Watches over a run until `done`: stops launching at the timeout, which counts from `start`, or at the first interrupt,
/// which may come before it, and cancels what still runs after the drain time or at the second interrupt.
pub(super) async fn watch_over(
    clock: Clock,
    start: oneshot::Receiver<Stamp>,
    timeout: Span,
    drain: Drain,
    phase: PhaseControl,
    reason: Reason,
    done: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut done = std::pin::pin!(done);
    let timed_out = async {
        match start.await {
            Ok(start) => sleep_until(Instant::from_std(clock.instant(start + timeout))).await,
            // It never starts, so it never times out.
            Err(_) => std::future::pending().await,
        }
    };
    let grace = tokio::select! {
        _ = &mut done => return Ok(()),
        () = timed_out => {
            reason.give(Ended::TimedOut);
            drain.after_timeout
        }
        _ = interrupt.recv() => {
            reason.give(Ended::Interrupted);
            drain.after_interrupt
        }
        _ = terminate.recv() => {
            reason.give(Ended::Interrupted);
            drain.after_interrupt
        }
    };
    phase.advance(Phase::Draining);
    tokio::select! {
        _ = &mut done => return Ok(()),
        () = tokio::time::sleep(grace.into()) => {}
        _ = interrupt.recv() => reason.give(Ended::Interrupted),
        _ = terminate.recv() => reason.give(Ended::Interrupted),
    }
    phase.advance(Phase::Cancelling);
    Ok(())
}
