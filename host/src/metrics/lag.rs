//! A histogram of short times in bounded memory, for what is seen a hundred times a second for hours.

use crate::units::Span;

/// Buckets in each doubling of the value.
const PER_DOUBLING: u64 = 16;
const BITS: u32 = PER_DOUBLING.ilog2();

/// Counts of times; a quantile of it is too high by at most a sixteenth, and never too low.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LagHistogram {
    buckets: Vec<u64>,
    count: u64,
    max: Span,
}

impl Default for LagHistogram {
    fn default() -> LagHistogram {
        LagHistogram { buckets: vec![0; bucket(u64::MAX) + 1], count: 0, max: Span(0) }
    }
}

impl LagHistogram {
    pub fn add(&mut self, span: Span) {
        self.buckets[bucket(span.0)] += 1;
        self.count += 1;
        self.max = self.max.max(span);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn max(&self) -> Span {
        self.max
    }

    /// The smallest bucket's end that at least the share `q` of all values lies below, or the largest value where that is
    /// smaller; `None` where there are no values.
    pub fn quantile(&self, q: f64) -> Option<Span> {
        let rank = ((q * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Span(last_of(found)).min(self.max))
    }
}

/// The bucket of a value: exact below [`PER_DOUBLING`], from there on by the leading bits.
fn bucket(value: u64) -> usize {
    if value < PER_DOUBLING {
        return value as usize;
    }
    let shift = value.ilog2() - BITS;
    ((u64::from(shift) + 1) * PER_DOUBLING + ((value >> shift) - PER_DOUBLING)) as usize
}

/// The largest value in a bucket.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PER_DOUBLING {
        return bucket;
    }
    let shift = bucket / PER_DOUBLING - 1;
    let first = (bucket % PER_DOUBLING + PER_DOUBLING) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_no_bucket_is_wider_than_a_sixteenth() {
        for value in (0..5000).chain([u64::MAX, u64::MAX / 3, 1 << 40, (1 << 40) - 1]) {
            let last = last_of(bucket(value));
            assert!(last >= value && (last - value) as f64 <= value as f64 / 16.0, "{value} {last}");
            assert!(bucket(value) == 0 || last_of(bucket(value) - 1) < value, "{value}");
        }
    }

    #[test]
    fn quantiles_are_never_too_low_and_the_largest_is_exact() {
        let mut lags = LagHistogram::default();
        assert_eq!(lags.quantile(0.5), None);
        (1..=1000).for_each(|value| lags.add(Span(value * 1000)));
        for (q, exact) in [(0.0, 1000), (0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let found = lags.quantile(q).expect("values").0;
            assert!(found >= exact && found as f64 <= exact as f64 * 1.0625, "{q}: {found}");
        }
        assert_eq!((lags.count(), lags.max()), (1000, Span(1_000_000)));
    }
}
