//! Numbers with what resampling knows of them, and the differences between those of two runs.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::rerun::Arrivals;
use super::spread::{rate_draws, share_draws};
use super::{Moment, Quantity, Sample};
use crate::metrics::interval::order_ranks;
use crate::metrics::proportion::exact95;
use crate::metrics::{Level, Metric};
use crate::units::Span;

/// Draws that a 95 % interval is taken from: its ends then lie within some 0.5 % of where more would put them.
const DRAWS: usize = 2000;
/// Fewer give no interval worth the name.
const LEAST_DRAWS: usize = 200;
/// Values looked at in all draws together: a few seconds. Only long runs come to it, and they are sure with fewer draws.
const AFFORDABLE: usize = 400_000_000;
/// With fewer requests a draw is too like the sample for its spread to mean much.
const LEAST_REQUESTS: usize = 10;

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub value: f64,
    /// `None` where there are too few requests for one.
    pub ci95: Option<(f64, f64)>,
}

/// How far a number of one run is from that of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub from: f64,
    pub to: f64,
    /// The 95 % interval of `to - from`; `None` where either run has too few requests.
    pub absolute_ci95: Option<(f64, f64)>,
    /// The 95 % interval of `(to - from) / from`; infinite where that is infinite in the draws.
    pub relative_ci95: Option<(f64, f64)>,
}

/// The numbers of a run, each over all draws.
#[derive(Debug, Clone, Default)]
pub struct Estimates {
    rows: BTreeMap<Quantity, Row>,
    /// The requests that were drawn; `None` where there are none to draw.
    requests: Option<usize>,
    /// When requests were due, in an open loop.
    due: Option<Vec<Span>>,
}

#[derive(Debug, Clone)]
struct Row {
    value: f64,
    /// One value a draw; empty where there are too few requests.
    draws: Vec<f64>,
    /// The same of a rate with requests due when they were, in an open loop: against a run with the same times it is
    /// not the arrivals that make the difference.
    as_due: Vec<f64>,
    /// Of a share: how many requests are hits, and of how many.
    share: Option<(u64, u64)>,
}

impl Row {
    fn new(value: f64) -> Row {
        Row { value, draws: vec![], as_due: vec![], share: None }
    }
}

impl Estimates {
    /// Draws the requests of a run. `rates` are its rates as its summary has them: they know the window, which a sample does not.
    /// Runs that are compared get different `stream`s of one seed.
    pub fn of(sample: &Sample, rates: &[(Quantity, f64)], seed: u64, stream: u64) -> Estimates {
        let draws = (AFFORDABLE / sample.values().max(1)).clamp(LEAST_DRAWS, DRAWS);
        Estimates::of_draws(sample, rates, draws, (seed, stream))
    }

    /// The same with this number of draws.
    pub(super) fn of_draws(
        sample: &Sample,
        rates: &[(Quantity, f64)],
        draws: usize,
        (seed, stream): (u64, u64),
    ) -> Estimates {
        let moments: Vec<Moment> = Moment::all().collect();
        let mut estimates = Estimates { requests: Some(sample.len()), ..Estimates::default() };
        let once = sample.once();
        for metric in sample.metrics() {
            for (&moment, value) in moments.iter().zip(sample.moments(metric, &moments, &once)) {
                if value.is_finite() {
                    estimates.rows.insert(Quantity::Of(metric, moment), Row::new(value));
                }
            }
        }
        let known = sample.rates();
        for &(quantity, value) in rates.iter().filter(|(quantity, _)| known.contains(quantity)) {
            estimates.rows.insert(quantity, Row::new(value));
        }
        estimates.due = sample.due().map(<[Span]>::to_vec);
        estimates.draw(sample, draws, seed, stream);
        estimates
    }

    /// Without requests: values alone, and no interval.
    pub fn of_values(values: impl IntoIterator<Item = (Quantity, f64)>) -> Estimates {
        let row = |(quantity, value)| (quantity, Row::new(value));
        Estimates { rows: values.into_iter().map(row).collect(), ..Estimates::default() }
    }

    fn draw(&mut self, sample: &Sample, draws: usize, seed: u64, stream: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let supported: Vec<Quantity> =
            self.rows.keys().copied().filter(|&quantity| is_supported(sample, quantity)).collect();
        let by_metric: Vec<(Metric, Vec<Moment>)> =
            sample.metrics().map(|metric| (metric, moments_of(metric, &supported))).collect();
        let mut weights = vec![0; sample.len()];
        for _ in 0..if supported.is_empty() { 0 } else { draws } {
            sample.draw(&mut rng, &mut weights);
            for (metric, moments) in by_metric.iter().filter(|(_, moments)| !moments.is_empty()) {
                for (&moment, value) in moments.iter().zip(sample.moments(*metric, moments, &weights)) {
                    self.push(Quantity::Of(*metric, moment), value);
                }
            }
        }
        // Of their own stream: how many draws the rates take moves no other interval.
        rng.set_stream(stream | 1 << 63);
        self.draw_rates(sample, &supported, draws, &mut rng);
    }

