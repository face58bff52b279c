//! The requests of a run, as they are drawn again and again.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::rerun::{Arrivals, Rerun, Served, Yield};
use super::spread::kinship;
use super::{Moment, Quantity};
use crate::metrics::stats::is_measurable;
use crate::metrics::window::reached_the_client;
use crate::metrics::{Aggregate, Metric, Slo, SloCounter, TokenBasis};
use crate::record::{Outcome, RequestRecord};
use crate::units::{Span, Stamp};

/// One request that ran to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    pub ok: bool,
    /// Whether it met every objective of the run; of no meaning where there are none.
    pub good: bool,
    /// How long it kept its connection.
    pub busy: Span,
    /// What of it is defined: one value a metric, and one a gap for ITL; none where it failed.
    pub values: Vec<(Metric, Vec<f64>)>,
}

/// What the records of a run do not say of it.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Whether requests were started when they were due, and not as others ended.
    pub paced: bool,
    /// The window of its rates, as the summary has it.
    pub window: Option<Span>,
    pub objectives: Vec<Slo>,
    /// Requests that were due and never sent.
    pub dropped: u64,
}

/// The requests of a run, each of which may be drawn.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    requests: Vec<Served>,
    /// Values in rising order, each with the number of its request.
    columns: BTreeMap<Metric, Vec<(f64, u32)>>,
    rerun: Rerun,
    /// When requests were due, from the first, in an open loop: two runs with the same had the same load.
    due: Vec<Span>,
    /// Requests that met every objective, of all that were due; `None` where there is no objective.
    good: Option<(u64, u64)>,
}

impl Sample {
    /// The measured requests of these records that ran to their end, whatever their order in the file.
    pub fn of_records(records: &[RequestRecord], basis: TokenBasis, terms: &Terms) -> Sample {
        let measured = || records.iter().filter(|record| !record.warmup);
        let mut finished: Vec<&RequestRecord> =
            measured().filter(|record| record.outcome != Outcome::Cancelled).collect();
        finished.sort_by_key(|record| record.id);
        let mut counter = SloCounter::new(&terms.objectives, basis);
        let requests: Vec<Sampled> =
            finished.into_iter().map(|record| Sampled::of(record, basis, &mut counter)).collect();
        let good = requests.iter().filter(|request| request.good).count() as u64;
        let mut sample = Sample::of(requests);
        sample.rerun = Rerun::of(records, basis, (terms.paced, terms.window), &sample.requests);
        let of = measured().count() as u64 + terms.dropped;
        sample.good = (!terms.objectives.is_empty()).then_some((good, of));
        if terms.paced {
            let first = measured().map(|record| record.due).min().unwrap_or(Stamp(0));
            sample.due = measured().map(|record| record.due.since(first)).collect();
            sample.due.sort_unstable();
        }
        sample
    }

    /// The same of requests that another tool measured at this concurrency.
    pub fn new(requests: impl IntoIterator<Item = Sampled>, slots: usize) -> Sample {
        let mut sample = Sample::of(requests);
        sample.rerun = Rerun::in_slots(slots, &sample.requests);
        sample
    }

