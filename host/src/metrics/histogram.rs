//! A log-linear histogram: any number of values in half a megabyte, each quantile known to within [`RELATIVE_ERROR`].
//! Counts and sums are whole numbers, so that the order of values cannot matter.

use super::interval::order_ranks;
use super::{Distribution, Level, Quantile};

/// Buckets of equal width in each doubling.
const BUCKETS_PER_OCTAVE_BITS: u32 = 10;

/// For every doubling above the first two, which have a bucket for each whole number.
const BUCKETS: usize = (64 - BUCKETS_PER_OCTAVE_BITS as usize + 1) << BUCKETS_PER_OCTAVE_BITS;

/// Values are kept in millionths of their unit: of a time in milliseconds that is the nanosecond it was measured in.
const PER_UNIT: f64 = 1e6;

/// By how much, at most, a quantile may differ from that of the values themselves, as a share of it: half the width of a
/// bucket over its lower end. (What is no multiple of a millionth of its unit is rounded to one before.)
pub(super) const RELATIVE_ERROR: f64 = 1.0 / (2u64 << BUCKETS_PER_OCTAVE_BITS) as f64;

/// Values that are not kept one by one: finite, not negative, below 2^64 millionths of their unit.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    n: u64,
    /// As they were given.
    min: f64,
    max: f64,
    /// Of whole millionths. Saturating, as is the next: a file may hold any number.
    sum: u128,
    squares: u128,
}

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram {
            counts: vec![0; BUCKETS],
            n: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0,
            squares: 0,
        }
    }

    pub(super) fn push(&mut self, value: f64) {
        // The conversion saturates.
        let millionths = (value * PER_UNIT + 0.5) as u64;
        self.counts[bucket(millionths)] += 1;
        self.n += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let wide = u128::from(millionths);
        self.sum = self.sum.saturating_add(wide);
        self.squares = self.squares.saturating_add(wide * wide);
    }

    /// What can be said of the values; `None` where there are none. `n`, `min` and `max` are exact, mean and deviation
    /// as exact as millionths are.
    pub(super) fn distribution(&self) -> Option<Distribution> {
        if self.n == 0 {
            return None;
        }
        let mean = self.sum as f64 / self.n as f64 / PER_UNIT;
        Some(Distribution {
            n: self.n,
            mean: mean.clamp(self.min, self.max),
            min: self.min,
            max: self.max,
            stddev: self.stddev(),
            quantiles: self.quantiles(),
            relative_error: RELATIVE_ERROR,
        })
    }

    /// With ddof = 1. `None` for fewer than two values, and where the sum of squares is beyond counting.
    fn stddev(&self) -> Option<f64> {
        if self.n < 2 || self.squares == u128::MAX {
            return None;
        }
        let n = u128::from(self.n);
        // n * squares - sum^2: what two rounded numbers of nearly one size would leave is noise, so in whole numbers.
        let exact = || n.checked_mul(self.squares)?.checked_sub(self.sum.checked_mul(self.sum)?);
        let (count, sum) = (self.n as f64, self.sum as f64);
        let scaled = exact().map_or_else(|| count * self.squares as f64 - sum * sum, |exact| exact as f64);
        Some((scaled.max(0.0) / count / (count - 1.0)).sqrt() / PER_UNIT)
    }

    fn quantiles(&self) -> Vec<Quantile> {
        // Every rank that is asked for, in one pass over the buckets.
        let wanted: Vec<Wanted> = Level::ALL.iter().map(|&level| Wanted::of(level, self.n)).collect();
        let mut ranks: Vec<u64> = wanted.iter().flat_map(Wanted::ranks).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let values = self.at_ranks(&ranks);
        let value = |rank: u64| values[ranks.partition_point(|&other| other < rank)];
        let shown = wanted.iter().filter(|wanted| wanted.level != Level::P999 || wanted.interval.is_some());
        shown
            .map(|wanted| Quantile {
                level: wanted.level,
                value: value(wanted.below) * (1.0 - wanted.share)
                    + value(wanted.below + u64::from(wanted.share > 0.0)) * wanted.share,
                ci95: wanted.interval.map(|(lower, upper)| (value(lower), value(upper))),
            })
            .collect()
    }

    /// The values at ascending ranks, which count from 1.
    fn at_ranks(&self, ranks: &[u64]) -> Vec<f64> {
        let mut values = Vec::with_capacity(ranks.len());
        let mut passed = 0;
        for (index, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            passed += count;
            while ranks.get(values.len()).is_some_and(|&rank| rank <= passed) {
                values.push((middle(index) / PER_UNIT).clamp(self.min, self.max));
            }
        }
        values
    }
}

/// The ranks that a quantile is made of.
struct Wanted {
    level: Level,
    /// The order statistic at or below the quantile, and how far it is to the next.
    below: u64,
    share: f64,
    interval: Option<(u64, u64)>,
}

