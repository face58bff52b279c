//! Statistics of a set of values, equal to what numpy and pandas give for the same values in the same order.

use super::interval::order_ranks;

/// Nothing measured is this large; beyond it a sum of squares may overflow.
const LARGEST: f64 = 1e140;

/// What can be said of a set of values. It never holds NaN or an infinity.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// How many values there were; at least 1.
    pub n: u64,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
    /// The sample standard deviation (ddof = 1); `None` for fewer than two values.
    pub stddev: Option<f64>,
    /// In the order of [`Level::ALL`]. [`Level::P999`] is there only where `n` supports it.
    pub quantiles: Vec<Quantile>,
    /// By how much, as a share of it, a quantile may differ from that of the values themselves: 0 where it is their own,
    /// more where there were too many to keep each. `n`, `min` and `max` are exact either way.
    pub relative_error: f64,
}

/// A quantile of a set of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    pub level: Level,
    /// Linear interpolation at `q * (n - 1)`, numpy's default.
    pub value: f64,
    /// The 95 % order-statistic confidence interval; `None` where `n` is too small to support one.
    pub ci95: Option<(f64, f64)>,
}

/// The quantiles that results show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    P25,
    P50,
    P75,
    P90,
    P95,
    P99,
    P999,
}

impl Level {
    /// Every level, from the lowest.
    pub const ALL: [Level; 7] =
        [Level::P25, Level::P50, Level::P75, Level::P90, Level::P95, Level::P99, Level::P999];

    /// The share of values at or below the quantile.
    pub fn share(self) -> f64 {
        match self {
            Level::P25 => 0.25,
            Level::P50 => 0.5,
            Level::P75 => 0.75,
            Level::P90 => 0.9,
            Level::P95 => 0.95,
            Level::P99 => 0.99,
            Level::P999 => 0.999,
        }
    }

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Level::P25 => "p25",
            Level::P50 => "p50",
            Level::P75 => "p75",
            Level::P90 => "p90",
            Level::P95 => "p95",
            Level::P99 => "p99",
            Level::P999 => "p99.9",
        }
    }
}

impl Distribution {
    /// The statistics of `values`, which need not be sorted; `None` where there are none.
    /// Values that are not finite, or beyond what anything measured can be, are left out.
    pub fn of(mut values: Vec<f64>) -> Option<Distribution> {
        values.retain(|&value| is_measurable(value));
        if values.is_empty() {
            return None;
        }
        let n = values.len();
        // Before sorting: the last bit of a sum depends on the order, and pandas sums in the order given.
        let mean = pairwise_sum(&values, &|value| value) / n as f64;
        let squares = pairwise_sum(&values, &|value| (mean - value) * (mean - value));
        let stddev = (n >= 2).then(|| (squares / (n - 1) as f64).sqrt());
        values.sort_unstable_by(f64::total_cmp);
        Some(Distribution {
            n: n as u64,
            mean,
            min: values[0],
            max: values[n - 1],
            stddev,
            quantiles: Level::ALL.iter().filter_map(|&level| quantile(&values, level)).collect(),
            relative_error: 0.0,
        })
    }

    /// The quantile at `level`, if it is there.
    pub fn at(&self, level: Level) -> Option<Quantile> {
        self.quantiles.iter().find(|quantile| quantile.level == level).copied()
    }
}

/// Whether anything measured can have this value: it is finite, and not beyond all bounds.
pub(super) fn is_measurable(value: f64) -> bool {
    value.abs() <= LARGEST
}

fn quantile(sorted: &[f64], level: Level) -> Option<Quantile> {
    let ci95 = order_ranks(sorted.len() as u64, level.share())
        .map(|(lower, upper)| (sorted[lower as usize - 1], sorted[upper as usize - 1]));
    if level == Level::P999 && ci95.is_none() {
        return None;
    }
    Some(Quantile { level, value: interpolate(sorted, level.share()), ci95 })
}

/// The value at `q * (n - 1)` of a sorted, non-empty slice, to the bit as numpy: from the nearer neighbour.
fn interpolate(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let below = position.floor();
    let t = position - below;
    let low = sorted[below as usize];
    let high = sorted[(below as usize + 1).min(sorted.len() - 1)];
    let step = high - low;
    if t >= 0.5 { high - step * (1.0 - t) } else { low + step * t }
}

