//! The open loop: requests start when they are due, regardless of how fast earlier ones finish. One that finds no slot is dropped
//! and counted, or waits in line; the schedule never waits for the server.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Admitted, Launch, Phase};
use crate::clock::Clock;
use crate::units::{Span, Stamp};

/// Due times that wait for the dispatcher; if it falls this far behind, the rest of the schedule comes late, as lag.
const QUEUED_DUE_TIMES: usize = 1024;
/// The pacing thread looks this often whether anybody still listens.
const LONGEST_SLEEP: Span = Span::from_millis(100);

/// What becomes of a request that is due while all slots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// It is dropped.
    Drop,
    /// It starts when a slot becomes free, after those that wait longer, and was due when it was due. What still waits when
    /// launching ends is dropped.
    Queue,
}

/// What was due and never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    pub measured: u64,
    pub warmup: u64,
}

impl Dropped {
    fn add(&mut self, admitted: Admitted) {
        if admitted.warmup {
            self.warmup += 1;
        } else {
            self.measured += 1;
        }
    }
}

/// Due times that wait in line at most: hours of any overload, in 24 MiB.
const MAX_WAITING: usize = 1 << 20;

/// Starts an item of the source at each due time, counted from now, until the times or the source end, the course is over
/// or the phase leaves [`Phase::Launching`], and then waits until every started request has ended. `send` runs one. Returns
/// what was dropped because all `slots` were taken.
pub async fn run_arrivals<T, F>(
    due_times: impl Iterator<Item = Span> + Send + 'static,
    slots: usize,
    overflow: Overflow,
    launch: Launch<T>,
    send: impl Fn(T, Stamp, Admitted) -> F,
) -> Result<Dropped>
where
    T: Send + 'static,
    F: Future<Output = Stamp> + Send + 'static,
{
    let Launch { source, course, mut phase, clock } = launch;
    let mut due = pace(due_times, clock)?;
    let mut running = JoinSet::new();
    // Due times only: a request is taken from the source when it starts.
    let mut waiting: VecDeque<(Stamp, Admitted)> = VecDeque::new();
    let mut dropped = Dropped::default();
    let mut more = true;
    while more || !waiting.is_empty() {
        let next = tokio::select! {
            biased;
            () = phase.reached(Phase::Draining) => break,
            next = due.recv(), if more => next,
            _ = running.join_next(), if !waiting.is_empty() => {
                while running.try_join_next().is_some() {}
                while let Some((due, admitted)) = take_next(&mut waiting, running.len() < slots) {
                    let Some(item) = source.next().await else { break };
                    running.spawn(send(item, due, admitted));
                }
                continue;
            }
        };
        let Some((due, admitted)) = next.and_then(|due| Some((due, course.admit(due)?))) else {
            more = false;
            continue;
        };
        while running.try_join_next().is_some() {}
        if running.len() < slots && waiting.is_empty() {
            let Some(item) = source.next().await else { break };
            running.spawn(send(item, due, admitted));
        } else if overflow == Overflow::Queue && waiting.len() < MAX_WAITING {
            waiting.push_back((due, admitted));
        } else {
            // Its place in the workload stays empty.
            let Some(_) = source.next().await else { break };
            dropped.add(admitted);
        }
    }
    waiting.into_iter().for_each(|(_, admitted)| dropped.add(admitted));
    // The pacing thread ends when nobody listens.
    drop(due);
    running.join_all().await;
    Ok(dropped)
}

fn take_next(waiting: &mut VecDeque<(Stamp, Admitted)>, is_free: bool) -> Option<(Stamp, Admitted)> {
    if is_free { waiting.pop_front() } else { None }
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
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::load::{Course, Division, NO_LIMIT, PhaseControl, lanes};

    /// Runs `items` arrivals a millisecond apart, each request holding its slot for `hold`; gives back what was started,
    /// with due times and starts, and how many were dropped.
    fn run(items: u64, slots: usize, hold: Duration, overflow: Overflow) -> (Vec<(u64, Stamp, Stamp)>, u64) {
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
        let division =
            Division { warmup_requests: 0, warmup: Span(0), measured_requests: NO_LIMIT, measured: None };
        let division = Division { measured_requests: items, ..division };
        let course = Course::start(division, clock.now());
        let launch = Launch { source: Arc::new(source), course, phase, clock };
        let dropped =
            runtime.block_on(run_arrivals(due_times, slots, overflow, launch, move |item, due, _| {
                seen.lock().expect("no panic").push((item, due, clock.now()));
                async move {
                    tokio::time::sleep(hold).await;
                    clock.now()
                }
            }));
        let started = started.lock().expect("no panic").clone();
        (started, dropped.expect("it runs").measured)
    }

    #[test]
    fn requests_start_when_they_are_due_and_not_before() {
        let (started, dropped) = run(50, 100, Duration::from_millis(20), Overflow::Drop);
        assert_eq!((started.len(), dropped), (50, 0));
        assert!(started.iter().all(|(_, due, at)| at >= due));
        let gaps: Vec<u64> = started.windows(2).map(|pair| pair[1].1.since(pair[0].1).0).collect();
        assert!(gaps.iter().all(|&gap| gap == 1_000_000), "{gaps:?}");
    }

    #[test]
    fn drops_are_counted_when_slots_run_out() {
        let (started, dropped) = run(40, 3, Duration::from_secs(1), Overflow::Drop);
        assert_eq!((started.len(), dropped), (3, 37));
        assert_eq!(started.iter().map(|(item, ..)| *item).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn those_that_wait_in_line_start_in_order_and_keep_their_due_times() {
        let (started, dropped) = run(20, 2, Duration::from_millis(5), Overflow::Queue);
        assert_eq!((started.len(), dropped), (20, 0));
        assert!(started.iter().map(|(item, ..)| *item).eq(0..20));
        let due: Vec<u64> = started.windows(2).map(|pair| pair[1].1.since(pair[0].1).0).collect();
        assert!(due.iter().all(|&gap| gap == 1_000_000), "{due:?}");
        // Two at a time, five milliseconds each: the last waits for nine pairs before it, and was due at 20.
        let (_, due, at) = started[19];
        assert!(at.since(due) >= Span::from_millis(20), "{:?}", at.since(due));
    }
}
