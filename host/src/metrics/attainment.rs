//! How far a run met its objectives. [`super::slo`] says what that means; this counts, in constant memory.

use super::proportion::{least_samples, wilson95};
use super::{Bound, Metric, Slo, TokenBasis};
use crate::record::RequestRecord;
use crate::units::Span;

/// What "all of them" can be shown to be, with samples: an objective without a percentile is sure at this share.
const SURE_SHARE_OF_ALL: f64 = 0.99;

/// Counts records against objectives, one at a time and in any order. Warm-up requests are left out.
#[derive(Debug, Clone)]
pub struct SloCounter {
    basis: TokenBasis,
    goals: Vec<Goal>,
    good: u64,
    due: u64,
    /// The values of one request, kept for their memory.
    values: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Goal {
    slo: Slo,
    hits: u64,
    /// Gaps, where the objective is about gaps; requests are counted once for all.
    gaps: u64,
    /// The largest latency, or the smallest throughput.
    worst: Option<f64>,
}

/// How a run met its objectives.
#[derive(Debug, Clone, PartialEq)]
pub struct SloReport {
    pub attainments: Vec<Attainment>,
    /// Requests that met every objective.
    pub good: u64,
    /// Measured requests that were due: sent or dropped.
    pub due: u64,
    /// `good / window`, in requests per second; `None` where the window is empty.
    pub goodput: Option<f64>,
}

/// How far one objective was met.
#[derive(Debug, Clone, PartialEq)]
pub struct Attainment {
    pub slo: Slo,
    /// Requests, or gaps, that met it.
    pub hits: u64,
    /// Out of this number.
    pub of: u64,
    /// The 95 % Wilson score interval of the share; gaps are taken as independent.
    pub ci95: Option<(f64, f64)>,
    pub met: bool,
    /// The worst value among successful requests: the largest latency, the smallest throughput.
    pub worst: Option<f64>,
}

/// What can be said of an objective with the samples there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sureness {
    /// The whole interval is on the right side.
    Met,
    /// The whole interval is on the wrong side.
    Missed,
    /// It takes more samples.
    Unsure,
}

impl SloCounter {
    pub fn new(slos: &[Slo], basis: TokenBasis) -> SloCounter {
        let goal = |slo: &Slo| Goal { slo: slo.clone(), hits: 0, gaps: 0, worst: None };
        SloCounter { basis, goals: slos.iter().map(goal).collect(), good: 0, due: 0, values: Vec::new() }
    }

    /// Counts a request that has ended.
    pub fn add(&mut self, record: &RequestRecord) {
        if record.warmup {
            return;
        }
        self.due += 1;
        self.good += u64::from(self.is_good(record));
    }

    /// Counts what a request has of each objective; whether it succeeded and met all of them.
    pub(super) fn is_good(&mut self, record: &RequestRecord) -> bool {
        let mut good = record.is_ok();
        if good {
            for goal in &mut self.goals {
                good &= goal.add(record, self.basis, &mut self.values);
            }
        }
        good
    }

    /// The result. `dropped` requests were due and never sent.
    pub fn finish(&self, window: Option<Span>, dropped: u64) -> SloReport {
        let due = self.due + dropped;
        let seconds = window.filter(|&window| window > Span(0)).map(Span::as_secs);
        SloReport {
            attainments: self.goals.iter().map(|goal| goal.attainment(due)).collect(),
            good: self.good,
            due,
            goodput: seconds.map(|seconds| self.good as f64 / seconds),
        }
    }
}

impl Goal {
    /// Counts a successful request; whether it met the objective.
    fn add(&mut self, record: &RequestRecord, basis: TokenBasis, values: &mut Vec<f64>) -> bool {
        values.clear();
        self.slo.metric.collect(record, basis, &mut |value| values.push(value));
        let hits = values.iter().filter(|&&value| self.slo.holds(value)).count() as u64;
        for &value in values.iter() {
            self.worst = Some(self.worst.map_or(value, |worst| self.worse(worst, value)));
        }
        let met = match (self.slo.metric, record.token_events.len()) {
            _ if record.last_token().is_none() => false,
            (Metric::Itl | Metric::Tpot, 0 | 1) => true,
            (Metric::Itl, _) => self.slo.is_met(hits, values.len() as u64),
            _ => hits == 1,
        };
        if self.slo.metric == Metric::Itl {
            self.gaps += values.len() as u64;
            self.hits += hits;
        } else {
            self.hits += u64::from(met);
        }
        met
    }

    fn worse(&self, a: f64, b: f64) -> f64 {
        match self.slo.bound {
            Bound::Below(_) => a.max(b),
            Bound::Above(_) => a.min(b),
        }
    }

    fn attainment(&self, due: u64) -> Attainment {
        let of = if self.slo.metric == Metric::Itl { self.gaps } else { due };
        Attainment {
            slo: self.slo.clone(),
            hits: self.hits,
            of,
            ci95: wilson95(self.hits, of),
            met: self.slo.is_met(self.hits, of),
            worst: self.worst,
        }
    }
}

impl Attainment {
    /// The share that met it; `None` where nothing was due.
    pub fn share(&self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// What the interval says. Where all have to meet it, one miss is enough to be sure of that, and to be sure of the
    /// contrary takes as many samples as 99 % would.
    pub fn sureness(&self) -> Sureness {
        let Some((lower, upper)) = self.ci95 else { return Sureness::Unsure };
        match self.slo.share {
            None if self.hits < self.of => Sureness::Missed,
            None if lower >= SURE_SHARE_OF_ALL => Sureness::Met,
            Some(share) if lower >= share => Sureness::Met,
            Some(share) if upper < share => Sureness::Missed,
            _ => Sureness::Unsure,
        }
    }
}

impl SloReport {
    /// Whether every objective was met.
    pub fn all_met(&self) -> bool {
        self.attainments.iter().all(|attainment| attainment.met)
    }