    fn of(requests: impl IntoIterator<Item = Sampled>) -> Sample {
        let mut sample = Sample::default();
        for request in requests {
            let number = sample.requests.len() as u32;
            let mut osl = 0.0;
            for (metric, values) in request.values {
                let values = values.into_iter().filter(|&value| is_measurable(value));
                let column = sample.columns.entry(metric).or_default();
                let before = column.len();
                column.extend(values.map(|value| (value, number)));
                if metric == Metric::Osl && column.len() > before {
                    osl = column[before].0;
                }
            }
            let Sampled { ok, good, busy, .. } = request;
            sample.requests.push(Served { ok, good, busy_s: busy.as_secs(), osl });
        }
        sample.columns.values_mut().for_each(|column| column.sort_by(|a, b| a.0.total_cmp(&b.0)));
        sample
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// How many values of a metric there are, and how many requests have one at least.
    pub fn support(&self, metric: Metric) -> (usize, usize) {
        let Some(column) = self.columns.get(&metric) else { return (0, 0) };
        let mut has = vec![false; self.requests.len()];
        column.iter().for_each(|&(_, number)| has[number as usize] = true);
        (column.len(), has.into_iter().filter(|&has| has).count())
    }

    /// The number of values of all metrics.
    pub(super) fn values(&self) -> usize {
        self.columns.values().map(Vec::len).sum()
    }

    /// Every request once: the sample itself.
    pub(super) fn once(&self) -> Vec<u32> {
        vec![1; self.requests.len()]
    }

    /// How often each request is in one draw of as many.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng, weights: &mut [u32]) {
        weights.fill(0);
        for _ in 0..weights.len() {
            weights[rng.random_range(0..self.requests.len())] += 1;
        }
    }

    /// The quantities of a metric under these weights; NaN where the draw defines none.
    pub(super) fn moments(&self, metric: Metric, moments: &[Moment], weights: &[u32]) -> Vec<f64> {
        let column = self.columns.get(&metric).map_or(&[][..], Vec::as_slice);
        let weight = |number: u32| f64::from(weights[number as usize]);
        let (mut n, mut sum) = (0u64, 0.0);
        for &(value, number) in column {
            n += u64::from(weights[number as usize]);
            sum += weight(number) * value;
        }
        if n == 0 {
            return vec![f64::NAN; moments.len()];
        }
        let mean = sum / n as f64;
        let each = moments.iter().map(|moment| match moment {
            Moment::Mean => mean,
            Moment::Stddev if n < 2 => f64::NAN,
            Moment::Stddev => {
                let squares: f64 = column.iter().map(|&(v, i)| weight(i) * (v - mean) * (v - mean)).sum();
                (squares / (n - 1) as f64).sqrt()
            }
            Moment::At(level) => quantile(column, weights, n, level.share()),
        });
        each.collect()
    }

    /// The figures of the run when it is run again; `None` for an open loop's starts as they were where it is none.
    pub(super) fn again(&self, arrivals: Arrivals, rng: &mut ChaCha8Rng) -> Option<Yield> {
        let is_there = arrivals == Arrivals::Drawn || self.rerun.is_paced();
        is_there.then(|| self.rerun.again(&self.requests, arrivals, rng))
    }

    /// How many times as large the spread of a rate is as that of requests which have nothing to do with each other.
    pub(super) fn kinship(&self, quantity: Quantity) -> f64 {
        self.rerun.slots().map_or(1.0, |slots| kinship(&self.requests, slots, quantity))
    }

    /// When its requests were due, where that was not for the run to decide.
    pub(super) fn due(&self) -> Option<&[Span]> {
        self.rerun.is_paced().then_some(&self.due)
    }

    /// How many requests count for a share, and of how many; `None` for what is no share.
    pub(super) fn share(&self, quantity: Quantity) -> Option<(u64, u64)> {
        let count =
            |of: fn(&Served) -> bool| self.requests.iter().filter(|request| of(request)).count() as u64;
        match quantity {
            Quantity::Rate(Aggregate::ErrorRate) => {
                Some((count(|request| !request.ok), self.requests.len() as u64))
            }
            Quantity::GoodShare => self.good,
            _ => None,
        }
    }

    /// The rates whose spread is known.
    pub(super) fn rates(&self) -> Vec<Quantity> {
        let mut rates = [Aggregate::OutputThroughput, Aggregate::RequestThroughput, Aggregate::ErrorRate]
            .map(Quantity::Rate)
            .to_vec();
        if self.good.is_some() {
            rates.extend([Quantity::Rate(Aggregate::Goodput), Quantity::GoodShare]);
        }
        rates
    }

    /// What can be said of this sample, in the order of results.
    pub(super) fn metrics(&self) -> impl Iterator<Item = Metric> + '_ {
        Metric::ALL.into_iter().filter(|metric| self.columns.contains_key(metric))
    }
}