    fn draw_rates(&mut self, sample: &Sample, supported: &[Quantity], draws: usize, rng: &mut ChaCha8Rng) {
        let rates: Vec<Quantity> =
            supported.iter().copied().filter(|quantity| !matches!(quantity, Quantity::Of(..))).collect();
        if rates.is_empty() {
            return;
        }
        let mut again = |arrivals| (0..draws).map_while(|_| sample.again(arrivals, rng)).collect::<Vec<_>>();
        let (drawn, as_due) = (again(Arrivals::Drawn), again(Arrivals::AsTheyWere));
        for quantity in rates {
            let Some(row) = self.rows.get_mut(&quantity) else { continue };
            if let Some((hits, of)) = sample.share(quantity) {
                row.draws = share_draws(hits, of, draws, rng);
                row.share = Some((hits, of));
            } else {
                let spread = (sample.len(), sample.kinship(quantity));
                row.draws = rate_draws(quantity, row.value, &drawn, spread, rng);
                row.as_due = rate_draws(quantity, row.value, &as_due, spread, rng);
            }
        }
    }

    fn push(&mut self, quantity: Quantity, value: f64) {
        if let Some(row) = self.rows.get_mut(&quantity) {
            row.draws.push(value);
        }
    }

    /// How many requests its intervals rest on.
    pub fn requests(&self) -> Option<usize> {
        self.requests
    }

    /// The number itself.
    pub fn value(&self, quantity: Quantity) -> Option<f64> {
        self.rows.get(&quantity).map(|row| row.value)
    }

    /// The number with its interval, which holds it. That of a share is exact; two runs with the same counts have the same.
    pub fn get(&self, quantity: Quantity) -> Option<Estimate> {
        let row = self.rows.get(&quantity)?;
        let interval = match row.share {
            Some((hits, of)) => exact95(hits, of),
            None => middle95(row.draws.clone()),
        };
        let ci95 = interval.map(|(low, high)| match quantity {
            Quantity::Of(..) => (low, high),
            _ => (low.min(row.value), high.max(row.value)),
        });
        Some(Estimate { value: row.value, ci95 })
    }

    /// From this run to the other; `None` where one of them lacks the number.
    pub fn difference(&self, other: &Estimates, quantity: Quantity) -> Option<Difference> {
        let (from, to) = (self.rows.get(&quantity)?, other.rows.get(&quantity)?);
        let same_load = self.due.is_some() && self.due == other.due;
        let draws = |row: &'_ Row| match same_load && !row.as_due.is_empty() {
            true => row.as_due.clone(),
            false => row.draws.clone(),
        };
        let (from_draws, to_draws) = (draws(from), draws(to));
        let pairs = || from_draws.iter().zip(&to_draws);
        Some(Difference {
            from: from.value,
            to: to.value,
            absolute_ci95: middle95(pairs().map(|(from, to)| to - from).collect()),
            relative_ci95: middle95(pairs().map(|(&from, &to)| relative(from, to)).collect()),
        })
    }
}

impl Difference {
    /// `to - from`.
    pub fn absolute(self) -> f64 {
        self.to - self.from
    }

    /// `(to - from) / from`; infinite where only `from` is zero.
    pub fn relative(self) -> f64 {
        relative(self.from, self.to)
    }

    /// Whether the interval leaves zero out; `None` where there is none.
    pub fn is_real(self) -> Option<bool> {
        self.absolute_ci95.map(|(low, high)| low > 0.0 || high < 0.0)
    }
}

fn relative(from: f64, to: f64) -> f64 {
    if from == to { 0.0 } else { (to - from) / from }
}

/// The least number of requests that an interval of this quantity takes, and whether the sample has them: ten, and for a
/// percentile as many values as support an interval by order statistics.
fn is_supported(sample: &Sample, quantity: Quantity) -> bool {
    let Quantity::Of(metric, moment) = quantity else { return sample.len() >= LEAST_REQUESTS };
    let (values, requests) = sample.support(metric);
    requests >= LEAST_REQUESTS && values >= least_values(moment)
}

/// How many values of one run an interval of this statistic takes.
pub(super) fn least_values(moment: Moment) -> usize {
    let supports = |level: Level, n: usize| order_ranks(n as u64, level.share()).is_some();
    match moment {
        Moment::Mean | Moment::Stddev => LEAST_REQUESTS,
        Moment::At(level) => (1..10_000).find(|&n| supports(level, n)).unwrap_or(10_000).max(LEAST_REQUESTS),
    }
}

