//! What ends a run early: its timeout, an interrupt, a second one, a plugin that only fails.

use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::load::{Phase, PhaseControl, PhaseWatch};
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

/// Ends a run, and remembers why: the first reason counts, whoever has it.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    control: PhaseControl,
    phase: PhaseWatch,
    reason: Arc<OnceLock<Ended>>,
}

impl Stop {
    pub(super) fn new() -> Stop {
        let (control, phase) = PhaseControl::new();
        Stop { control, phase, reason: Arc::default() }
    }

    /// Goes on to `phase`, for this reason.
    pub(super) fn because(&self, reason: Ended, phase: Phase) {
        self.reason.get_or_init(|| reason);
        self.control.advance(phase);
    }

    /// Why the run ended.
    pub(super) fn reason(&self) -> Ended {
        self.reason.get().copied().unwrap_or(Ended::Complete)
    }

    pub(super) fn watch(&self) -> PhaseWatch {
        self.phase.clone()
    }
}

/// When a run ends at the latest.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    /// Launching stops this long after the start.
    pub(super) timeout: Span,
    pub(super) drain: Drain,
}

/// Watches over a run until `done`: stops launching at the timeout, which counts from `start`, or at the first interrupt,
/// which may come before it, and cancels what still runs after the drain time or at the second interrupt.
pub(super) async fn watch_over(
    clock: Clock,
    start: oneshot::Receiver<Stamp>,
    limits: TimeLimits,
    stop: Stop,
    done: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupted = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let mut done = std::pin::pin!(done);
    let timed_out = async {
        match start.await {
            Ok(start) => sleep_until(Instant::from_std(clock.instant(start + limits.timeout))).await,
            // It never starts, so it never times out.
            Err(_) => std::future::pending().await,
        }
    };
    let (reason, drain) = tokio::select! {
        _ = &mut done => return Ok(()),
        () = timed_out => (Ended::TimedOut, limits.drain.after_timeout),
        () = interrupted() => (Ended::Interrupted, limits.drain.after_interrupt),
    };
    stop.because(reason, Phase::Draining);
    let reason = tokio::select! {
        _ = &mut done => return Ok(()),
        () = tokio::time::sleep(drain.into()) => reason,
        () = interrupted() => Ended::Interrupted,
    };
    stop.because(reason, Phase::Cancelling);
    Ok(())
}
