//! What ends a run early: its timeout, an interrupt, a second one, a plugin that only fails.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::interrupt::EndSignals;
use crate::clock::Clock;
use crate::load::{Course, Phase, PhaseControl, PhaseWatch};
use crate::plan::Drain;
use crate::units::{Span, Stamp};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request was sent and has ended, or the time that was to be measured has passed.
    Complete,
    /// `--timeout` passed first.
    TimedOut,
    /// Ctrl-C, SIGTERM or SIGHUP.
    Interrupted,
    /// The plugin failed too often in a row.
    PluginFaults,
}

/// Ends a run, and remembers why: the first reason counts, whoever has it, unless an interrupt cuts off what was to run out.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    control: PhaseControl,
    phase: PhaseWatch,
    // Touched when a run ends, by the few threads that may end it.
    reason: Arc<Mutex<Option<Ended>>>,
}

impl Stop {
    pub(super) fn new() -> Stop {
        let (control, phase) = PhaseControl::new();
        Stop { control, phase, reason: Arc::default() }
    }

    /// Goes on to `phase`, for this reason.
    pub(super) fn because(&self, reason: Ended, phase: Phase) {
        let mut known = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        let drains = matches!(*known, Some(Ended::Complete | Ended::TimedOut));
        if known.is_none() || (drains && reason == Ended::Interrupted) {
            *known = Some(reason);
        }
        self.control.advance(phase);
    }

    /// Why the run ended.
    pub(super) fn reason(&self) -> Ended {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(Ended::Complete)
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
    /// Launching stops this long after the start as planned.
    pub(super) schedule: Option<Span>,
    pub(super) drain: Drain,
    /// Whether signals end it; where they do not, they are left to the program.
    pub(super) interruptible: bool,
}

/// Watches over a run until `done`: stops launching at the end of the time to be measured, at the timeout, which counts from
/// `start`, or at the first interrupt, which may come before it, and cancels what still runs after the drain time or at the
/// second interrupt.
pub(super) async fn watch_over(
    clock: Clock,
    start: oneshot::Receiver<Course>,
    limits: TimeLimits,
    stop: Stop,
    done: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let mut signals = limits.interruptible.then(EndSignals::listen).transpose()?;
    let mut interrupted = async || match &mut signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    };
    let mut done = std::pin::pin!(done);
    let until = async |at: Stamp| sleep_until(Instant::from_std(clock.instant(at))).await;
    let timed_out = async {
        // It may never start, and then it never times out.
        let Ok(course) = start.await else { return std::future::pending().await };
        tokio::select! {
            () = async { until(course.measured_until().await).await } => {
                (Ended::Complete, limits.drain.after_duration)
            }
            () = scheduled(&course, limits.schedule, clock) => (Ended::Complete, limits.drain.after_duration),
            () = until(course.started() + limits.timeout) => (Ended::TimedOut, limits.drain.after_timeout),
        }
    };
    let (reason, drain) = tokio::select! {
        _ = &mut done => return Ok(()),
        ended = timed_out => ended,
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

/// Returns when the schedule is over, if there is one to wait for.
async fn scheduled(course: &Course, schedule: Option<Span>, clock: Clock) {
    match schedule {
        Some(length) => sleep_until(Instant::from_std(clock.instant(course.started() + length))).await,
        None => std::future::pending().await,
    }
}