fn moments_of(metric: Metric, quantities: &[Quantity]) -> Vec<Moment> {
    let moment = |quantity: &Quantity| match quantity {
        Quantity::Of(of, moment) if *of == metric => Some(*moment),
        _ => None,
    };
    quantities.iter().filter_map(moment).collect()
}

/// What lies between the outer 2.5 % on either side; `None` where there are too few values.
fn middle95(mut draws: Vec<f64>) -> Option<(f64, f64)> {
    draws.retain(|value| !value.is_nan());
    if draws.len() < LEAST_DRAWS {
        return None;
    }
    draws.sort_unstable_by(f64::total_cmp);
    let cut = (draws.len() as f64 * 0.025).floor() as usize;
    Some((draws[cut], draws[draws.len() - 1 - cut]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Aggregate, Terms, TokenBasis};

    fn estimates(n: u64, shift: u64, stream: u64) -> Estimates {
        let records: Vec<_> =
            (0..n).map(|id| record(id, &[50 + shift + id * 31 % 41, 120 + shift])).collect();
        let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
        Estimates::of(&sample, &[(Quantity::Rate(Aggregate::OutputThroughput), 100.0)], 7, stream)
    }

    const MEAN: Quantity = Quantity::Of(Metric::Ttft, Moment::Mean);

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_law() {
        let records: Vec<_> = (0..400u64).map(|id| record(id, &[50 + id * 31 % 401])).collect();
        let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
        let all = Estimates::of(&sample, &[], 1, 0);
        let (mean, stddev) =
            (all.get(MEAN).unwrap(), all.value(Quantity::Of(Metric::Ttft, Moment::Stddev)).unwrap());
        let half = 1.96 * stddev / 20.0;
        let (low, high) = mean.ci95.unwrap();
        assert!(
            (mean.value - low - half).abs() < 0.1 * half && (high - mean.value - half).abs() < 0.1 * half
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_stream_another() {
        assert_eq!(estimates(80, 0, 1).get(MEAN), estimates(80, 0, 1).get(MEAN));
        assert_ne!(estimates(80, 0, 1).get(MEAN), estimates(80, 0, 2).get(MEAN));
    }

    #[test]
    fn none_of_forty_failed_is_one_exact_bound_in_every_column() {
        let records: Vec<_> = (0..40u64).map(|id| record(id, &[50 + id])).collect();
        let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
        let errors = Quantity::Rate(Aggregate::ErrorRate);
        for stream in 0..3 {
            let estimates = Estimates::of(&sample, &[(errors, 0.0)], 7, stream);
            let (low, high) = estimates.get(errors).unwrap().ci95.unwrap();
            assert!(low == 0.0 && (high - 0.088_1).abs() < 1e-4, "{low} {high}");
        }
    }

    #[test]
    fn too_few_requests_have_numbers_and_no_interval() {
        let check = |n, quantity, supported: bool| {
            let estimate = estimates(n, 0, 0).get(quantity).unwrap();
            assert_eq!(estimate.ci95.is_some(), supported, "{n} {quantity:?}");
        };
        check(3, MEAN, false);
        check(9, MEAN, false);
        check(10, MEAN, true);
        let p95 = Quantity::Of(Metric::Ttft, Moment::At(Level::P95));
        check(71, p95, false);
        check(72, p95, true);
        check(9, Quantity::Rate(Aggregate::OutputThroughput), false);
        check(10, Quantity::Rate(Aggregate::OutputThroughput), true);
    }

    #[test]
    fn a_difference_has_a_direction_and_is_real_or_noise() {
        let slower = estimates(80, 0, 0).difference(&estimates(80, 30, 1), MEAN).unwrap();
        assert_eq!((slower.absolute(), slower.is_real()), (30.0, Some(true)));
        let (low, high) = slower.relative_ci95.unwrap();
        assert!(low < slower.relative() && slower.relative() < high && low > 0.3 && high < 0.6);
        let same = estimates(80, 0, 0).difference(&estimates(80, 0, 1), MEAN).unwrap();
        assert_eq!(same.is_real(), Some(false));
        assert_eq!(estimates(3, 0, 0).difference(&estimates(80, 0, 1), MEAN).unwrap().is_real(), None);
    }

    #[test]
    fn from_nothing_to_something_is_infinitely_more_and_nothing_to_nothing_is_none() {
        assert_eq!((relative(0.0, 0.0), relative(0.0, 0.2)), (0.0, f64::INFINITY));
    }
}
