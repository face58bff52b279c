//! The values of one metric as they come: kept one by one up to a number, in a histogram beyond it.

use super::Distribution;
use super::histogram::Histogram;
use super::stats::is_measurable;

/// 8 MiB a metric, which is a million requests: beyond it are the gaps between tokens of a long run, and few others.
const MOST_KEPT: usize = 1 << 20;

/// Values in no order. How many there were decides how they are held, so the same ones end the same in whatever order.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Kept(Vec<f64>),
    Counted(Box<Histogram>),
}

impl Values {
    pub(super) fn new() -> Values {
        Values::Kept(Vec::new())
    }

    /// Adds a value; one that nothing measured can have is left out.
    pub(super) fn push(&mut self, value: f64) {
        if !is_measurable(value) {
            return;
        }
        match self {
            Values::Counted(histogram) => histogram.push(value),
            Values::Kept(values) if values.len() < MOST_KEPT => values.push(value),
            Values::Kept(values) => {
                let mut histogram = Box::new(Histogram::new());
                values.drain(..).for_each(|value| histogram.push(value));
                histogram.push(value);
                *self = Values::Counted(histogram);
            }
        }
    }

    /// Their statistics; `None` where there are none.
    pub(super) fn distribution(self) -> Option<Distribution> {
        match self {
            Values::Kept(mut values) => {
                // The last bit of a sum depends on the order of its terms.
                values.sort_unstable_by(f64::total_cmp);
                Distribution::of(values)
            }
            Values::Counted(histogram) => histogram.distribution(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = f64>) -> Option<Distribution> {
        let mut all = Values::new();
        values.for_each(|value| all.push(value));
        all.distribution()
    }

    #[test]
    fn statistics_are_exact_up_to_a_number_and_say_when_they_are_not() {
        let value = |i: usize| (i * 7919 % 1_000_003) as f64 / 7.0;
        let exact = of((0..MOST_KEPT).map(value)).unwrap();
        let rough = of((0..=MOST_KEPT).map(value)).unwrap();
        assert_eq!((exact.n, exact.relative_error), (1 << 20, 0.0));
        assert_eq!((rough.n, rough.relative_error), ((1 << 20) + 1, 1.0 / 2048.0));
        for (exact, rough) in exact.quantiles.iter().zip(&rough.quantiles) {
            assert!((exact.value / rough.value - 1.0).abs() < 1.0 / 2048.0 + 1e-5, "{exact:?} {rough:?}");
        }
        assert_eq!(of((0..=MOST_KEPT).rev().map(value)), Some(rough));
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        assert_eq!(of([f64::NAN, f64::INFINITY].into_iter()), None);
        assert_eq!(of([f64::NAN, 2.0].into_iter()).map(|d| d.n), Some(1));
    }
}
