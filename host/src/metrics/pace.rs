//! Whether a target keeps up with the rate at which requests are due: what comes in against what goes out.

use crate::record::RequestRecord;
use crate::units::Stamp;

/// A target that completes at least this share of the offered rate keeps up.
const KEEPS_UP_SHARE: f64 = 0.95;

/// Fewer requests than this have no rate worth the name.
const LEAST: usize = 10;

/// Gathers when requests were due and when they ended: 16 bytes a request. Warm-up requests are left out.
#[derive(Debug, Clone, Default)]
pub struct PaceCounter {
    due: Vec<Stamp>,
    end: Vec<Stamp>,
    ok: u64,
    /// Sum of `end - due`, in seconds.
    stayed: f64,
}

/// The rates of a run, in requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// At which requests were due.
    pub offered: f64,
    /// At which they ended, times the share of them that succeeded.
    pub achieved: f64,
    /// Achieved is at least 95 % of offered, or falls short by no more than chance explains.
    pub keeps_up: bool,
}

impl PaceCounter {
    pub fn add(&mut self, record: &RequestRecord) {
        if record.warmup {
            return;
        }
        self.due.push(record.due);
        self.end.push(record.end);
        self.ok += u64::from(record.is_ok());
        self.stayed += record.end.since(record.due).as_secs();
    }

    /// The rates between the first tenth and the last of the requests, by due time and by end time each: the time that
    /// the last answers take after the last request is no lack of throughput. `None` for fewer than 10 requests.
    ///
    /// How many requests are in flight varies by chance like the root of their mean number, so a shortfall that is
    /// within three such roots is not held against the target.
    pub fn finish(mut self) -> Option<Pace> {
        let n = self.due.len();
        if n < LEAST {
            return None;
        }
        let (first, last) = (n / 10, n - 1 - n / 10);
        let middle = (last - first) as f64;
        let between = |stamps: &mut Vec<Stamp>| {
            stamps.sort_unstable();
            stamps[last].since(stamps[first]).as_secs()
        };
        let (arriving, leaving) = (between(&mut self.due), between(&mut self.end));
        if arriving <= 0.0 || leaving <= 0.0 {
            return None;
        }
        let succeeded = self.ok as f64 / n as f64;
        let (offered, achieved) = (middle / arriving, middle / leaving * succeeded);
        let in_flight = offered * self.stayed / n as f64;
        let shortfall = middle * (1.0 - achieved / offered);
        let keeps_up = achieved >= KEEPS_UP_SHARE * offered
            || (shortfall <= 3.0 * in_flight.sqrt()
                && succeeded >= KEEPS_UP_SHARE
                && in_flight <= middle / 3.0);
        Some(Pace { offered, achieved, keeps_up })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::record::Outcome;

    /// 100 requests, 10 a second, each ending after what `stays` says in milliseconds.
    fn pace(stays: impl Fn(u64) -> u64) -> Pace {
        let mut counter = PaceCounter::default();
        for id in 0..100 {
            let due = id * 100_000_000;
            let (due, end) = (Stamp(due), Stamp(due + stays(id) * 1_000_000));
            counter.add(&RequestRecord { due, sent: due, end, ..record(id, &[]) });
        }
        counter.finish().expect("rates")
    }

    #[test]
    fn long_answers_are_no_lack_of_throughput() {
        for latency in [1, 500, 5000] {
            let pace = pace(|_| latency);
            assert!((pace.offered - 10.0).abs() < 1e-9 && (pace.achieved - 10.0).abs() < 1e-9, "{pace:?}");
            assert!(pace.keeps_up);
        }
    }

    #[test]
    fn a_queue_that_grows_is() {
        // It ends one every 125 ms: 8 a second.
        let slow = pace(|id| 50 + id * 25);
        assert!((slow.achieved - 8.0).abs() < 1e-9, "{slow:?}");
        assert!(pace(|id| 50 + id * 2).keeps_up);
        assert!(!pace(|id| 50 + id * 50).keeps_up);
    }

    #[test]
    fn failures_are_not_achieved_and_few_requests_have_no_rate() {
        let mut counter = PaceCounter::default();
        for id in 0..20 {
            let due = Stamp(id * 100_000_000);
            let outcome = if id % 2 == 0 { Outcome::Ok } else { Outcome::Cancelled };
            counter.add(&RequestRecord { due, end: due, outcome, ..record(id, &[]) });
        }
        let pace = counter.clone().finish().expect("rates");
        assert!((pace.achieved - 5.0).abs() < 1e-9 && !pace.keeps_up, "{pace:?}");
        assert_eq!(PaceCounter::default().finish(), None);
    }
}
