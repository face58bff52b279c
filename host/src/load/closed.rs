//! The closed loop: a fixed number of slots, each starting its next request the moment its last one ends.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Admitted, Launch, Phase};
use crate::units::{Span, Stamp};

/// The slots of a closed loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    pub count: usize,
    /// They start one after the other, evenly over this time.
    pub ramp_up: Span,
}

/// Runs the slots until the course is over, the source is empty or the phase leaves [`Phase::Launching`], and then until
/// every started request has ended. `send` runs one request, due when its slot became free, and returns when the slot is
/// free again. A request is taken from the source only to be started, so nothing is lost between the two. Returns what slots
/// waited, all told, for requests that never came before the phase moved on.
pub async fn run_slots<T, F>(
    slots: Slots,
    launch: Launch<T>,
    send: impl Fn(T, Stamp, Admitted) -> F + Clone + Send + 'static,
) -> Span
where
    T: Send + 'static,
    F: Future<Output = Stamp> + Send,
{
    let Launch { source, course, phase, clock } = launch;
    let mut running = JoinSet::new();
    let start = clock.now();
    // A slot that ends found nothing more to send: those that have not started need not wait for their turn.
    let (ended, over) = tokio::sync::watch::channel(false);
    for slot in 0..slots.count as u64 {
        let (source, course, mut phase, send) =
            (Arc::clone(&source), course.clone(), phase.clone(), send.clone());
        let wait = Span((u128::from(slots.ramp_up.0) * u128::from(slot) / slots.count as u128) as u64);
        let (ended, mut over) = (ended.clone(), over.clone());
        running.spawn(async move {
            if wait > Span(0) {
                tokio::select! {
                    biased;
                    () = phase.reached(Phase::Draining) => return Span(0),
                    _ = over.wait_for(|over| *over) => return Span(0),
                    () = tokio::time::sleep_until(clock.instant(start + wait).into()) => {}
                }
            }
            let mut free_at = clock.now();
            while phase.now() == Phase::Launching {
                let item = tokio::select! {
                    biased;
                    () = phase.reached(Phase::Draining) => return clock.now().since(free_at),
                    item = source.next() => item,
                };
                // Only now, so that no place in the course is taken for an item that is not there.
                let Some((item, admitted)) = item.and_then(|item| Some((item, course.admit(free_at)?)))
                else {
                    ended.send_replace(true);
                    return Span(0);
                };
                free_at = send(item, free_at, admitted).await;
            }
            Span(0)
        });
    }
    let unused = running.join_all().await;
    Span(unused.iter().map(|span| span.0).sum())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::Clock;
    use crate::load::{Course, Division, NO_LIMIT, PhaseControl, Source, lanes};

    fn source_of(items: u64) -> Arc<Source<u64>> {
        let (mut lanes, source) = lanes(1, usize::try_from(items).expect("few"));
        let lane = lanes.pop().expect("one lane");
        assert!((0..items).all(|item| lane.put(item)));
        Arc::new(source)
    }

    /// Runs 50 items in 7 slots; `stop_at` moves the run on when that item starts.
    fn run(stop_at: Option<u64>) -> (usize, usize) {
        let source = source_of(50);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (control, phase) = PhaseControl::new();
        let (started, at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let counts = Arc::new((started, at_once, most));
        let seen = Arc::clone(&counts);
        let clock = Clock::start();
        let division =
            Division { warmup_requests: 0, warmup: Span(0), measured_requests: NO_LIMIT, measured: None };
        let course = Course::start(division, clock.now());
        let slots = Slots { count: 7, ramp_up: Span(0) };
        let launch = Launch { source, course, phase, clock };
        runtime.block_on(run_slots(slots, launch, move |item, due, _| {
            let (seen, control) = (Arc::clone(&seen), control.clone());
            async move {
                assert!(due <= clock.now());
                seen.0.fetch_add(1, Ordering::SeqCst);
                seen.2.fetch_max(seen.1.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if Some(item) == stop_at {
                    control.advance(Phase::Draining);
                }
                tokio::task::yield_now().await;
                seen.1.fetch_sub(1, Ordering::SeqCst);
                clock.now()
            }
        }));
        (counts.0.load(Ordering::SeqCst), counts.2.load(Ordering::SeqCst))
    }

    #[test]
    fn every_item_is_sent_once_and_never_more_at_a_time_than_there_are_slots() {
        assert_eq!(run(None), (50, 7));
    }

    #[test]
    fn nothing_starts_once_the_run_drains() {
        let (started, _) = run(Some(20));
        assert!((21..=27).contains(&started), "{started} started");
    }
}