impl Wanted {
    fn of(level: Level, n: u64) -> Wanted {
        let position = level.share() * (n - 1) as f64;
        let interval = order_ranks(n, level.share());
        Wanted { level, below: position as u64 + 1, share: position.fract(), interval }
    }

    fn ranks(&self) -> impl Iterator<Item = u64> + use<> {
        let next = (self.share > 0.0).then_some(self.below + 1);
        let interval = self.interval.into_iter().flat_map(|(lower, upper)| [lower, upper]);
        std::iter::once(self.below).chain(next).chain(interval)
    }
}

/// The bucket of a whole number: its leading bits, and how many follow.
fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - 1 - (value | 1).leading_zeros()).saturating_sub(BUCKETS_PER_OCTAVE_BITS);
    ((shift as usize) << BUCKETS_PER_OCTAVE_BITS) + (value >> shift) as usize
}

/// The middle of the whole numbers in a bucket.
fn middle(bucket: usize) -> f64 {
    let shift = (bucket >> BUCKETS_PER_OCTAVE_BITS).saturating_sub(1);
    let low = ((bucket - (shift << BUCKETS_PER_OCTAVE_BITS)) as u64) << shift;
    low as f64 + ((1u64 << shift) - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Distribution {
        let mut histogram = Histogram::new();
        values.iter().for_each(|&value| histogram.push(value));
        histogram.distribution().unwrap()
    }

    #[test]
    fn buckets_follow_each_other_and_their_middles_are_within_the_error() {
        let mut previous = 0;
        for exponent in 0..64 {
            for value in [1u64 << exponent, (1 << exponent) + (1 << exponent) / 3, (1 << exponent) - 1] {
                let error = (middle(bucket(value)) - value as f64).abs();
                assert!(error <= RELATIVE_ERROR * value as f64, "{value}");
            }
            let bucket = bucket(1 << exponent);
            assert!(bucket > previous || exponent == 0);
            previous = bucket;
        }
        assert_eq!((bucket(0), bucket(2047), bucket(2048), bucket(4095)), (0, 2047, 2048, 3071));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_deviation_that_is_small_beside_the_mean_is_not_lost() {
        // 20 ms and a nanosecond or none.
        let values: Vec<f64> = (0..1000).map(|i| (20_000_000 + i % 2) as f64 / 1e6).collect();
        let deviation = of(&values).stddev.unwrap();
        assert!((deviation / 5.002_501_876_563_868e-7 - 1.0).abs() < 1e-9, "{deviation}");
    }

    #[test]
    fn what_no_run_can_measure_breaks_nothing() {
        let absurd = of(&[0.0, 1e100, 1e140]);
        assert_eq!((absurd.n, absurd.min, absurd.max), (3, 0.0, 1e140));
        assert!(absurd.quantiles.iter().all(|quantile| quantile.value.is_finite()));
        assert_eq!(Histogram::new().distribution(), None);
        assert_eq!(of(&[7.0]).stddev, None);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_stated_error_of_the_exact_ones(
            nanoseconds in prop::collection::vec(prop_oneof![0u64..3000, 1_000_000u64..30_000_000, 0..10_000_000_000_000u64], 1..5000),
        ) {
            let values: Vec<f64> = nanoseconds.iter().map(|&ns| ns as f64 / 1e6).collect();
            let (rough, exact) = (of(&values), Distribution::of(values).unwrap());
            // Interpolation adds rounding of its own.
            let bound = |value: f64| value * (RELATIVE_ERROR + 1e-12) + 1e-12;
            prop_assert_eq!((rough.n, rough.min, rough.max), (exact.n, exact.min, exact.max));
            prop_assert_eq!(rough.quantiles.len(), exact.quantiles.len());
            for (rough, exact) in rough.quantiles.iter().zip(&exact.quantiles) {
                prop_assert_eq!(rough.level, exact.level);
                prop_assert!((rough.value - exact.value).abs() <= bound(exact.value), "{:?} {:?}", rough, exact);
                prop_assert_eq!(rough.ci95.is_some(), exact.ci95.is_some());
                if let (Some(rough), Some(exact)) = (rough.ci95, exact.ci95) {
                    prop_assert!((rough.0 - exact.0).abs() <= bound(exact.0));
                    prop_assert!((rough.1 - exact.1).abs() <= bound(exact.1));
                }
            }
            prop_assert!((rough.mean - exact.mean).abs() <= 1e-9 * exact.mean + 1e-12);
            match (rough.stddev, exact.stddev) {
                (Some(rough), Some(exact)) => prop_assert!((rough - exact).abs() <= 1e-6 * exact + 1e-9),
                (rough, exact) => prop_assert_eq!(rough, exact),
            }
        }
    }
}
