//! The open loop: requests start when they are due, whatever became of those before. One that finds no slot is dropped
//! and counted; the schedule never waits for the server.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Phase, PhaseWatch, Source};
use crate::clock::Clock;
use crate::units::{Span, Stamp};

/// Due times that wait for the dispatcher; if it falls this far behind, the rest of the schedule comes late, as lag.
const QUEUED_DUE_TIMES: usize = 1024;
/// The pacing thread looks this often whether anybody still listens.
const LONGEST_SLEEP: Span = Span::from_millis(100);

/// Starts an item of the source at each due time, counted from now, until the source is empty or the phase leaves
/// [`Phase::Launching`], and then waits until every started request has ended. `send` runs one. Returns how many were
/// dropped because all `slots` were taken.
pub async fn run_arrivals<T, F>(
    due_times: impl Iterator<Item = Span> + Send + 'static,
    slots: usize,
    source: Arc<Source<T>>,
    mut phase: PhaseWatch,
    clock: Clock,
    send: impl Fn(T, Stamp) -> F,
) -> Result<u64>
where
    T: Send + 'static,
    F: Future<Output = Stamp> + Send + 'static,
{
    let mut due = pace(due_times, clock)?;
    let mut running = JoinSet::new();
    let mut dropped = 0;
    loop {
        let due = tokio::select! {
            biased;
            () = phase.reached(Phase::Draining) => break,
            due = due.recv() => due,
        };
        let (Some(due), Some(item)) = (due, source.next().await) else { break };
        while running.try_join_next().is_some() {}
        if running.len() < slots {
            running.spawn(send(item, due));
        } else {
            dropped += 1;
        }
    }
    // The pacing thread ends when nobody listens.
    drop(due);
    running.join_all().await;
    Ok(dropped)
}

/// A thread that sleeps until each due time and says so. The runtime's own timers are up to two milliseconds late.
fn pace(
    due_times: impl Iterator<Item = Span> + Send + 'static,
    clock: Clock,
) -> Result<mpsc::Receiver<Stamp>> {
    let (sender, receiver) = mpsc::channel(QUEUED_DUE_TIMES);
    let start = clock.now();
    let work = move || {
        for offset in due_times {
            let due = start + offset;
            loop {
                let left = due.since(clock.now());
                if left == Span(0) {
                    break;
                }
                if sender.is_closed() {
                    return;
                }
                std::thread::sleep(left.min(LONGEST_SLEEP).into());
            }
            if sender.blocking_send(due).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("pace".to_owned()).spawn(work).context("no thread can be started")?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::load::{PhaseControl, lanes};

    /// Runs `items` arrivals a millisecond apart, each request holding its slot for `hold`; gives back what was started,
    /// with due times and starts, and how many were dropped.
    fn run(items: u64, slots: usize, hold: Duration) -> (Vec<(u64, Stamp, Stamp)>, u64) {
        let (mut lanes, source) = lanes(1, usize::try_from(items).expect("few"));
        let lane = lanes.pop().expect("one lane");
        assert!((0..items).all(|item| lane.put(item)));
        drop(lane);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (_control, phase) = PhaseControl::new();
        let clock = Clock::start();
        let started = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&started);
        let due_times = (1..).map(Span::from_millis);
        let dropped = runtime.block_on(run_arrivals(
            due_times,
            slots,
            Arc::new(source),
            phase,
            clock,
            move |item, due| {
                seen.lock().expect("no panic").push((item, due, clock.now()));
                async move {
                    tokio::time::sleep(hold).await;
                    clock.now()
                }
            },
        ));
        let started = started.lock().expect("no panic").clone();
        (started, dropped.expect("it runs"))
    }

    #[test]
    fn requests_start_when_they_are_due_and_not_before() {
        let (started, dropped) = run(50, 100, Duration::from_millis(20));
        assert_eq!((started.len(), dropped), (50, 0));
        assert!(started.iter().all(|(_, due, at)| at >= due));
        let gaps: Vec<u64> = started.windows(2).map(|pair| pair[1].1.since(pair[0].1).0).collect();
        assert!(gaps.iter().all(|&gap| gap == 1_000_000), "{gaps:?}");
    }

    #[test]
    fn drops_are_counted_when_slots_run_out() {
        let (started, dropped) = run(40, 3, Duration::from_secs(1));
        assert_eq!((started.len(), dropped), (3, 37));
        assert_eq!(started.iter().map(|(item, ..)| *item).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