/// The sum of `f` over the values, in numpy's order of additions (`pairwise_sum` in its loops_utils): the error
/// grows with log n, and the last bit is that of pandas.
fn pairwise_sum(values: &[f64], f: &impl Fn(f64) -> f64) -> f64 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    let n = values.len();
    if n < LANES {
        return values.iter().fold(0.0, |sum, &value| sum + f(value));
    }
    if n > BLOCK {
        let half = n / 2 - n / 2 % LANES;
        return pairwise_sum(&values[..half], f) + pairwise_sum(&values[half..], f);
    }
    let mut lanes = [0.0; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f(value);
        }
    }
    let [l0, l1, l2, l3, l4, l5, l6, l7] = lanes;
    let sum = ((l0 + l1) + (l2 + l3)) + ((l4 + l5) + (l6 + l7));
    chunks.remainder().iter().fold(sum, |sum, &value| sum + f(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Distribution {
        Distribution::of(values.to_vec()).unwrap()
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        let check = |values: &[f64], expected: [f64; 6]| {
            let actual: Vec<f64> = of(values).quantiles.iter().map(|quantile| quantile.value).collect();
            assert_eq!(actual, expected);
        };
        check(&[7.0], [7.0; 6]);
        check(&[4.0, 1.0, 3.0, 2.0], [1.75, 2.5, 3.25, 3.7, 3.8499999999999996, 3.9699999999999998]);
        check(
            &[0.1, 0.7, 0.30000000000000004, 12.25, 3.3, 0.2, 1e-3],
            [
                0.15000000000000002,
                0.30000000000000004,
                2.0,
                6.880000000000003,
                9.564999999999994,
                11.712999999999996,
            ],
        );
    }

    #[test]
    fn moments_are_those_of_pandas() {
        let check = |values: &[f64], mean: f64, stddev: Option<f64>| {
            let actual = of(values);
            assert_eq!((actual.mean, actual.stddev), (mean, stddev));
        };
        check(&[5.0], 5.0, None);
        check(&[1.0, 2.0, 3.0, 4.0], 2.5, Some(1.2909944487358056));
        check(&[51.0; 12], 51.0, Some(0.0));
        // More values than one block of the pairwise sum.
        let sevenths: Vec<f64> = (0..1000).map(|i| f64::from(i * 37 % 1000) / 7.0).collect();
        check(&sevenths, 71.35714285714288, Some(41.25991944224991));
    }

    #[test]
    fn p99_9_and_intervals_are_there_only_where_the_count_supports_them() {
        let check = |n: u32, level, value: bool, ci: bool| {
            let distribution = of(&(0..n).map(f64::from).collect::<Vec<_>>());
            let quantile = distribution.at(level);
            assert_eq!(quantile.is_some(), value, "{n} {level:?}");
            assert_eq!(quantile.is_some_and(|q| q.ci95.is_some()), ci, "{n} {level:?}");
        };
        check(71, Level::P95, true, false);
        check(72, Level::P95, true, true);
        check(3687, Level::P999, false, false);
        check(3688, Level::P999, true, true);
        let median = of(&(0..100).map(f64::from).collect::<Vec<_>>()).at(Level::P50).unwrap();
        assert_eq!(median.ci95, Some((39.0, 60.0)));
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        assert_eq!(Distribution::of(vec![]), None);
        assert_eq!(Distribution::of(vec![f64::NAN, f64::INFINITY, f64::MAX]), None);
        assert_eq!(Distribution::of(vec![f64::NAN, 2.0, f64::NEG_INFINITY]), Distribution::of(vec![2.0]));
    }

    proptest! {
        #[test]
        fn quantiles_are_finite_ordered_and_within_the_extremes(values in prop::collection::vec(any::<f64>(), 1..500)) {
            let Some(d) = Distribution::of(values) else { return Ok(()) };
            let slack = 1e-12 * d.max.abs().max(d.min.abs());
            let mut previous = d.min;
            for quantile in &d.quantiles {
                prop_assert!(quantile.value.is_finite());
                prop_assert!(quantile.value >= previous - slack);
                previous = quantile.value;
                if let Some((low, high)) = quantile.ci95 {
                    prop_assert!(low <= quantile.value + slack && quantile.value <= high + slack);
                }
            }
            prop_assert!(previous <= d.max + slack);
            prop_assert!(d.mean.is_finite() && d.stddev.is_none_or(f64::is_finite));
        }

        #[test]
        fn the_order_of_values_changes_at_most_the_last_bits_of_the_moments(values in prop::collection::vec(0.0..1e6, 2..300)) {
            let forward = of(&values);
            let backward = of(&values.iter().rev().copied().collect::<Vec<_>>());
            prop_assert_eq!(&forward.quantiles, &backward.quantiles);
            prop_assert!((forward.mean - backward.mean).abs() <= 1e-9 * forward.mean.abs());
        }
    }
}
