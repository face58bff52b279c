//! What the runs say of waiting: requests in line before they are sent, and when to stop waiting for an answer.

use super::super::ComparedRun;
use super::is_sound;
use crate::metrics::{Estimate, Level, Metric, Moment, Pace, Quantity};

/// From the highest. Below p90, a time-out would end more answers than it is worth.
const LEVELS: [Level; 4] = [Level::P999, Level::P99, Level::P95, Level::P90];

/// What an open loop says of a queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Queue {
    pub(crate) run: usize,
    pub(crate) waiting: Waiting,
    pub(crate) pace: Option<Pace>,
    /// `sent - due`, p99, in ms.
    pub(crate) lag: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Requests end as fast as they come, and none was dropped.
    None,
    /// Requests end as fast as they come on average, and some found no slot.
    Bursts,
    /// They come faster than they end: a queue would grow as long as that lasts.
    Grows,
    /// Too few requests, or no records.
    Unknown,
}

/// When an answer of a run is late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeOut {
    pub(crate) run: usize,
    /// The highest percentile of E2EL that has an interval, and its interval's upper end in ms; `None` where not even p90 has
    /// one.
    pub(crate) found: Option<(Level, Estimate, f64)>,
    /// Requests that passed the deadline of the run: how long they would have taken is not known.
    pub(crate) cut: u64,
}

/// Of every open loop.
pub(super) fn queues(runs: &[ComparedRun]) -> Vec<Queue> {
    let queue = |(run, of): (usize, &ComparedRun)| {
        let facts = &of.facts;
        let waiting = match facts.pace {
            None => Waiting::Unknown,
            Some(pace) if !pace.keeps_up => Waiting::Grows,
            Some(_) if facts.dropped > 0 => Waiting::Bursts,
            Some(_) => Waiting::None,
        };
        let lag = of.estimates.value(Quantity::Of(Metric::ScheduleLag, Moment::At(Level::P99)));
        Queue { run, waiting, pace: facts.pace, lag }
    };
    runs.iter().enumerate().filter(|(_, run)| run.request_rate.is_some()).map(queue).collect()
}

/// Of every sound run.
pub(super) fn time_outs(runs: &[ComparedRun]) -> Vec<TimeOut> {
    let time_out = |(run, of): (usize, &ComparedRun)| {
        let found = LEVELS.into_iter().find_map(|level| {
            let estimate = of.estimates.get(Quantity::Of(Metric::E2el, Moment::At(level)))?;
            Some((level, estimate, estimate.ci95?.1))
        });
        TimeOut { run, found, cut: of.facts.timed_out }
    };
    runs.iter().enumerate().filter(|(_, run)| is_sound(run)).map(time_out).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Estimates, Sample, Terms, TokenBasis};
    use crate::report::compare::report::tests::run;

    #[test]
    fn a_time_out_is_the_upper_end_of_the_highest_percentile_that_has_an_interval() {
        let of = |requests: u64| {
            let records: Vec<_> = (0..requests).map(|id| record(id, &[100 + id * 7 % 101])).collect();
            let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
            let estimates = Estimates::of(&sample, &[], 0, 0);
            time_outs(&[ComparedRun { estimates, ..run("a:1b", 20) }])[0].found
        };
        for (requests, expected) in [
            (35, None),
            (36, Some(Level::P90)),
            (72, Some(Level::P95)),
            (368, Some(Level::P99)),
            (3688, Some(Level::P999)),
        ] {
            let found = of(requests);
            assert_eq!(found.map(|(level, ..)| level), expected, "{requests}");
            if let Some((_, estimate, end)) = found {
                assert!(estimate.ci95 == estimate.ci95.map(|(low, _)| (low, end)) && end >= estimate.value);
            }
        }
        let invalid = ComparedRun { verdict: Some("INVALID".to_owned()), ..run("a:1b", 20) };
        assert!(time_outs(&[invalid]).is_empty());
    }

    #[test]
    fn a_queue_is_told_from_pace_and_drops() {
        for (keeps_up, dropped, expected) in [
            (Some(true), 0, Waiting::None),
            (Some(true), 3, Waiting::Bursts),
            (Some(false), 0, Waiting::Grows),
            (Some(false), 3, Waiting::Grows),
            (None, 3, Waiting::Unknown),
        ] {
            let mut run = ComparedRun { request_rate: Some(2.0), ..run("a:1b", 20) };
            run.facts.pace = keeps_up.map(|keeps_up| Pace { offered: 2.0, achieved: 2.0, keeps_up });
            run.facts.dropped = dropped;
            let found = queues(&[run]);
            assert_eq!(found[0].waiting, expected, "{keeps_up:?} {dropped}");
            assert!(found[0].lag.is_some());
        }
        assert!(queues(&[run("a:1b", 20)]).is_empty(), "a closed loop has no arrivals");
    }
}