    /// `good / due`; `None` where nothing was due.
    pub fn good_share(&self) -> Option<f64> {
        (self.due > 0).then(|| self.good as f64 / self.due as f64)
    }
}

/// How many requests it takes at least to be sure that all these objectives are met. Gaps come by the dozen, so for
/// those one request a sample would be too many, and the other objectives decide.
pub fn least_requests(slos: &[Slo]) -> u64 {
    let of = |slo: &Slo| match slo.metric {
        Metric::Itl => LEAST_FOR_GAPS,
        _ => least_samples(slo.share.unwrap_or(SURE_SHARE_OF_ALL)),
    };
    slos.iter().map(of).max().unwrap_or(0)
}

/// Gaps within a request resemble each other, so a few requests are too few however many tokens they have.
const LEAST_FOR_GAPS: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::record::Outcome;
    use crate::units::Tokens;

    fn report(slos: &str, records: &[RequestRecord], dropped: u64) -> SloReport {
        let slos = Slo::parse_all(slos).expect("objectives");
        let mut counter = SloCounter::new(&slos, TokenBasis::Local);
        records.iter().for_each(|record| counter.add(record));
        counter.finish(Some(Span::from_secs(2)), dropped)
    }

    #[test]
    fn what_failed_was_dropped_or_cancelled_is_a_miss_and_warm_up_is_nothing() {
        let records = [
            // Sent at 2 ms: TTFT is 50 ms, and 150 ms.
            record(0, &[52]),
            record(1, &[152]),
            RequestRecord { outcome: Outcome::Cancelled, ..record(2, &[52]) },
            RequestRecord { warmup: true, ..record(3, &[52]) },
        ];
        let report = report("ttft:p50<100ms e2el<1s", &records, 1);
        let [ttft, e2el] = &report.attainments[..] else { panic!("two") };
        assert_eq!((ttft.hits, ttft.of, ttft.met, ttft.worst), (1, 4, false, Some(150.0)));
        assert_eq!((e2el.hits, e2el.of, e2el.met), (2, 4, false));
        assert_eq!(
            (report.good, report.due, report.goodput, report.good_share()),
            (1, 4, Some(0.5), Some(0.25))
        );
        assert!(!report.all_met());
    }

    #[test]
    fn a_bound_that_is_just_reached_is_missed() {
        assert!(!report("ttft<50ms", &[record(0, &[52])], 0).all_met());
        assert!(report("ttft<50.001ms", &[record(0, &[52])], 0).all_met());
    }

    #[test]
    fn an_answer_that_was_not_streamed_meets_what_is_asked_of_its_end_alone() {
        let whole = RequestRecord { osl: Tokens(9), ..record(0, &[]) };
        assert!(report("e2el<1s", std::slice::from_ref(&whole), 0).all_met());
        assert!(!report("ttft<1s", &[whole], 0).all_met());
    }

    #[test]
    fn gaps_are_pooled_for_the_run_and_judged_by_themselves_for_a_request() {
        let records = [record(0, &[52, 62, 72, 82, 92]), record(1, &[52, 62, 112]), record(2, &[52])];
        let half = report("itl:p50<20ms", &records, 0);
        assert_eq!((half.attainments[0].hits, half.attainments[0].of, half.good), (5, 6, 3));
        let all = report("itl<20ms", &records, 0);
        assert_eq!((all.attainments[0].met, all.attainments[0].worst, all.good), (false, Some(50.0), 2));
    }

    #[test]
    fn what_brought_no_token_meets_nothing() {
        for slo in ["ttft<1s", "itl<1s", "tpot<1s", "output_throughput_per_request>1tokens/s"] {
            assert_eq!(report(slo, &[record(0, &[])], 0).good, 0, "{slo}");
        }
        assert_eq!(report("tpot<1ms itl<1ms", &[record(0, &[52])], 0).good, 1);
    }

    #[test]
    fn a_throughput_has_to_be_above() {
        // 1 token in 50 ms, and 2 in 100 ms, are 20 a second.
        let records = [record(0, &[52]), record(1, &[52, 102])];
        assert!(report("output_throughput_per_request>19.9tokens/s", &records, 0).all_met());
        assert!(!report("output_throughput_per_request>20tokens/s", &records, 0).all_met());
    }

    #[test]
    fn one_is_sure_only_with_samples_enough() {
        let sure = |slo: &str, ok: u64, slow: u64| {
            let fast = (0..ok).map(|id| record(id, &[52]));
            let records: Vec<_> = fast.chain((0..slow).map(|id| record(ok + id, &[1052]))).collect();
            report(slo, &records, 0).attainments[0].sureness()
        };
        assert_eq!(sure("ttft:p95<100ms", 72, 0), Sureness::Unsure);
        assert_eq!(sure("ttft:p95<100ms", 73, 0), Sureness::Met);
        assert_eq!(sure("ttft:p95<100ms", 90, 10), Sureness::Missed);
        assert_eq!(sure("ttft<100ms", 380, 0), Sureness::Unsure);
        assert_eq!(sure("ttft<100ms", 381, 0), Sureness::Met);
        assert_eq!(sure("ttft<100ms", 380, 1), Sureness::Missed);
        assert_eq!(sure("ttft<100ms", 0, 0), Sureness::Unsure);
        let least = |text: &str| least_requests(&Slo::parse_all(text).expect("objectives"));
        assert_eq!((least("itl:p99<1s"), least("itl:p99<1s ttft:p95<1s"), least("e2el<1s")), (30, 73, 381));
    }
}