impl Sampled {
    fn of(record: &RequestRecord, basis: TokenBasis, objectives: &mut SloCounter) -> Sampled {
        let ok = record.outcome == Outcome::Ok;
        let values = |metric: Metric| {
            let mut values = Vec::new();
            metric.collect(record, basis, &mut |value| values.push(value));
            (metric, values)
        };
        let values = if ok { Metric::ALL.map(values).into() } else { vec![] };
        let values = values.into_iter().filter(|(_, values): &(_, Vec<f64>)| !values.is_empty()).collect();
        // What was never built was never sent.
        let busy = if reached_the_client(record) { record.end.since(record.sent) } else { Span(0) };
        Sampled { ok, good: objectives.is_good(record), busy, values }
    }
}

/// The value at `q * (n - 1)` of the sorted values, each as often as its request was drawn.
fn quantile(column: &[(f64, u32)], weights: &[u32], n: u64, q: f64) -> f64 {
    let position = q * (n - 1) as f64;
    let (rank, t) = (position.floor() as u64, position.fract());
    let mut passed = 0;
    let mut low = None;
    for &(value, number) in column {
        passed += u64::from(weights[number as usize]);
        if low.is_none() && passed > rank {
            low = Some(value);
        }
        if let Some(low) = low.filter(|_| passed > rank + 1 || t == 0.0) {
            return low + (value - low) * t;
        }
    }
    low.unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::metrics::{Context, Level, summarize};
    use crate::record::{Failure, FailureKind};

    fn records() -> Vec<RequestRecord> {
        let ok = (0..40u64).map(|id| record(id, &[50 + id * 17 % 23, 90 + id * 7 % 31, 150 + id % 3]));
        let failure = || Outcome::Failed(Failure::new(FailureKind::Reset, "no"));
        let failed =
            (40..50).map(|id| RequestRecord { outcome: failure(), end: ms(90), ..record(id, &[60]) });
        let cold = RequestRecord { warmup: true, ..record(90, &[9000]) };
        ok.chain(failed).chain([cold]).collect()
    }

    #[test]
    fn every_request_once_gives_the_numbers_of_the_summary() {
        let records = records();
        let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
        let summary = summarize(&records, Context::default());
        assert_eq!((sample.len(), sample.is_empty()), (50, false));
        let moments: Vec<Moment> = Moment::all().collect();
        for (metric, distribution) in &summary.distributions {
            let values = sample.moments(*metric, &moments, &sample.once());
            for (moment, value) in moments.iter().zip(values) {
                let expected = match moment {
                    Moment::Mean => Some(distribution.mean),
                    Moment::Stddev => distribution.stddev,
                    Moment::At(level) => distribution.at(*level).map(|quantile| quantile.value),
                };
                let Some(expected) = expected else { continue };
                assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{metric:?} {moment:?}");
            }
        }
        assert_eq!(sample.support(Metric::Itl), (80, 40));
        assert_eq!(sample.support(Metric::Connect), (0, 0));
        assert_eq!(sample.share(Quantity::Rate(Aggregate::ErrorRate)), Some((10, 50)));
        assert_eq!(sample.rates().len(), 3, "there are no objectives");
    }

    #[test]
    fn a_request_that_is_drawn_twice_counts_twice_with_all_its_gaps() {
        let sample = Sample::of_records(
            &[record(0, &[12, 22, 32]), record(1, &[22, 62])],
            TokenBasis::Local,
            &Terms::default(),
        );
        let moments = [Moment::Mean, Moment::At(Level::P50)];
        assert_eq!(sample.moments(Metric::Itl, &moments, &[1, 2]), [25.0, 25.0]);
        assert_eq!(sample.moments(Metric::Ttft, &moments, &[0, 2]), [20.0, 20.0]);
        assert!(sample.moments(Metric::Itl, &moments, &[0, 0]).iter().all(|value| value.is_nan()));
    }
}
