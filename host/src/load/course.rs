//! The course of a run: which of its requests are warm-up, which are measured, and when it has had them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::units::{Span, Stamp};

/// More requests than any run sends: only time ends such a run.
pub const NO_LIMIT: u64 = 1 << 53;

/// How a run is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// Number of requests, the first ones, that are warm-up.
    pub warmup_requests: u64,
    /// Requests that start this soon after the run's start are warm-up.
    pub warmup: Span,
    /// The most requests that are measured; [`NO_LIMIT`] where only time counts.
    pub measured_requests: u64,
    /// No request starts this long after the first that was measured.
    pub measured: Option<Span>,
}

/// A request that may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// It is warm-up.
    pub warmup: bool,
}

/// A run on its way. Clones are the same run; they are used from the one thread that starts requests.
#[derive(Debug, Clone)]
pub struct Course(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    division: Division,
    start: Stamp,
    warmed: AtomicU64,
    measured: AtomicU64,
    /// When the first measured request started; `NEVER` before.
    measuring_since: AtomicU64,
    began: Notify,
}

const NEVER: u64 = u64::MAX;

impl Course {
    /// A run that starts now.
    pub fn start(division: Division, start: Stamp) -> Course {
        Course(Arc::new(Inner {
            division,
            start,
            warmed: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            measuring_since: AtomicU64::new(NEVER),
            began: Notify::new(),
        }))
    }

    /// Lets the next request start, which is due at `due`; `None` once the run has had all of them.
    pub fn admit(&self, due: Stamp) -> Option<Admitted> {
        let run = &*self.0;
        let division = &run.division;
        let warmed = run.warmed.load(Ordering::Relaxed);
        let is_measuring = run.measuring_since.load(Ordering::Relaxed) != NEVER;
        let is_warmup = warmed < division.warmup_requests
            || (division.warmup > Span(0) && due < run.start + division.warmup);
        if is_warmup && !is_measuring {
            run.warmed.store(warmed + 1, Ordering::Relaxed);
            return Some(Admitted { warmup: true });
        }
        if !is_measuring {
            run.measuring_since.store(due.0, Ordering::Relaxed);
            run.began.notify_one();
        }
        let measured = run.measured.load(Ordering::Relaxed);
        let since = Stamp(run.measuring_since.load(Ordering::Relaxed));
        let is_over = measured >= division.measured_requests
            || division.measured.is_some_and(|length| due >= since + length);
        if is_over {
            return None;
        }
        run.measured.store(measured + 1, Ordering::Relaxed);
        Some(Admitted { warmup: false })
    }

    /// When the run started.
    pub fn started(&self) -> Stamp {
        self.0.start
    }

    /// Returns when the measured time is to end, once that is known; never where no time was set.
    pub async fn measured_until(&self) -> Stamp {
        let Some(length) = self.0.division.measured else { return std::future::pending().await };
        loop {
            let since = self.0.measuring_since.load(Ordering::Relaxed);
            if since != NEVER {
                return Stamp(since) + length;
            }
            self.0.began.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Division =
        Division { warmup_requests: 0, warmup: Span(0), measured_requests: NO_LIMIT, measured: None };

    /// What becomes of requests due at these milliseconds of a run that starts at 100: w, m, or - for no more.
    fn fates(division: Division, due_ms: &[u64]) -> String {
        let ms = |at: u64| Stamp(at * 1_000_000);
        let course = Course::start(division, ms(100));
        let fate = |&due: &u64| match course.admit(ms(due)) {
            Some(Admitted { warmup: true }) => 'w',
            Some(Admitted { warmup: false }) => 'm',
            None => '-',
        };
        due_ms.iter().map(fate).collect()
    }

    #[test]
    fn a_run_is_divided_by_requests_and_by_time() {
        let ms = Span::from_millis;
        let check = |division: Division, due: &[u64], expected: &str| {
            assert_eq!(fates(division, due), expected, "{division:?}");
        };
        check(ALL, &[100, 200, 900], "mmm");
        check(Division { measured_requests: 2, ..ALL }, &[100, 200, 300], "mm-");
        check(Division { warmup_requests: 2, measured_requests: 2, ..ALL }, &[1, 2, 3, 4, 5], "wwmm-");
        check(Division { warmup: ms(50), measured_requests: 1, ..ALL }, &[100, 149, 150, 151], "wwm-");
        // Both must be over.
        check(Division { warmup_requests: 3, warmup: ms(50), ..ALL }, &[100, 149, 150, 151], "wwwm");
        check(Division { warmup_requests: 1, warmup: ms(50), ..ALL }, &[100, 149, 150, 151], "wwmm");
        // The time counts from the first that is measured.
        check(
            Division { warmup: ms(50), measured: Some(ms(100)), ..ALL },
            &[100, 170, 200, 269, 270],
            "wmmm-",
        );
        // What was due before and starts late is measured once the measuring has begun.
        check(Division { warmup: ms(50), ..ALL }, &[160, 120], "mm");
    }
}
